// The part of the address behind the #, which names a view. Every view can be linked to.

const part = encodeURIComponent;

export const addresses = {
  overview: () => "#/",
  router: (router) => `#/routers/${part(router)}`,
  peer: (router, peer) => `#/routers/${part(router)}/peers/${part(peer)}`,
  prefix: (text) => `#/prefixes/${part(text)}`,
  tail: (query) => (query ? `#/tail/${part(query)}` : "#/tail"),
  events: () => "#/events",
  malformed: () => "#/malformed",
  malformedMessage: (router, sequence) => `#/malformed/${part(router)}/${part(sequence)}`,
  workers: () => "#/workers",
};

/// Returns the name of the view and its parameters. An address that means nothing has the name "unknown".
export function readAddress(hash) {
  let parts;
  try {
    parts = hash.replace(/^#?\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return { view: "unknown", parameters: {} };
  }
  const [what, first, then, second] = parts;
  if (what === "" && parts.length === 1) return { view: "overview", parameters: {} };
  if (what === "workers" && parts.length === 1) return { view: "workers", parameters: {} };
  if (what === "tail" && parts.length <= 2) return { view: "tail", parameters: { query: first ?? "" } };
  if (what === "events" && parts.length === 1) return { view: "events", parameters: {} };
  if (what === "malformed" && parts.length === 1) return { view: "malformed", parameters: {} };
  if (what === "malformed" && parts.length === 3) return { view: "malformedMessage", parameters: { router: first, sequence: then } };
  if (what === "prefixes" && parts.length === 2) return { view: "prefix", parameters: { text: first } };
  if (what === "routers" && parts.length === 2) return { view: "router", parameters: { router: first } };
  if (what === "routers" && then === "peers" && parts.length === 4) {
    return { view: "peer", parameters: { router: first, peer: second } };
  }
  return { view: "unknown", parameters: {} };
}
