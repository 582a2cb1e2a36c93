// The overview: what needs attention, the figures, the rates, the routers.

import { addresses } from "./address.js";
import { askAll } from "./ask.js";
import { attention } from "./attention.js";
import { Chart } from "./chart.js";
import { Component, html } from "./html.js";
import { RATES } from "./rates.js";
import { Since, State, Table } from "./table.js";
import { counted, duration, number, rate } from "./words.js";

const FEW_ROUTERS = 100;
const PERIODS = [
  { name: "1 minute", seconds: 60 },
  { name: "5 minutes", seconds: 300 },
  { name: "1 hour", seconds: 3600 },
];

const Figure = ({ name, value, note, id }) => html`
  <div class="figure"><dt>${name}</dt><dd id=${id}>${value}</dd>${note && html`<dd class="note">${note}</dd>`}</div>`;

function Attention({ items }) {
  return html`
    <section aria-labelledby="attention">
      <h2 id="attention">Needs attention</h2>
      <p role="status" class=${items.length ? "visually-hidden" : "good"}>
        ${items.length ? counted(items.length, "item") : "Nothing needs attention."}</p>
      ${items.length > 0 && html`<ul class="attention">${items.map((item) => html`
        <li key=${item.text} class=${item.level}>
          <span class="level">${item.level}</span>
          <div><strong>${item.address ? html`<a href=${item.address}>${item.text}</a>` : item.text}</strong> <span>${item.remedy}</span></div>
        </li>`)}</ul>`}
    </section>`;
}

class RateSection extends Component {
  constructor() {
    super();
    this.state = { period: PERIODS[0] };
  }

  render({ rates }, { period }) {
    const columns = rates.columns(period.seconds);
    const seen = columns[0].length ? duration(1000 * (columns[0].at(-1) - columns[0][0])) : "0 s";
    return html`
      <section aria-labelledby="rates">
        <h2 id="rates">Updates per second</h2>
        <dl class="figures">
          ${RATES.map((name) => html`<div class="figure rate ${name}" key=${name}><dt>${name}</dt><dd>${rate(rates.latest(name))}</dd></div>`)}
        </dl>
        <${Chart} columns=${columns} seconds=${period.seconds} label="Updates per second of the last ${seen}: received, emitted and suppressed" />
        <p class="choice" role="group" aria-label="Period of the chart">
          ${PERIODS.map((choice) => html`<button type="button" key=${choice.name} aria-pressed=${choice === period ? "true" : "false"}
            onClick=${() => this.setState({ period: choice })}>${choice.name}</button>`)}
          <span class="note">Times are UTC. ${seen} are shown.</span>
        </p>
      </section>`;
  }
}

const urgency = (router) => (router.state !== "up" ? 0 : router.needsResync || router.peersUp < router.peers ? 1 : 2);

class RouterSection extends Component {
  constructor() {
    super();
    this.state = { filter: "", all: false };
  }

  render({ routers }, { filter, all }) {
    const wanted = filter.trim().toLowerCase();
    const texts = (router) => [router.routerAddr, router.name, router.sysName, router.state, router.sysDescr];
    const found = routers.filter((router) => !wanted || texts(router).some((text) => text?.toLowerCase().includes(wanted)));
    found.sort((one, other) => urgency(one) - urgency(other));
    const shown = all ? found : found.slice(0, FEW_ROUTERS);
    return html`
      <section aria-labelledby="routers">
        <h2 id="routers">Routers</h2>
        <label class="filter">Filter by address, name or state
          <input type="search" value=${filter} onInput=${(event) => this.setState({ filter: event.target.value })} autocomplete="off" /></label>
        <p role="status" class="note">${found.length === routers.length ? counted(routers.length, "router") : `${number(found.length)} of ${counted(routers.length, "router")}`}${shown.length < found.length ? `, of which ${number(shown.length)} are shown` : ""}</p>
        <${RouterTable} routers=${shown} />
        ${shown.length < found.length && html`<button type="button" onClick=${() => this.setState({ all: true })}>Show all ${number(found.length)}</button>`}
      </section>`;
  }
}

const ROUTER_COLUMNS = [
  { name: "Router", cell: (router) => html`<a href=${addresses.router(router.routerAddr)}>${router.routerAddr}</a>` },
  { name: "Name", cell: (router) => router.name ?? router.sysName ?? "" },
  { name: "State", cell: (router) => html`<${State} state=${router.state} />${router.needsResync && html` <span class="state lost">needs resync</span>`}` },
  { name: "Since", kind: "minor", cell: (router) => html`<${Since} time=${router.since} />` },
  { name: "Peers up", kind: "number", cell: (router) => `${number(router.peersUp)} of ${number(router.peers)}` },
  { name: "Routes", kind: "number", cell: (router) => number(router.routes) },
  { name: "Description", kind: "minor", cell: (router) => router.sysDescr ?? "" },
];

const RouterTable = ({ routers }) => html`<${Table} caption="Routers" columns=${ROUTER_COLUMNS} rows=${routers} keyOf=${(router) => router.routerAddr}
  none="No router. Point a router's BMP session at the collector." />`;

function Body({ data: routers, live }) {
  const sum = (name) => routers.reduce((total, router) => total + router[name], 0);
  const up = routers.filter((router) => router.state === "up").length;
  const peers = sum("peers");
  const peersUp = sum("peersUp");
  return html`
    <${Attention} items=${attention({ routers, ...live })} />
    <section aria-labelledby="figures">
      <h2 id="figures">Now</h2>
      <dl class="figures">
        <${Figure} name="Routers up" id="routers-up" value=${number(up)} note=${`of ${number(routers.length)}`} />
        <${Figure} name="Peers up" id="peers-up" value=${number(peersUp)} note=${peersUp < peers ? `${number(peers - peersUp)} down` : "all"} />
        <${Figure} name="Routes" id="routes" value=${number(sum("routes"))} />
        <${Figure} name="Sink" id="sink" value=${live.sink?.sink ?? "–"} note=${sinkNote(live)} />
      </dl>
    </section>
    <${RateSection} rates=${live.rates} />
    <${RouterSection} routers=${routers} />`;
}

function sinkNote({ sink }) {
  if (!sink) return null;
  const behind = sink.batchesBehind ? `, ${counted(sink.batchesBehind, "batch", "batches")} behind` : "";
  return (sink.ready ? "works" : "does not take updates") + behind;
}

export const overview = {
  title: () => "Overview",
  pauseMs: 2000,
  load: (_, signal) => askAll("routers", "routers", signal),
  Body,
};
