"use strict";
/* Draws the figures of a page from the JSON beside them: unpacks arrays, fits colours to the screen and panels to its
   width, and gives every figure with frames one slider. All sliders of a page move to the same step. Figures that show
   one of many things get boxes to choose it; a click on another figure chooses too, and so does the page's address. */
(() => {
  const NARROW = 640;
  const PRINTED = 690;
  const DARK = {
    "#1c1d21": "#e9e7e2", "#62666d": "#a0a4ab", "#e5e2dc": "#33373d", "#0072B2": "#5ab0ea", "#D55E00": "#ff8d45",
    "#083c6b": "#c5e6fb", "#8cc0e0": "#2f6a94", "#f4f1ea": "#202429", "#f7f5f2": "#202429", "#123a63": "#9fb8f0",
    "#b2512a": "#e0784d", "#e2ab8b": "#80482f", "#8fb9da": "#2f5f86", "#1f5f9c": "#5ba6e6"
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
  const chosen = {};
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
    if (figure.frames && figure.index !== figure.base) moment(figure, figure.index);
    if (spec.layout.meta?.picks) allowPicks(figure, spec.layout);
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

  /* Choosing: `chosen` holds a number for each name; every figure shows its option nearest to it. */
  function near(places, value) {
    const far = places.map((one) => Math.abs(one - value));
    return far.indexOf(Math.min(...far));
  }

  function place(one) {
    return chosen[one.name] === undefined ? one.active : near(one.values, chosen[one.name]);
  }

  function placeOf(figure, which) {
    return figure.choices.reduce((index, one) => index * one.values.length + which(one), 0);
  }

  function choose(values, leader) {
    Object.assign(chosen, values);
    for (const figure of figures) {
      if (figure.choices) {
        const index = placeOf(figure, place);
        if (index !== figure.index) {
          figure.index = index;
          moment(figure, index);
        }
        tellChoice(figure);
      }
      if (figure.frameIt) figure.frameIt();
    }
    if (!leader) return;
    const address = Object.entries(chosen).map(([name, value]) => `${name}=${value}`).join("&");
    try {
      history.replaceState(null, "", `#${address}`);
    } catch { /* a page in a frame may not change its address */ }
  }

  function tellChoice(figure) {
    figure.boxes?.forEach((box, k) => { box.selectedIndex = place(figure.choices[k]); });
    if (figure.output) figure.output.value = figure.frames[figure.index].name;
  }

  function addBoxes(figure) {
    const bar = document.createElement("div");
    bar.className = "control choosing";
    figure.boxes = figure.choices.map((one) => {
      const label = document.createElement("label");
      const box = document.createElement("select");
      one.texts.forEach((text) => box.append(new Option(text)));
      box.addEventListener("change", () => choose({ [one.name]: one.values[box.selectedIndex] }, figure));
      label.append(one.title, box);
      bar.append(label);
      return box;
    });
    figure.output = document.createElement("output");
    figure.output.setAttribute("aria-live", "polite");
    bar.append(figure.output);
    figure.plot.before(bar);
    tellChoice(figure);
  }

  function allowPicks(figure, layout) {
    const picks = layout.meta.picks;
    const others = [...(layout.shapes ?? [])];
    const half = (places) => Math.min(...places.slice(1).map((one, k) => Math.abs(one - places[k])), Infinity) / 2;
    figure.frameIt = () => {
      if (picks.some((one) => chosen[one.name] === undefined)) return;
      const shape = { type: "rect", line: { color: dark.matches && !printing ? "#e9e7e2" : "#1c1d21", width: 3 } };
      for (const { axis, places, values, name } of picks) {
        const middle = places[near(values, chosen[name])];
        const reach = places.length > 1 ? half(places) : 0.1;
        Object.assign(shape, { [`${axis}0`]: middle - reach, [`${axis}1`]: middle + reach });
      }
      Plotly.relayout(figure.plot, { shapes: [...others, shape] });
    };
    figure.plot.on("plotly_click", ({ points: [point] }) => {
      const pairs = picks.map((one) => [one.name, one.values[near(one.places, point[one.axis])]]);
      choose(Object.fromEntries(pairs), figure);
      const shown = figures.find((one) => one.choices?.length > 1);
      shown?.plot.scrollIntoView({ block: "nearest" });
    });
    figure.plot.classList.add("picking");
    figure.frameIt();
  }

  function readAddress() {
    const given = {};
    for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
      if (text !== "" && Number.isFinite(Number(text))) given[name] = Number(text);
    }
    return given;
  }

  function start(holder) {
    const figure = { plot: holder.querySelector(".plot"), text: holder.querySelector("script").textContent, index: 0 };
    const spec = JSON.parse(figure.text);
    figure.choices = spec.layout.meta?.choices;
    figure.base = figure.choices ? placeOf(figure, (one) => one.active) : Math.max((spec.frames?.length ?? 0) - 1, 0);
    figure.index = figure.choices ? placeOf(figure, place) : figure.base;
    figures.push(figure);
    return draw(figure).then(() => {
      if (figure.choices) addBoxes(figure);
      else if (figure.frames) addControl(figure);
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
    Object.assign(chosen, readAddress());
    addEventListener("hashchange", () => choose(readAddress()));
    for (const holder of holders) {
      try {
        await start(holder);
      } catch (error) {
        holder.querySelector(".plot").textContent = `This figure cannot be drawn here: ${error.message}`;
      }
      await new Promise((done) => setTimeout(done));
    }
    for (const one of figures.flatMap((figure) => figure.choices ?? [])) chosen[one.name] ??= one.values[one.active];
    choose({});
    document.documentElement.dataset.drawn = String(figures.length);
    dark.addEventListener("change", redraw);
    addEventListener("beforeprint", () => { printing = true; redraw(); });
    addEventListener("afterprint", () => { printing = false; redraw(); });
  }

  startAll();
})();
