// One router: its session, its peers, its routes by view and family.

import { addresses } from "./address.js";
import { ask, askAll } from "./ask.js";
import { html } from "./html.js";
import { Events, askPast } from "./past.js";
import { Facts, Since, State, Table } from "./table.js";
import { Timeline } from "./timeline.js";
import { counted, number } from "./words.js";

const path = (router) => `routers/${encodeURIComponent(router)}`;

const lastReason = (entry) => (entry.state === "up" ? "" : (entry.changes.at(-1)?.reason ?? "").replaceAll("_", " "));

const PEER_COLUMNS = [
  { name: "Peer", cell: (peer) => html`<a href=${addresses.peer(peer.routerAddr, peer.key)}>${peer.peerAddr}</a>${peer.peerDistinguisher && html` <span class="note">${peer.peerDistinguisher}</span>`}` },
  { name: "AS", kind: "number", cell: (peer) => peer.peerAsn },
  { name: "State", cell: (peer) => html`<${State} state=${peer.state} />` },
  { name: "Reason", cell: lastReason },
  { name: "Since", cell: (peer) => html`<${Since} time=${peer.since} />` },
  { name: "Changes", kind: "number", cell: (peer) => number(peer.changeCount) },
  { name: "Routes", kind: "number", cell: (peer) => number(peer.routes) },
  { name: "Views", kind: "minor", cell: (peer) => [...new Set(peer.tables.map((table) => table.ribView))].join(", ") },
];

const COUNT_COLUMNS = [
  { name: "View", cell: (count) => count.ribView },
  { name: "Family", cell: (count) => count.family },
  { name: "Tables", kind: "number", cell: (count) => number(count.tables) },
  { name: "Routes", kind: "number", cell: (count) => number(count.routes) },
];

function Body({ data: { router, peers, events } }) {
  const down = peers.filter((peer) => peer.state === "down");
  const ordered = [...down, ...peers.filter((peer) => peer.state !== "down")];
  return html`
    <section aria-labelledby="session">
      <h2 id="session">BMP session</h2>
      <${Facts} facts=${[
        ["State", html`<${State} state=${router.state} />`],
        ["Since", html`<${Since} time=${router.since} />`],
        ["Name", router.name ?? router.sysName],
        ["Description", router.sysDescr],
        ["Worker", router.worker],
        ["Messages", number(router.messages)],
        ["Could not be read", counted(router.malformed, "message")],
        ["In sync", router.needsResync ? "no: the next dump is published as a resync" : "yes"],
      ]} />
    </section>
    <section aria-labelledby="peers">
      <h2 id="peers">Peers</h2>
      <p role="status">${counted(peers.length, "peer")}, ${number(down.length)} down</p>
      <${Table} caption="Peers" columns=${PEER_COLUMNS} rows=${ordered} keyOf=${(peer) => peer.key} none="The router has not named a peer yet." />
    </section>
    <section aria-labelledby="counts">
      <h2 id="counts">Routes by view and family</h2>
      <${Table} caption="Routes by view and family" columns=${COUNT_COLUMNS} rows=${router.counts} none="No routes." />
    </section>
    <section aria-labelledby="changes">
      <h2 id="changes">Changes of the session</h2>
      <${Timeline} changes=${router.changes} count=${router.changeCount} countOfDay=${router.changesOfLastDay} what="the session" />
    </section>
    <${Events} page=${events} title="Events of the router and its peers" none="No event since the history began." />
    <p><a href=${addresses.tail(new URLSearchParams({ kinds: "updates,peers,routers", router: router.routerAddr }).toString())}>Watch this router live</a></p>`;
}

export const router = {
  title: ({ router }) => `Router ${router}`,
  pauseMs: 2000,
  async load({ router }, signal) {
    const [one, peers, events] = await Promise.all([
      ask(path(router), signal), askAll(`${path(router)}/peers`, "peers", signal), askPast("events", { router }, signal),
    ]);
    return { router: one, peers, events };
  },
  Body,
};
