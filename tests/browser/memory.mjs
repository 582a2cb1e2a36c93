// Measures the memory of the page over an hour of use, in compressed time: its timers run faster, so it asks as often as in an hour.
//
//   node memory.mjs [ROUTERS] [MESSAGES]      default: 1000 routers of 20 peers, 100,000 messages in the live tail
//
// The overview is shown until it has asked for the workers as often as in an hour (3,600 times), then the live tail until it has had
// the messages. Prints the JavaScript heap after a garbage collection, the nodes of the document, and the memory of the tab's process.

import { readFileSync } from "node:fs";

import { eventually, launch, Tab } from "./browser.mjs";
import { Collector } from "./collector.mjs";
import { announce, peerUp, Router, withdraw } from "./router.mjs";

const [routerCount, messageCount] = [Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 100_000)];
const PEERS = 20;
/// How much faster the timers of the page run.
const FASTER = 50;
const REQUESTS_AN_HOUR = 3600;
const PARTS = 6;
/// Prefixes that change at the same time in the live tail.
const BURST = 50;

const peers = Array.from({ length: PEERS }, (_, number) => ({ address: `192.0.2.${number + 1}`, asn: 64500 + number }));
const prefixes = Array.from({ length: BURST }, (_, number) => `198.51.${number}.0/24`);
const collector = await Collector.start();
const browser = await launch();
const routers = [];
try {
  const messages = peers.flatMap((peer) => [peerUp(peer), announce(peer, ["203.0.113.0/24"])]);
  for (let number = 0; number < routerCount; number++) {
    const router = await Router.connect(collector.port, `127.1.${number >> 8}.${number & 255}`, `edge-${number}`);
    router.send(...messages);
    routers.push(router);
  }
  await collector.until("counts", ({ counts }) => counts[0]?.routes === routerCount * PEERS);

  const tab = await Tab.open(browser, collector);
  await tab.page.addInitScript((faster) => {
    const real = window.setTimeout;
    window.setTimeout = (call, ms, ...rest) => real(call, ms / faster, ...rest);
  }, FASTER);
  const session = await tab.context.newCDPSession(tab.page);
  await session.send("Performance.enable");
  let asked = 0;
  tab.page.on("requestfinished", (request) => {
    if (request.url().endsWith("/api/v1/workers")) asked += 1;
  });

  const report = async (what) => {
    await session.send("HeapProfiler.collectGarbage");
    const { metrics } = await session.send("Performance.getMetrics");
    const value = (name) => metrics.find((metric) => metric.name === name).value;
    const { processInfo } = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
    const resident = (id) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]) / 1024;
    const tabs = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => resident(id));
    const heap = value("JSHeapUsedSize") / 2 ** 20;
    console.log(`${what}: heap ${heap.toFixed(1)} MiB, ${value("Nodes")} nodes, process ${Math.max(...tabs).toFixed(0)} MiB`);
  };

  await tab.show("#/");
  await report("overview, opened");
  for (let part = 1; part <= PARTS; part++) {
    await eventually("the page asks", () => asked >= (part * REQUESTS_AN_HOUR) / PARTS, 1_200_000);
    await report(`overview, after ${asked} questions`);
  }

  await tab.show("#/tail");
  await eventually("the tail listens", async () => (await collector.ask("workers")).workers.length > 0);
  await report("live tail, opened");
  let sent = 0;
  for (let part = 1; part <= PARTS; part++) {
    while (sent < (part * messageCount) / PARTS) {
      const peer = peers[(sent / BURST) % PEERS];
      const router = routers[Math.floor(sent / (BURST * PEERS)) % routers.length];
      router.send(...prefixes.flatMap((prefix) => [announce(peer, [prefix]), withdraw(peer, [prefix])]));
      sent += 2 * BURST;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const last = `198.51.${BURST - 1}.0/24`;
    await tab.sees("main", last);
    await report(`live tail, after ${sent} messages`);
  }
  await tab.close();
} finally {
  routers.forEach((router) => router.goAway());
  await browser.close();
  await collector.stop();
}
