"use strict";
/* Draws the figures of a page from the JSON beside them: unpacks arrays, fits colours to the screen and panels to its
   width, and gives every figure with frames one slider. All sliders of a page move to the same step. */
(() => {
  const NARROW = 640;
  const PRINTED = 690;
  const DARK = {
    "#1c1d21": "#e9e7e2", "#62666d": "#a0a4ab", "#e5e2dc": "#33373d", "#0072B2": "#5ab0ea", "#D55E00": "#ff8d45",
    "#083c6b": "#c5e6fb", "#8cc0e0": "#2f6a94", "#f4f1ea": "#202429", "#f7f5f2": "#202429", "#123a63": "#9fb8f0"
  };
  const TYPES = { i2: Int16Array, u1: Uint8Array, f4: Float32Array, f8: Float64Array };
  const CONFIG = {
    responsive: true, displayModeBar: "hover", displaylogo: false, showTips: false,
    modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    toImageButtonOptions: { format: "svg", filename: "simplebias" }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)");
  const figures = [];
  let printing = false;

  function numbers(packed) {
    const bytes = Uint8Array.from(atob(packed.bdata), (letter) => letter.charCodeAt(0));
    let values = new TYPES[packed.dtype](bytes.buffer);
    if (packed.scale !== undefined) {
      values = Float64Array.from(values, (whole) => (whole === -32768 ? NaN : whole * packed.scale + packed.offset));
    }
    if (packed.shape === undefined) return values;
    const width = packed.shape[1];
    return Array.from({ length: packed.shape[0] }, (_, row) => values.subarray(row * width, (row + 1) * width));
  }

  function unpack(node) {
    if (Array.isArray(node)) return node.map(unpack);
    if (node === null || typeof node !== "object") return node;
    if (node.bdata !== undefined) return numbers(node);
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, unpack(value)]));
  }

  function parse(text) {
    if (dark.matches && !printing) {
      for (const [light, other] of Object.entries(DARK)) text = text.replaceAll(light, other);
    }
    return unpack(JSON.parse(text));
  }

  function width(figure) {
    return printing ? PRINTED : figure.plot.clientWidth;
  }

  function arrange(figure, layout) {
    const small = width(figure) < NARROW;
    figure.small = small;
    for (const [path, value] of small ? Object.entries(layout.meta?.narrow ?? {}) : []) {
      const [first, ...rest] = path.split(".");
      if (rest.length === 0) layout[first] = value;
      else (layout[first] ??= {})[rest.join(".")] = value;
    }
    if (touch.matches) layout.dragmode = false;
    if (printing) Object.assign(layout, { width: PRINTED, height: 0.78 * layout.height, autosize: false });
    return layout;
  }

  function moment(figure, index) {
    const frame = figure.frames[index];
    const groups = new Map();
    frame.data.forEach((change, place) => {
      const keys = Object.keys(change).join();
      if (keys === "") return;
      if (!groups.has(keys)) groups.set(keys, { update: {}, traces: [] });
      const group = groups.get(keys);
      for (const [key, value] of Object.entries(change)) (group.update[key] ??= []).push(value);
      group.traces.push(frame.traces[place]);
    });
    for (const { update, traces } of groups.values()) Plotly.restyle(figure.plot, update, traces);
  }

  function draw(figure) {
    const spec = parse(figure.text);
    figure.frames = spec.frames;
    figure.plot.replaceChildren();
    const layout = arrange(figure, spec.layout);
    const bar = figure.small || printing ? { displayModeBar: false } : {};
    const drawn = Plotly.newPlot(figure.plot, spec.data, layout, { ...CONFIG, ...bar });
    if (figure.frames && figure.index < figure.frames.length - 1) moment(figure, figure.index);
    return drawn;
  }

  function redraw() {
    for (const figure of figures) {
      Plotly.purge(figure.plot);
      draw(figure);
    }
  }

  function tell(figure) {
    const step = Number(figure.frames[figure.index].name).toLocaleString("en");
    figure.input.value = figure.index;
    figure.input.setAttribute("aria-valuetext", `step ${step}`);
    figure.output.value = `step ${step}`;
  }

  function nearest(figure, step) {
    const far = figure.frames.map((frame) => Math.abs(Number(frame.name) - step));
    return far.indexOf(Math.min(...far));
  }

  let asked = null;
  function moveAll(leader, index) {
    const step = Number(leader.frames[index].name);
    if (asked === null) {
      setTimeout(() => {
        const todo = asked;
        asked = null;
        for (const [figure, place] of todo) {
          if (figure.index !== place) {
            figure.index = place;
            moment(figure, place);
          }
          tell(figure);
        }
      }, 16);
    }
    asked = figures.filter((figure) => figure.frames && figure.input).map((figure) => [figure, figure === leader ? index : nearest(figure, step)]);
  }

  function addControl(figure) {
    const bar = document.createElement("div");
    bar.className = "control";
    const play = document.createElement("button");
    play.type = "button";
    const input = document.createElement("input");
    Object.assign(input, { type: "range", min: 0, max: figure.frames.length - 1, step: 1 });
    input.setAttribute("aria-label", "training step");
    const output = document.createElement("output");
    bar.append(play, input, output);
    figure.plot.after(bar);
    Object.assign(figure, { input, output });
    let timer = null;
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "▶";
      play.setAttribute("aria-label", "play the training");
    };
    stop();
    input.addEventListener("input", () => { stop(); moveAll(figure, Number(input.value)); });
    play.addEventListener("click", () => {
      if (timer !== null) return stop();
      let next = figure.index >= figure.frames.length - 1 ? 0 : figure.index + 1;
      play.textContent = "❚❚";
      play.setAttribute("aria-label", "pause");
      timer = setInterval(() => {
        moveAll(figure, next);
        next += 1;
        if (next >= figure.frames.length) stop();
      }, 160);
    });
    tell(figure);
  }

  function start(holder) {
    const figure = { plot: holder.querySelector(".plot"), text: holder.querySelector("script").textContent, index: 0 };
    const count = JSON.parse(figure.text).frames?.length ?? 0;
    figure.index = Math.max(count - 1, 0);
    figures.push(figure);
    return draw(figure).then(() => {
      if (figure.frames) addControl(figure);
      new ResizeObserver(() => {
        if (printing || figure.plot.clientWidth === 0) return;
        if ((figure.plot.clientWidth < NARROW) !== figure.small) {
          Plotly.purge(figure.plot);
          draw(figure);
        }
      }).observe(figure.plot);
    });
  }

  async function startAll() {
    const holders = [...document.querySelectorAll("figure.interactive")];
    if (typeof Plotly === "undefined") {
      for (const holder of holders) holder.querySelector(".plot").textContent = "The drawing script is missing: keep plotly.min.js beside this file.";
      return;
    }
    for (const holder of holders) {
      try {
        await start(holder);
      } catch (error) {
        holder.querySelector(".plot").textContent = `This figure cannot be drawn here: ${error.message}`;
      }
      await new Promise((done) => setTimeout(done));
    }
    document.documentElement.dataset.drawn = String(figures.length);
    dark.addEventListener("change", redraw);
    addEventListener("beforeprint", () => { printing = true; redraw(); });
    addEventListener("afterprint", () => { printing = false; redraw(); });
  }

  startAll();
})();
