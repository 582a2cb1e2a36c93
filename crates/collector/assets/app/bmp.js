// Reads a BMP message as far as it goes, for people: which octets are which field.

const TYPES = ["Route Monitoring", "Statistics Report", "Peer Down", "Peer Up", "Initiation", "Termination", "Route Mirroring"];
const BGP_TYPES = { 1: "OPEN", 2: "UPDATE", 3: "NOTIFICATION", 4: "KEEPALIVE", 5: "ROUTE-REFRESH" };
const PEER_TYPES = { 0: "global", 1: "RD", 2: "local", 3: "Loc-RIB" };
const ATTRIBUTES = {
  1: "ORIGIN", 2: "AS_PATH", 3: "NEXT_HOP", 4: "MULTI_EXIT_DISC", 5: "LOCAL_PREF", 6: "ATOMIC_AGGREGATE", 7: "AGGREGATOR", 8: "COMMUNITIES",
  9: "ORIGINATOR_ID", 10: "CLUSTER_LIST", 14: "MP_REACH_NLRI", 15: "MP_UNREACH_NLRI", 16: "EXTENDED COMMUNITIES", 17: "AS4_PATH", 18: "AS4_AGGREGATOR",
  26: "AIGP", 32: "LARGE_COMMUNITY", 35: "OTC", 40: "BGP Prefix-SID",
};
/// The information TLVs of an Initiation and of a Termination.
const TLV_NAMES = { 4: ["string", "sysDescr", "sysName"], 5: ["string", "reason"] };
const BGP_OCTETS = 19;

/// The octets of hexadecimal digits.
export const octetsOf = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const ipv4 = (bytes) => bytes.join(".");
const ipv6 = (bytes) => Array.from({ length: 8 }, (_, group) => (256 * bytes[2 * group] + bytes[2 * group + 1]).toString(16)).join(":");
const isZero = (bytes) => bytes.every((byte) => byte === 0);

/// Takes fields one after the other, until an octet is missing.
class Fields {
  constructor(octets) {
    this.octets = octets;
    this.at = 0;
    this.found = [];
  }

  get left() {
    return this.octets.length - this.at;
  }

  /// Takes so many octets as one field. Fewer octets are a field that is cut off, and the last one.
  take(length, name, meaning = () => "") {
    const bytes = this.octets.subarray(this.at, this.at + length);
    if (bytes.length > 0 || length > 0) {
      const isWhole = bytes.length === length;
      this.found.push({ from: this.at, to: this.at + bytes.length, name, meaning: isWhole ? meaning(bytes) : `cut off: ${bytes.length} of ${length} octets` });
      if (!isWhole) throw new RangeError(name);
    }
    this.at += length;
    return bytes;
  }

  number(length, name, meaning = String) {
    const read = (bytes) => bytes.reduce((value, byte) => 256 * value + byte, 0);
    return read(this.take(length, name, (bytes) => meaning(read(bytes))));
  }
}

function readPeerHeader(fields) {
  const peerType = fields.number(1, "peer type", (type) => `${type}: ${PEER_TYPES[type] ?? "unknown"}`);
  const isLocRib = peerType === 3;
  const flags = (value) => (isLocRib
    ? `0x${value.toString(16)}${value & 0x80 ? ": filtered" : ""}`
    : `0x${value.toString(16)}: ${value & 0x80 ? "IPv6" : "IPv4"}, ${value & 0x40 ? "after" : "before"} policy, ${value & 0x20 ? "2" : "4"}-octet AS, ${value & 0x10 ? "Adj-RIB-Out" : "Adj-RIB-In"}`);
  fields.number(1, "peer flags", flags);
  fields.take(8, "peer distinguisher", (bytes) => (isZero(bytes) ? "none" : ""));
  fields.take(16, "peer address", (bytes) => (isZero(bytes.subarray(0, 12)) ? ipv4(bytes.subarray(12)) : ipv6(bytes)));
  fields.number(4, "peer AS");
  fields.take(4, "peer BGP identifier", ipv4);
  fields.number(4, "time, seconds", (seconds) => (seconds ? new Date(1000 * seconds).toISOString() : "not given"));
  fields.number(4, "time, microseconds");
}

