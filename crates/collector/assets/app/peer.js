// One peer: its state over time, its tables, the capabilities of both sides.

import { addresses } from "./address.js";
import { ask } from "./ask.js";
import { html } from "./html.js";
import { Events, askPast } from "./past.js";
import { Facts, Since, State, Table } from "./table.js";
import { Timeline } from "./timeline.js";
import { number } from "./words.js";

const TABLE_COLUMNS = [
  { name: "View", cell: (table) => table.ribView },
  { name: "Family", cell: (table) => table.family + (table.addPath ? ", Add-Path" : "") },
  { name: "VRF / table", kind: "minor", cell: (table) => table.tableName ?? "" },
  { name: "Routes", kind: "number", cell: (table) => number(table.routes) },
  { name: "Announced", kind: "number", cell: (table) => number(table.receivedAnnounces) },
  { name: "Withdrawn", kind: "number", cell: (table) => number(table.receivedWithdraws) },
  { name: "Dump", cell: (table) => (table.settling ? "under way" : "complete") },
];

/// The capabilities of both sides, one line each.
function capabilities(session) {
  const rows = new Map();
  for (const side of ["sentOpen", "receivedOpen"]) {
    for (const { code, name, value } of session[side]?.capabilities ?? []) {
      const key = `${code} ${value ?? ""}`;
      const row = rows.get(key) ?? { key, name: name === "unknown" ? `capability ${code}` : name.replaceAll("_", " "), value };
      row[side] = true;
      rows.set(key, row);
    }
  }
  return [...rows.values()];
}

const CAPABILITY_COLUMNS = [
  { name: "Capability", cell: (row) => row.name },
  { name: "Value", cell: (row) => row.value ?? "" },
  { name: "Router", cell: (row) => (row.sentOpen ? "yes" : "no") },
  { name: "Peer", cell: (row) => (row.receivedOpen ? "yes" : "no") },
];

const Session = ({ session }) => html`
  <section aria-labelledby="session">
    <h2 id="session">BGP session of the last Peer Up</h2>
    <${Facts} facts=${[
      ["Router's address", `${session.localAddr}, port ${session.localPort}`],
      ["Peer's port", session.remotePort],
      ["Router's AS", session.sentOpen?.asn],
      ["Hold time", session.receivedOpen && `${session.receivedOpen.holdTime} s`],
    ]} />
    <${Table} caption="Capabilities" columns=${CAPABILITY_COLUMNS} rows=${capabilities(session)} keyOf=${(row) => row.key} none="No capabilities are known." />
  </section>`;

/// The view whose routes a statistic counts (RFC 7854 §4.8, RFC 8671 §6.2), by its type.
const COUNTED_VIEWS = {
  7: "adj-rib-in-pre",
  8: "loc-rib",
  9: "adj-rib-in-pre",
  10: "loc-rib",
  14: "adj-rib-out-pre",
  15: "adj-rib-out-post",
  16: "adj-rib-out-pre",
  17: "adj-rib-out-post",
};

/// The routes that the collector holds where the router counts its own, or null if it holds no such table.
function heldFor({ statisticsType, family }, tables) {
  const view = COUNTED_VIEWS[statisticsType];
  const counted = tables.filter((table) => table.ribView === view && (!family || table.family === family));
  return counted.length ? counted.reduce((sum, table) => sum + table.routes, 0) : null;
}

const Statistics = ({ report, tables }) => {
  const columns = [
    { name: "Statistic", cell: (one) => (one.name === "unknown" ? `type ${one.statisticsType}` : one.name.replaceAll("_", " ")) },
    { name: "Family", cell: (one) => one.family ?? "" },
    { name: "Router", kind: "number", cell: (one) => number(one.value) },
    { name: "Collector", kind: "number", cell: (one) => (heldFor(one, tables) === null ? "" : number(heldFor(one, tables))) },
  ];
  return html`
    <section aria-labelledby="statistics">
      <h2 id="statistics">Router's statistics beside those of the collector</h2>
      <p class="note">The report came <${Since} time=${report.time} /> ago.</p>
      <${Table} caption="Statistics" columns=${columns} rows=${report.statistics} none="The report has no numbers." />
    </section>`;
};

function Body({ data: { peer, events } }) {
  const quirks = Object.entries(peer.quirks);
  return html`
    <section aria-labelledby="peer">
      <h2 id="peer">Peer</h2>
      <${Facts} facts=${[
        ["State", html`<${State} state=${peer.state} />`],
        ["Since", html`<${Since} time=${peer.since} />`],
        ["Router", html`<a href=${addresses.router(peer.routerAddr)}>${peer.routerAddr}</a>`],
        ["AS", peer.peerAsn],
        ["BGP identifier", peer.peerBgpId],
        ["Distinguisher", peer.peerDistinguisher],
        ["Routes", number(peer.routes)],
      ]} />
    </section>
    <section aria-labelledby="changes">
      <h2 id="changes">Changes of the state</h2>
      <${Timeline} changes=${peer.changes} count=${peer.changeCount} countOfDay=${peer.changesOfLastDay} what="the peer" />
    </section>
    <${Events} page=${events} title="Events of the peer" none="No event since the history began." />
    <p><a href=${addresses.tail(new URLSearchParams({ kinds: "updates,peers,stats", router: peer.routerAddr, peer: peer.key }).toString())}>Watch this peer live</a></p>
    <section aria-labelledby="tables">
      <h2 id="tables">Views and families</h2>
      <${Table} caption="Views and families" columns=${TABLE_COLUMNS} rows=${peer.tables} none="The peer has no tables." />
    </section>
    ${peer.statistics && html`<${Statistics} report=${peer.statistics} tables=${peer.tables} />`}
    ${peer.bgpSession && html`<${Session} session=${peer.bgpSession} />`}
    ${quirks.length > 0 && html`<section aria-labelledby="quirks">
      <h2 id="quirks">Quirks</h2>
      <${Facts} facts=${quirks.map(([name, times]) => [name.replaceAll("_", " "), `${number(times)} times`])} />
    </section>`}`;
}

export const peer = {
  title: ({ router, peer }) => `Peer ${peer.split("~")[0]} of ${router}`,
  pauseMs: 2000,
  async load({ router, peer }, signal) {
    const [one, events] = await Promise.all([
      ask(`routers/${encodeURIComponent(router)}/peers/${encodeURIComponent(peer)}`, signal), askPast("events", { router, peer }, signal),
    ]);
    return { peer: one, events };
  },
  Body,
};
