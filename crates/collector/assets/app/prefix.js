// The search for a prefix: who holds it, what contains it, what is within it.

import { addresses } from "./address.js";
import { ask } from "./ask.js";
import { html } from "./html.js";
import { Changes, askPast } from "./past.js";
import { longestOfTables, typedPrefix } from "./search.js";
import { Since, State, Table } from "./table.js";
import { counted, number } from "./words.js";

const MOST_ROUTES = 200;

const asPath = (route) => (route.asPath ?? []).join(" ");

// With the attributes, if the collector retains them.
const columnsOf = (list) => [...COLUMNS, ...(list.attributesAbsent ? FINGERPRINTS : ATTRIBUTES)];

const COLUMNS = [
  { name: "Prefix", cell: (route) => html`<a href=${addresses.prefix(route.prefix)}>${route.prefix}</a>` },
  { name: "Router", cell: (route) => html`<a href=${addresses.router(route.routerAddr)}>${route.routerAddr}</a>` },
  { name: "Peer", cell: (route) => html`<a href=${addresses.peer(route.routerAddr, route.peer)}>${route.peerAddr}</a>` },
  { name: "AS", kind: "number", cell: (route) => route.peerAsn },
  { name: "View", cell: (route) => route.ribView },
  { name: "Family", kind: "minor", cell: (route) => [route.family, route.tableName, route.routeDistinguisher].filter(Boolean).join(", ") },
  { name: "Path ID", kind: "number minor", cell: (route) => route.pathId ?? "" },
  { name: "State", cell: (route) => html`<${State} state=${route.state} />` },
];

const ATTRIBUTES = [
  { name: "AS path", cell: asPath },
  { name: "Next hop", kind: "minor", cell: (route) => route.nextHop ?? "" },
  { name: "Communities", kind: "minor", cell: (route) => [...(route.communities ?? []), ...(route.largeCommunities ?? [])].join(" ") },
  { name: "Since", cell: (route) => html`<${Since} time=${route.since} />` },
];

const FINGERPRINTS = [
  { name: "Attributes", kind: "minor", cell: (route) => html`<code>${route.attributeFingerprint ?? ""}</code>` },
];

function Routes({ id, title, list, none }) {
  return html`
    <section aria-labelledby=${id}>
      <h2 id=${id}>${title}</h2>
      ${list.incomplete && html`<p class="failure">${list.incomplete}</p>`}
      ${!list.incomplete && list.next && html`<p class="note">These are the first ${list.routes.length}. Type more of the prefix, or ask <code>arancini show prefix</code>.</p>`}
      <${Table} caption=${title} columns=${columnsOf(list)} rows=${list.routes} none=${none} />
    </section>`;
}

function Body({ data }) {
  if (!data.prefix) {
    return html`<p role="status">Type a prefix or an address, like 203.0.113.0/24, 203.0.113.9, 203.0 or 2001:db8::/32.</p>`;
  }
  const { prefix, covering, covered, changes } = data;
  const isExact = (route) => route.prefix === data.canonical;
  const exact = { ...covering, next: undefined, incomplete: undefined, routes: covering.routes.filter(isExact) };
  const wider = { ...covering, routes: covering.routes.filter((route) => !isExact(route)) };
  const within = { ...covered, routes: covered.routes.filter((route) => !isExact(route)) };
  const longest = longestOfTables(covering.routes);
  const best = { ...wider, next: undefined, incomplete: undefined, routes: wider.routes.filter((route) => longest.has(route)) };
  const rest = { ...wider, routes: wider.routes.filter((route) => !longest.has(route)) };
  return html`
    <p role="status">${prefix}: ${number(exact.routes.length)} exact, ${counted(best.routes.length, "longest match", "longest matches")} by a shorter prefix,
      ${" "}${number(rest.routes.length)} other covering, ${within.next ? "more than " : ""}${number(within.routes.length)} covered</p>
    <${Routes} id="exact" title="Exact" list=${exact} none=${`No router announces ${prefix}.`} />
    <${Routes} id="longest" title="Longest match" list=${best} none="No table has its longest match in a shorter prefix." />
    <${Routes} id="covering" title="Covering" list=${rest} none="No other route contains it." />
    <${Routes} id="covered" title="Covered" list=${within} none="No route is within it." />
    <${Changes} page=${changes} title="Changes of the last hour" none=${`Nothing was published about ${prefix} and the prefixes within it.`} />
    <p><a href=${addresses.tail(new URLSearchParams({ prefix, match: "covered" }).toString())}>Watch ${prefix} live</a></p>`;
}

export const prefix = {
  title: ({ text }) => (text ? `Prefix ${text}` : "Prefix search"),
  pauseMs: 5000,
  async load({ text }, signal) {
    const wanted = typedPrefix(text);
    if (!wanted) return { prefix: null };
    const get = (match) => ask(`prefixes/${encodeURIComponent(wanted)}?match=${match}&limit=${MOST_ROUTES}`, signal);
    const lately = askPast("changes", { prefix: wanted, match: "covered", since: "1h" }, signal);
    const [covering, covered, changes] = await Promise.all([get("covering"), get("covered"), lately]);
    // The API writes addresses in their usual form, so the exact prefix is the one of this length in both lists.
    const length = Number(wanted.split("/")[1]);
    const canonical = covering.routes.find((route) => route.prefixLen === length)?.prefix;
    return { prefix: wanted, canonical, covering, covered, changes };
  },
  Body,
};
