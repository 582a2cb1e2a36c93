// Published messages as rows of a table: of the live tail, of the changes and of the events.

import { addresses } from "./address.js";
import { html } from "./html.js";
import { clock } from "./words.js";

/// The time of a message in milliseconds. The collector writes nanoseconds as text.
export const timeOf = (message) => Number(BigInt(message.timeReceivedNs) / 1_000_000n);

/// The address of the peer that a message is about, if it is about one.
const peerOf = (message) => message.peerAddr ?? message.peer?.address;

/// The key of that peer, as the API has it.
function keyOf(message) {
  const peer = message.peer ?? { address: message.peerAddr, bgpId: message.peerBgpId, type: message.peerType };
  return `${peer.address}~${peer.bgpId}`;
}

/// The name that tells a message from all others.
export const idOf = (message) => `${message.routerAddr} ${message.sequence} ${message.type}`;

const words = (text) => String(text ?? "").replaceAll("-", " ");

/// What happened, in a word or two.
export function what(message) {
  switch (message.type) {
    case "update": return message.announced ? "announce" : "withdraw";
    case "peer": return `peer ${words(message.kind)}`;
    case "router": return `router: ${words(message.kind)}`;
    case "statistics": return "statistics";
    default: return "malformed";
  }
}

/// The details of a message in one line.
export function detail(message) {
  if (message.type === "update") {
    if (!message.announced) return words(message.withdrawReason) + (message.synthetic ? ", synthetic" : "");
    const path = message.asPath?.length ? `path ${message.asPath.join(" ")}` : "empty path";
    return [message.nextHop && `via ${message.nextHop}`, path, message.origin, message.communities?.length && `communities ${message.communities.join(" ")}`]
      .filter(Boolean).join(", ");
  }
  if (message.type === "peer") {
    const table = message.tableName ? `, table ${message.tableName}` : "";
    return (message.kind === "down" ? `reason ${message.downReason}` : `AS ${message.peer.asn}`) + `, ${message.peer.ribView}${table}`;
  }
  if (message.type === "router") return [message.routerName ?? message.sysName, message.reason, message.family && `family ${message.family}`, message.kind === "resync-end" && (message.allWithdrawn ? "all withdrawn" : "to be swept")].filter(Boolean).join(", ");
  if (message.type === "statistics") return `${message.counters.length} counters`;
  return `${message.reason}, at byte ${message.offset}`;
}

export const COLUMN = {
  time: { name: "Time", cell: (message) => html`<time datetime=${new Date(timeOf(message)).toISOString()}>${clock(new Date(timeOf(message)).toISOString())}</time>` },
  router: { name: "Router", cell: (message) => html`<a href=${addresses.router(message.routerAddr)}>${message.routerAddr}</a>` },
  peer: {
    name: "Peer",
    cell: (message) => (peerOf(message) ? html`<a href=${addresses.peer(message.routerAddr, keyOf(message))}>${peerOf(message)}</a>` : ""),
  },
  view: { name: "View", kind: "minor", cell: (message) => message.ribView ?? message.peer?.ribView ?? "" },
  what: { name: "What", cell: (message) => html`<span class="what ${message.type} ${message.announced === false ? "withdraw" : ""}">${what(message)}</span>` },
  prefix: {
    name: "Prefix",
    cell: (message) => (message.prefix ? html`<a href=${addresses.prefix(message.prefix)}>${message.prefix}</a>` : message.rawNlri ? html`<code>${message.rawNlri}</code>` : ""),
  },
  detail: { name: "Details", kind: "minor", cell: detail },
};
