// Makes a prefix from what has been typed so far.

const SIZES = { 4: 32, 6: 128 };

function ipv4(text) {
  const octets = text.replace(/\.$/, "").split(".");
  if (octets.length > 4 || !octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) < 256)) return null;
  // A single number may be the beginning of any address.
  if (octets.length === 1 && !text.endsWith(".")) return null;
  const length = 8 * octets.length;
  while (octets.length < 4) octets.push("0");
  return { address: octets.map(Number).join("."), length, family: 4 };
}

function ipv6(text) {
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(":")) return null;
  if (text.includes("::")) return { address: text, length: SIZES[6], family: 6 };
  const groups = text.replace(/:$/, "").split(":");
  if (groups.length > 8 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  const full = groups.length === 8;
  return { address: full ? groups.join(":") : `${groups.join(":")}::`, length: 16 * groups.length, family: 6 };
}

/// Returns the prefix that a text means, or null if it may become one. "203.0" means 203.0.0.0/16, "2001:db8" means
/// 2001:db8::/32, and a whole address means the prefix of its full length.
export function typedPrefix(text) {
  const [address, length, more] = text.trim().split("/");
  if (more !== undefined) return null;
  const read = address.includes(":") ? ipv6(address) : ipv4(address);
  if (!read || length === "") return null;
  if (length === undefined) return `${read.address}/${read.length}`;
  if (!/^\d{1,3}$/.test(length) || Number(length) > SIZES[read.family]) return null;
  return `${read.address}/${Number(length)}`;
}

/// Marks the longest prefix of each table that contains the one asked for. The routes all contain it.
export function longestOfTables(routes) {
  const longest = new Map();
  const table = (route) => [route.routerAddr, route.peer, route.ribView, route.tableName, route.family, route.routeDistinguisher].join(" ");
  for (const route of routes) {
    const known = longest.get(table(route)) ?? -1;
    longest.set(table(route), Math.max(known, route.prefixLen));
  }
  return new Set(routes.filter((route) => route.prefixLen === longest.get(table(route))));
}
