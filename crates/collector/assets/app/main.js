// The page: keeps what it shows, asks again and again, and draws.

import { addresses, readAddress } from "./address.js";
import { ask, askReadiness } from "./ask.js";
import { events } from "./events.js";
import { Frame } from "./frame.js";
import { html, render } from "./html.js";
import { malformed, malformedMessage } from "./malformed.js";
import { overview } from "./overview.js";
import { peer } from "./peer.js";
import { Poll } from "./poll.js";
import { prefix } from "./prefix.js";
import { Rates } from "./rates.js";
import { router } from "./router.js";
import { tail } from "./tail.js";
import { workers } from "./workers.js";

const LIVE_PAUSE_MS = 1000;
const TYPING_PAUSE_MS = 150;

const unknown = {
  title: () => "No such view",
  pauseMs: 3600_000,
  load: async () => null,
  Body: () => html`<p>This address names no view. <a href=${addresses.overview()}>Go to the overview</a>.</p>`,
};
const views = { overview, router, peer, prefix, tail, events, malformed, malformedMessage, workers, unknown };

const place = document.getElementById("page");
const live = { rates: new Rates(), workers: null, sink: null, readiness: null, offline: null };
let address = readAddress(location.hash);
let result = {};
let search = "";
let typing = 0;
let viewPoll = null;
let livePoll = null;

function draw() {
  const view = views[address.view];
  document.title = `${view.title(address.parameters)} – Arancini`;
  render(html`<${Frame} address=${address} view=${view} result=${result} live=${live} search=${search} onSearch=${typed} onToken=${start} />`, place);
}

/// Asks for the view. Until the answer comes, the last answer stays if it was one of the same view and `keep` is set.
function showView(keep) {
  viewPoll?.stop();
  if (!keep) result = {};
  const view = views[address.view];
  const { parameters } = address;
  viewPoll = new Poll((signal) => view.load(parameters, signal), (next) => {
    // The last answer stays while the collector can't answer. It goes when the question is wrong, or what it names is gone.
    const isPassing = next.error && (next.error.status === 0 || next.error.status >= 500);
    result = isPassing ? { ...result, error: next.error } : next;
    draw();
  }, view.pauseMs);
  draw();
}

async function loadLive(signal) {
  const [{ workers }, sink, readiness] = await Promise.all([ask("workers", signal), ask("sink", signal), askReadiness(signal)]);
  return { workers, sink, readiness, timeMs: Date.now() };
}

function showLive({ data, error }) {
  live.offline = error?.status === 0 ? error : null;
  if (data) {
    live.rates.take(data.workers, data.timeMs);
    Object.assign(live, { workers: data.workers, sink: data.sink, readiness: data.readiness });
  }
  draw();
}

/// Asks for the rates of the last hour. Without an answer, the chart begins when the page was opened.
async function beginRates() {
  try {
    const { rates } = await ask("rates");
    live.rates = new Rates();
    live.rates.begin(rates, Date.now());
    draw();
  } catch {
    // The views show why the collector does not answer.
  }
}

function start() {
  livePoll?.stop();
  beginRates();
  livePoll = new Poll(loadLive, showLive, LIVE_PAUSE_MS);
  showView(false);
}

/// Searches while a prefix is typed. The whole search is one step of the browser's history.
function typed(text) {
  search = text;
  clearTimeout(typing);
  typing = setTimeout(() => {
    const known = address.view === "prefix";
    history[known ? "replaceState" : "pushState"](null, "", addresses.prefix(search));
    address = readAddress(location.hash);
    showView(known);
  }, TYPING_PAUSE_MS);
  draw();
}

/// Follows a link: shows the view from its top, and moves the focus there for screen readers and keyboards.
function follow() {
  address = readAddress(location.hash);
  search = address.view === "prefix" ? address.parameters.text : "";
  showView(false);
  scrollTo(0, 0);
  document.getElementById("content").focus({ preventScroll: true });
}

addEventListener("hashchange", follow);
addEventListener("popstate", () => {
  if (readAddress(location.hash).view !== address.view) follow();
});
search = address.view === "prefix" ? address.parameters.text : "";
place.replaceChildren();
start();
