"""In a real browser: figures are drawn, the slider moves them, nothing is refused. Skipped without Chromium."""

import json
import re
import shutil
import subprocess

import pytest

import simplebias.reports.page
from simplebias.core.run import Run
from simplebias.reports import Exhibit, figures, write_gallery, write_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")

PROBE = """
;(async () => {
  const root = document.documentElement;
  for (let k = 0; k < 400 && root.dataset.drawn === undefined; k++) await new Promise((done) => setTimeout(done, 25));
  const figure = document.querySelector("figure.interactive");
  const plot = figure.querySelector(".plot");
  const sliders = [...document.querySelectorAll(".control input")];
  const lines = () => ["target", "network"].map(
    (name) => plot.data.find((trace) => trace.name === name && (trace.xaxis ?? "x") === "x").y[5]);
  const ends = lines();
  sliders[0].value = 0;
  sliders[0].dispatchEvent(new Event("input"));
  await new Promise((done) => setTimeout(done, 300));
  const found = {
    ends, starts: lines(),
    told: [...document.querySelectorAll(".control output")].map((one) => one.value),
    spoken: sliders[0].getAttribute("aria-valuetext"), sliders: sliders.map((one) => Number(one.value)),
    images: document.images.length
  };
  root.dataset.probe = JSON.stringify(found);
})();
"""

CHOOSING = """
;(async () => {
  const root = document.documentElement, found = {};
  const wait = (time) => new Promise((done) => setTimeout(done, time));
  for (let k = 0; k < 400 && root.dataset.drawn === undefined; k++) await wait(25);
  const [plane, cell, grid] = [...document.querySelectorAll("figure.interactive .plot")];
  const state = async (name) => {
    await wait(100);
    found[name] = {
      told: [...document.querySelectorAll(".control output")].map((one) => one.value), address: location.hash,
      neurons: cell.data.find((one) => one.name === "neurons").x.length,
      boxes: [...document.querySelectorAll("select")].map((one) => one.value),
      frames: [plane, grid].map((one) => one.layout.shapes.map((each) => [each.x0, each.x1, each.y0, each.y1]))
    };
  };
  await state("given");
  plane.emit("plotly_click", { points: [{ x: 0.61, y: -0.19 }] });
  await state("plane");
  grid.emit("plotly_click", { points: [{ x: 1, y: 1 }] });
  await state("grid");
  const box = document.querySelectorAll("select")[2];
  box.selectedIndex = 0;
  box.dispatchEvent(new Event("change"));
  await state("box");
  root.dataset.probe = JSON.stringify(found);
})();
"""


def opened(path, tmp_path, width=1200, fragment=""):
    """The page after its scripts ran, and what the browser said."""
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --enable-logging=stderr --v=0 --virtual-time-budget=12000"
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [
        BROWSER,
        *options.split(),
        profile,
        f"--window-size={width},900",
        "--dump-dom",
        f"{path.as_uri()}#{fragment}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return re.sub(r"<script.*?</script>", "", done.stdout, flags=re.DOTALL), said


@pytest.mark.parametrize("name", ["hostile", "colour picture", "all diverged"])
def test_figures_are_drawn_without_complaint(runs, tmp_path, name):
    shown, said = opened(write_report(runs[name], tmp_path / "report.html"), tmp_path)
    assert said == []
    assert f'data-drawn="{len(figures(runs[name]))}"' in shown
    assert "cannot be drawn" not in shown
    assert "Drawing …" not in shown


def test_one_slider_moves_every_figure(runs, tmp_path, monkeypatch):
    resource = simplebias.reports.page.resource
    monkeypatch.setattr(
        simplebias.reports.page, "resource", lambda name: resource(name) + (PROBE if name == "page.js" else "")
    )
    shown, said = opened(write_report(runs["single seed"], tmp_path / "report.html"), tmp_path)
    assert said == []
    found = json.loads(shown.split('data-probe="')[1].split('"')[0].replace("&quot;", '"'))
    assert found["told"] == ["step 0", "step 0"]
    assert found["spoken"] == "step 0"
    assert found["sliders"] == [0, 0]
    target, network = found["ends"]
    assert network == pytest.approx(target, rel=0.2)
    assert found["starts"][0] == target
    assert abs(found["starts"][1]) < 0.2 * abs(target)


def test_claims_find_the_script_beside_them(runs, tmp_path):
    claim = Exhibit("f01", "Low first", "Low comes first.", "true", figures=figures(runs["digits"]))
    index = write_gallery([claim], tmp_path / "gallery")
    shown, said = opened(index.parent / "f01.html", tmp_path)
    assert said == []
    assert 'data-drawn="' in shown
    assert opened(index, tmp_path)[1] == []


def test_address_click_and_box_choose_a_cell(phases, tmp_path, monkeypatch):
    resource = simplebias.reports.page.resource
    changed = lambda name: resource(name) + (CHOOSING if name == "page.js" else "")
    monkeypatch.setattr(simplebias.reports.page, "resource", changed)
    page = write_report(Run(phases()), tmp_path / "report.html")
    shown, said = opened(page, tmp_path, fragment="gamma=1.4&gamma_prime=0.2&width=100")
    assert said == []
    found = json.loads(shown.split('data-probe="')[1].split('"')[0].replace("&quot;", '"').replace("&amp;", "&"))
    assert found["given"]["told"][0].startswith("γ = 1.4, γ′ = 0.2, width 100: ")
    assert found["given"]["told"][1] == "width 100: 5 of 6 cells"  # the grid follows
    assert found["plane"]["told"][0] == "γ = 0.6, γ′ = −0.2, width 100: diverged"
    assert found["plane"]["neurons"] == 0
    assert found["plane"]["frames"] == [
        [pytest.approx([0.4, 0.8, -0.4, 0.0])],
        [pytest.approx([-0.5, 0.5, -0.5, 0.5])],
    ]
    assert found["grid"]["told"][0].startswith("γ = 1, γ′ = 0.2, width 100: relative change")
    assert found["grid"]["neurons"] == 30
    assert found["grid"]["address"] == "#gamma=1&gamma_prime=0.2&width=100"
    assert found["box"]["boxes"] == ["1", "0.2", "100", "100"]