function readAttributes(fields, end) {
  while (fields.at < end) {
    const flags = fields.number(1, "attribute flags", (value) => [
      value & 0x80 ? "optional" : "well-known", value & 0x40 && "transitive", value & 0x20 && "partial", value & 0x10 && "extended length",
    ].filter(Boolean).join(", "));
    const type = fields.number(1, "attribute type", (code) => `${code}: ${ATTRIBUTES[code] ?? "unknown"}`);
    const length = fields.number(flags & 0x10 ? 2 : 1, "attribute length", (value) => `${value}${fields.at + value > end ? ": beyond the attributes" : ""}`);
    fields.take(length, `value of ${ATTRIBUTES[type] ?? `attribute ${type}`}`);
  }
}

/// One BGP message.
function readBgp(fields) {
  const begin = fields.at;
  fields.take(16, "BGP marker", (bytes) => (bytes.every((byte) => byte === 255) ? "all ones" : "not all ones"));
  const length = fields.number(2, "BGP length");
  const type = fields.number(1, "BGP type", (code) => `${code}: ${BGP_TYPES[code] ?? "unknown"}`);
  const end = Math.max(begin + BGP_OCTETS, begin + length);
  if (type === 2) {
    const beyond = (length) => `${length}${fields.at + 2 + length > end ? ": beyond the message" : ""}`;
    fields.take(fields.number(2, "withdrawn routes length", beyond), "withdrawn routes");
    const attributes = fields.number(2, "path attributes length", beyond);
    readAttributes(fields, fields.at + attributes);
    if (fields.at < end) fields.take(end - fields.at, "NLRI");
  } else if (fields.at < end) {
    fields.take(end - fields.at, `body of the ${BGP_TYPES[type] ?? "message"}`);
  }
}

function readBody(fields, type) {
  if (type === 4 || type === 5) {
    while (fields.left > 0) {
      const kind = fields.number(2, "information type", (code) => `${code}: ${TLV_NAMES[type][code] ?? "unknown"}`);
      fields.take(fields.number(2, "information length"), `information ${TLV_NAMES[type][kind] ?? kind}`);
    }
    return;
  }
  if (type > 6) return;
  readPeerHeader(fields);
  if (type === 0) {
    while (fields.left > 0) readBgp(fields);
  } else if (type === 1) {
    const count = fields.number(4, "number of statistics");
    for (let read = 0; read < count && fields.left > 0; read++) {
      const kind = fields.number(2, "statistic type");
      fields.take(fields.number(2, "statistic length"), `statistic ${kind}`);
    }
  } else if (type === 2) {
    fields.number(1, "reason of the Peer Down");
  } else if (type === 3) {
    fields.take(16, "local address", (bytes) => (isZero(bytes.subarray(0, 12)) ? ipv4(bytes.subarray(12)) : ipv6(bytes)));
    fields.number(2, "local port");
    fields.number(2, "remote port");
    readBgp(fields);
    readBgp(fields);
  }
}

/// The fields of a message: { from, to, name, meaning }, without a gap. What is behind the last field that can be read is one
/// field of its own.
export function fieldsOf(octets) {
  const fields = new Fields(octets);
  try {
    fields.number(1, "BMP version");
    fields.number(4, "BMP length", (length) => `${length}${length === octets.length ? "" : `, and there are ${octets.length}`}`);
    readBody(fields, fields.number(1, "BMP type", (type) => `${type}: ${TYPES[type] ?? "unknown"}`));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    fields.at = fields.found.at(-1).to;
  }
  if (fields.left > 0) fields.take(fields.left, "not read");
  return fields.found;
}
