// The live tail: messages as they are published, with filters and a pause.

import { addresses } from "./address.js";
import { Component, html } from "./html.js";
import { Listening } from "./listen.js";
import { COLUMN, idOf } from "./message.js";
import { Failure, Table } from "./table.js";
import { counted, number } from "./words.js";

const MOST_ROWS = 200;
/// How often new messages are drawn at most.
const DRAW_MS = 250;

const KINDS = { updates: "Updates", peers: "Peers", routers: "Routers", stats: "Statistics", malformed: "Malformed" };
const VIEWS = ["adj-rib-in-pre", "adj-rib-in-post", "adj-rib-out-pre", "adj-rib-out-post", "loc-rib"];
const TEXTS = [
  { name: "router", label: "Router", placeholder: "192.0.2.1" },
  { name: "peer", label: "Peer", placeholder: "198.51.100.7" },
  { name: "prefix", label: "Prefix", placeholder: "203.0.113.0/24" },
];
const CHOICES = [
  { name: "match", label: "Match", choices: [["", "exactly"], ["covered", "and within"], ["covering", "and what contains it"]] },
  { name: "action", label: "Action", choices: [["", "all"], ["announce", "announces"], ["withdraw", "withdraws"]] },
  { name: "view", label: "View", choices: [["", "all"], ...VIEWS.map((view) => [view, view])] },
];
const COLUMNS = [COLUMN.time, COLUMN.what, COLUMN.prefix, COLUMN.router, COLUMN.peer, COLUMN.view, COLUMN.detail];

/// The filters of the form as the query of the stream, without those that are empty.
function queryOf(form) {
  const fields = new FormData(form);
  const query = new URLSearchParams({ kinds: fields.getAll("kinds").join(",") || "updates" });
  for (const { name } of [...TEXTS, ...CHOICES]) {
    const value = fields.get(name).trim();
    // Without a prefix, there is nothing to match.
    if (value && !(name === "match" && !fields.get("prefix").trim())) query.set(name, value);
  }
  return query;
}

function Filters({ query, onListen }) {
  const kinds = (query.get("kinds") ?? "updates").split(",");
  const submit = (event) => {
    event.preventDefault();
    onListen(queryOf(event.target));
  };
  return html`
    <form class="filters" aria-label="Filters" onSubmit=${submit}>
      <fieldset>
        <legend>Messages</legend>
        ${Object.entries(KINDS).map(([name, label]) => html`
          <label key=${name}><input type="checkbox" name="kinds" value=${name} defaultChecked=${kinds.includes(name)} /> ${label}</label>`)}
      </fieldset>
      ${TEXTS.map(({ name, label, placeholder }) => html`
        <label key=${name}>${label} <input name=${name} defaultValue=${query.get(name) ?? ""} placeholder=${placeholder} autocomplete="off" autocapitalize="off" spellcheck=${false} /></label>`)}
      ${CHOICES.map(({ name, label, choices }) => html`
        <label key=${name}>${label} <select name=${name}>${choices.map(([value, text]) => html`
          <option key=${value} value=${value} selected=${value === (query.get(name) ?? "")}>${text}</option>`)}</select></label>`)}
      <button type="submit">Apply</button>
    </form>`;
}

class Body extends Component {
  constructor({ data }) {
    super();
    this.messages = [];
    this.heard = 0;
    this.lost = 0;
    this.state = { query: new URLSearchParams(data.query), connection: null, rows: [], paused: false };
  }

  componentDidMount() {
    this.listen(this.state.query);
  }

  componentWillUnmount() {
    this.listening.stop();
    clearTimeout(this.drawing);
  }

  listen(query) {
    this.listening?.stop();
    this.messages = [];
    this.heard = 0;
    this.lost = 0;
    history.replaceState(null, "", addresses.tail(query.toString()));
    this.setState({ query, rows: [], connection: null });
    this.listening = new Listening(query, {
      onEvent: (event) => this.take(event),
      onState: (connection) => this.setState({ connection }),
    });
  }

  take({ event, data }) {
    if (event === "gap") this.lost += data.batches;
    else if (event === "slow") this.setState({ connection: { message: data.detail, remedy: data.remedy } });
    else {
      this.heard += 1;
      this.messages.unshift(data);
      this.messages.length = Math.min(this.messages.length, MOST_ROWS);
    }
    this.drawing ??= setTimeout(() => {
      this.drawing = null;
      if (this.state.paused) this.setState({});
      else this.setState({ rows: [...this.messages] });
    }, DRAW_MS);
  }

  togglePause() {
    const paused = !this.state.paused;
    this.setState({ paused, rows: [...this.messages] });
  }

  render(_, { query, connection, rows, paused }) {
    const isListening = connection === "listening";
    const state = isListening ? "Listening" : connection === null ? "Connecting" : "Not connected";
    return html`
      <${Filters} key=${query.toString()} query=${query} onListen=${(next) => this.listen(next)} />
      ${connection && !isListening && html`<${Failure} error=${connection} />`}
      <p class="choice">
        <button type="button" id="pause" aria-pressed=${paused ? "true" : "false"} onClick=${() => this.togglePause()}>Pause</button>
        <span id="heard">${paused ? "Paused" : state}: ${counted(this.heard, "message")}${rows.length ? `, the newest ${number(rows.length)} are shown` : ""}</span>
      </p>
      ${this.lost > 0 && html`<p class="failure">${counted(this.lost, "batch", "batches")} came too fast to be shown. Choose one router.</p>`}
      <section aria-labelledby="messages">
        <h2 id="messages">Messages</h2>
        <${Table} caption="Messages" columns=${COLUMNS} rows=${rows} keyOf=${idOf} none="No message yet. Only new messages are shown." />
      </section>`;
  }
}

export const tail = {
  title: () => "Live tail",
  pauseMs: 3_600_000,
  load: async ({ query }) => ({ query }),
  Body,
};
