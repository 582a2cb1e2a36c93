// Routers that speak BMP (RFC 7854) to the collector: sessions, peers and IPv4 routes.

import { once } from "node:events";
import net from "node:net";

const octets = (address) => Buffer.from(address.split(".").map(Number));
const u16 = (value) => Buffer.from([value >> 8, value & 255]);
const u32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

function bmp(type, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([3]), u32(body.length + 6), Buffer.from([type]), body]);
}

function bgp(type, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.alloc(16, 255), u16(body.length + 19), Buffer.from([type]), body]);
}

const text = (type, value) => Buffer.concat([u16(type), u16(value.length), Buffer.from(value)]);

/// The per-peer header of an Adj-RIB-In before the policy.
const header = ({ address, asn }) =>
  Buffer.concat([Buffer.alloc(10), Buffer.alloc(12), octets(address), u32(asn), octets(address), Buffer.alloc(8)]);

function open(asn, id) {
  const capabilities = Buffer.concat([Buffer.from([1, 4, 0, 1, 0, 1]), Buffer.from([65, 4]), u32(asn)]);
  const parameters = Buffer.concat([Buffer.from([2, capabilities.length]), capabilities]);
  return bgp(1, Buffer.from([4]), u16(Math.min(asn, 23456)), u16(180), octets(id), Buffer.from([parameters.length]), parameters);
}

const nlri = (prefix) => {
  const [address, length] = prefix.split("/");
  return Buffer.concat([Buffer.from([Number(length)]), octets(address).subarray(0, Math.ceil(length / 8))]);
};

export const initiation = (name) => bmp(4, text(2, name), text(1, "a router of the browser tests"));

export const peerUp = (peer) =>
  bmp(3, header(peer), Buffer.alloc(12), octets("192.0.2.254"), u16(179), u16(40000), open(64999, "192.0.2.254"), open(peer.asn, peer.address));

/// The peer goes down: the local system closed the session without a notification.
export const peerDown = (peer) => bmp(2, header(peer), Buffer.from([2]), u16(0));

export function announce(peer, prefixes) {
  const attributes = Buffer.concat([
    Buffer.from([0x40, 1, 1, 0]),
    Buffer.from([0x40, 2, 6, 2, 1]), u32(peer.asn),
    Buffer.from([0x40, 3, 4]), octets(peer.address),
  ]);
  return bmp(0, header(peer), bgp(2, u16(0), u16(attributes.length), attributes, ...prefixes.map(nlri)));
}

export const withdraw = (peer, prefixes) => {
  const routes = Buffer.concat(prefixes.map(nlri));
  return bmp(0, header(peer), bgp(2, u16(routes.length), routes, u16(0)));
};

/// An UPDATE that can't be read: its path attributes are longer than the message.
export const damaged = (peer) => bmp(0, header(peer), bgp(2, u16(0), u16(100), Buffer.from([0x40, 1, 1, 0])));

/// A Statistics Report: the router counts these routes in its Adj-RIB-In (type 7, a gauge of 64 bits).
export const statistics = (peer, routes) => bmp(1, header(peer), u32(1), u16(7), u16(8), u32(0), u32(routes));

/// A session from a loopback address, which identifies the router.
export class Router {
  static async connect(port, address, name) {
    const router = new Router();
    router.socket = net.connect({ port, host: "127.0.0.1", localAddress: address });
    router.socket.on("error", () => {});
    await once(router.socket, "connect");
    router.send(initiation(name));
    return router;
  }

  send(...messages) {
    this.socket.write(Buffer.concat(messages));
  }

  /// Ends the session as a router does that is switched off.
  goAway() {
    this.socket.destroy();
  }
}
