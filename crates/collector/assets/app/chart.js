// The chart of the rates. uPlot draws it; the numbers beside it say the same as text.

import { Component, html } from "./html.js";
import { RATES } from "./rates.js";
import { clock, rate } from "./words.js";

const HEIGHT = 160;
const dark = matchMedia("(prefers-color-scheme: dark)");

export class Chart extends Component {
  constructor() {
    super();
    this.redraw = () => this.draw();
    this.resized = new ResizeObserver(() => this.plot?.setSize({ width: this.width(), height: HEIGHT }));
  }

  componentDidMount() {
    this.draw();
    this.resized.observe(this.place);
    dark.addEventListener("change", this.redraw);
  }

  componentDidUpdate() {
    this.plot?.setData(this.props.columns);
  }

  componentWillUnmount() {
    this.resized.disconnect();
    dark.removeEventListener("change", this.redraw);
    this.plot?.destroy();
  }

  width() {
    return Math.max(this.place.clientWidth, 100);
  }

  // The colours are those of the style sheet, which depend on the colour scheme.
  draw() {
    this.plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
    this.plot = new uPlot({
      width: this.width(),
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        // The newest sample is at the right edge, and the whole period is shown from the start.
        x: { range: (_, oldest, newest) => [(newest ?? Date.now() / 1000) - this.props.seconds, newest ?? Date.now() / 1000] },
        y: { range: (_, low, high) => [0, Math.max(1, 1.1 * (high ?? 1))] },
      },
      axes: [
        { ...axis, values: (_, times) => times.map((time) => clock(new Date(1000 * time).toISOString()).slice(11, 19)) },
        { ...axis, size: 60, values: (_, values) => values.map(rate) },
      ],
      series: [{}, ...RATES.map((name) => ({ label: name, stroke: colour(name), width: 2, points: { show: false } }))],
    }, this.props.columns, this.place);
  }

  render() {
    return html`<div class="chart" role="img" aria-label=${this.props.label} ref=${(element) => { this.place = element ?? this.place; }}></div>`;
  }
}
