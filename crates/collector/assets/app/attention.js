// What needs attention, the most urgent first.

import { addresses } from "./address.js";
import { counted, number } from "./words.js";

const MOST_ROUTERS = 5;

const nameOf = (router) => {
  const name = router.name ?? router.sysName;
  return name ? `${name} (${router.routerAddr})` : router.routerAddr;
};

/// Several routers with the same trouble: each by name, or only their number if they are many.
function ofRouters(routers, level, text, remedy) {
  if (routers.length > MOST_ROUTERS) {
    return [{ level, text: `${number(routers.length)} routers: ${text()}`, remedy }];
  }
  return routers.map((router) => ({
    level,
    text: `${nameOf(router)}: ${text(router)}`,
    remedy,
    address: addresses.router(router.routerAddr),
  }));
}

/// Returns items { level, text, remedy, address? }. The level is "problem" or "warning".
export function attention({ routers, readiness, workers }) {
  const items = [];
  const add = (level) => (trouble) => items.push({ level, text: `${trouble.part}: ${trouble.cause}`, remedy: trouble.remedy });
  (readiness?.problems ?? []).forEach(add("problem"));
  const having = (test) => (routers ?? []).filter(test);
  items.push(
    ...ofRouters(having((router) => router.state === "lost"), "problem",
      (router) => (router ? `the BMP session is lost; ${counted(router.routes, "route")} may be stale` : "the BMP sessions are lost, and their routes may be stale"),
      "Look whether the router runs and reaches the collector."),
    ...ofRouters(having((router) => router.state === "leaving"), "problem",
      () => "did not come back in time; routes are being withdrawn",
      "Look whether the router runs and reaches the collector."),
    ...ofRouters(having((router) => router.needsResync), "warning",
      () => "consumers may hold other routes until the next dump",
      "The next dump of the router repairs this; restart its BMP session to get the dump now."),
    ...ofRouters(having((router) => router.state === "up" && router.peersUp < router.peers), "warning",
      (router) => (router ? `${number(router.peers - router.peersUp)} of ${counted(router.peers, "peer")} down` : "some of their peers are down"),
      "The view of the router shows which peers are down, and why."),
  );
  (readiness?.warnings ?? []).forEach(add("warning"));
  const dropped = (workers ?? []).reduce((sum, worker) => sum + worker.dropped, 0);
  if (dropped > 0) {
    items.push({
      level: "warning",
      text: `${counted(dropped, "message")} dropped, because the sink was too slow`,
      remedy: "The routes concerned are published again with the next dump of their router.",
    });
  }
  items.push(...ofRouters(having((router) => router.malformed > 0), "warning",
    (router) => (router ? `sent ${counted(router.malformed, "message")} that could not be read` : "sent messages that could not be read"),
    "The list of malformed messages shows them octet by octet."));
  return items;
}
