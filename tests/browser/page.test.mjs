// The page in a real browser, with a real collector and routers that speak BMP.
//
//   cd tests/browser && npm ci && ARANCINI_BIN=… node --test

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before, test } from "node:test";

import { Tab, eventually, launch } from "./browser.mjs";
import { BINARY, Collector } from "./collector.mjs";
import { Router, announce, peerDown, peerUp, statistics, withdraw } from "./router.mjs";

const PEERS = [1, 2, 3].map((number) => ({ address: `192.0.2.${number}`, asn: 64500 + number }));
const PEER_KEY = "192.0.2.1~192.0.2.1~0~0";
const VIEWS = {
  overview: "#/",
  router: "#/routers/127.0.0.2",
  peer: `#/routers/127.0.0.2/peers/${encodeURIComponent(PEER_KEY)}`,
  prefix: "#/prefixes/203.0.113.0%2F24",
  workers: "#/workers",
};

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

/// A collector with two routers, four peers of which one is down, and six routes.
async function lab(run, ...flags) {
  const collector = await Collector.start(...flags);
  const routers = [];
  try {
    const one = await Router.connect(collector.port, "127.0.0.2", "edge-1");
    const other = await Router.connect(collector.port, "127.0.0.3", "edge-2");
    routers.push(one, other);
    one.send(
      ...PEERS.map(peerUp),
      announce(PEERS[0], ["203.0.113.0/24", "203.0.112.0/23", "203.0.113.128/25", "198.51.100.0/24"]),
      announce(PEERS[1], ["203.0.113.0/24"]),
      peerDown(PEERS[2]),
    );
    other.send(peerUp(PEERS[0]), announce(PEERS[0], ["203.0.0.0/16"]));
    if (!flags.length) await collector.until("counts", ({ counts }) => counts[0]?.routes === 6);
    await run({ collector, one, other });
  } finally {
    routers.forEach((router) => router.goAway());
    await collector.stop();
  }
}

async function inTab(collector, options, run) {
  const tab = await Tab.open(browser, collector, options);
  await run(tab);
  await tab.close();
}

test("the overview shows the numbers of the API, and new ones when they change", () => lab(async ({ collector, one }) => {
  await inTab(collector, {}, async (tab) => {
    await tab.show(VIEWS.overview);
    const agree = async () => {
      const { routers } = await collector.ask("routers");
      const sum = (name) => routers.reduce((total, router) => total + router[name], 0);
      const up = routers.filter((router) => router.state === "up").length;
      for (const [id, expected] of [["routers-up", up], ["peers-up", sum("peersUp")], ["routes", sum("routes")]]) {
        await tab.sees(`#${id}`, String(expected));
        assert.equal(await tab.text(`#${id}`), String(expected), id);
      }
    };
    await agree();
    assert.equal(await tab.text("#routes"), "6");
    assert.equal(await tab.text("#peers-up"), "3");
    await tab.sees(".attention", "1 of 3 peers down");
    await tab.sees("#sink", "null");
    one.send(withdraw(PEERS[0], ["198.51.100.0/24"]), peerUp(PEERS[2]));
    await tab.sees("#routes", "5");
    await tab.sees("#peers-up", "4");
    await agree();
    await tab.sees("main", "Nothing needs attention.");
  });
}));

test("a prefix is searched while it is typed, with all matches", () => lab(async ({ collector }) => {
  await inTab(collector, {}, async (tab) => {
    await tab.show(VIEWS.overview);
    await tab.page.locator("#search").pressSequentially("203.0");
    await tab.sees("main", "203.0.0.0/16: 1 exact");
    await tab.page.locator("#search").pressSequentially(".113.0/24");
    await tab.sees("main", "203.0.113.0/24: 2 exact");
    assert.deepEqual(await tab.rowsOf("Exact"), ["203.0.113.0/24", "203.0.113.0/24"]);
    assert.deepEqual(await tab.rowsOf("Longest match"), ["203.0.0.0/16"]);
    assert.deepEqual(await tab.rowsOf("Covering"), ["203.0.112.0/23"]);
    assert.deepEqual(await tab.rowsOf("Covered"), ["203.0.113.128/25"]);
    assert.equal(await tab.page.evaluate(() => document.activeElement.id), "search");
    // An address has the longest match of each table.
    await tab.page.locator("#search").fill("203.0.113.200");
    await tab.sees("main", "203.0.113.200/32: 0 exact");
    assert.deepEqual((await tab.rowsOf("Longest match")).sort(), ["203.0.0.0/16", "203.0.113.0/24", "203.0.113.128/25"]);
    // What the API says about a wrong prefix is shown with its remedy.
    await tab.page.locator("#search").fill("203.0.113.1/24");
    await tab.sees("main [role=alert]", "write 203.0.113.0/24");
    // The whole search is one step of the history.
    await tab.page.goBack();
    await tab.sees("h1", "Overview");
  });
}));

test("a router that goes away needs attention until it is back", () => lab(async ({ collector, other }) => {
  await inTab(collector, {}, async (tab) => {
    await tab.show(VIEWS.overview);
    other.goAway();
    await tab.sees(".attention .problem", "edge-2 (127.0.0.3): the BMP session is lost; 1 route may be stale");
    await tab.sees("#routers-up", "1");
    assert.equal((await tab.rowsOf("Routers"))[0], "127.0.0.3");
    await tab.page.locator(".attention .problem a").click();
    await tab.sees("h1", "Router 127.0.0.3");
    await tab.sees(".timeline", "lost");
    const back = await Router.connect(collector.port, "127.0.0.3", "edge-2");
    await tab.sees(".facts .state", "up");
    back.goAway();
  });
}));

test("a peer shows when and why its state changed", () => lab(async ({ collector, one }) => {
  await inTab(collector, {}, async (tab) => {
    await tab.show("#/routers/127.0.0.2/peers/192.0.2.3");
    await tab.sees(".facts .state", "down");
    await tab.sees(".timeline li", "local no notification");
    one.send(peerUp(PEERS[2]));
    await tab.sees(".facts .state", "up");
    assert.equal(await tab.page.locator(".timeline li").count(), 3);
    await tab.sees("main", "four octet as");
    one.send(announce(PEERS[2], ["198.51.100.0/24"]), statistics(PEERS[2], 7));
    await tab.sees("section:has(#statistics) tbody tr", "71");
    const cells = await tab.page.locator("section:has(#statistics) tbody td.number").allTextContents();
    assert.deepEqual(cells, ["7", "1"]);
  });
}));

test("everything is reached by keyboard, and the focus follows", () => lab(async ({ collector }) => {
  await inTab(collector, {}, async (tab) => {
    await tab.show(VIEWS.overview);
    const { keyboard } = tab.page;
    const focus = () => tab.page.evaluate(() => document.activeElement.textContent || document.activeElement.id);
    await keyboard.press("Tab");
    assert.equal(await focus(), "Skip to the content");
    await keyboard.press("Enter");
    assert.equal(await tab.page.evaluate(() => document.activeElement.id), "content");
    const visited = [];
    while (!visited.includes("127.0.0.3") && visited.length < 30) {
      await keyboard.press("Tab");
      visited.push(await focus());
      const outline = await tab.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, "none", visited.at(-1));
    }
    assert.equal(visited.at(-1), "127.0.0.3");
    await keyboard.press("Enter");
    await tab.sees("h1", "Router 127.0.0.3");
    assert.equal(await tab.page.evaluate(() => document.activeElement.id), "content");
    await tab.sees("#peers", "Peers");
    await tab.sees("section tbody a", "192.0.2.1");
    for (let step = 0; step < 10 && (await focus()) !== "192.0.2.1"; step++) await keyboard.press("Tab");
    await keyboard.press("Enter");
    await tab.sees("h1", "Peer 192.0.2.1 of 127.0.0.3");
  });
}));

test("every view has an address, and an unknown one leads to the overview", () => lab(async ({ collector }) => {
  const headings = {
    overview: "Overview",
    router: "Router 127.0.0.2",
    peer: "Peer 192.0.2.1 of 127.0.0.2",
    prefix: "Prefix 203.0.113.0/24",
    workers: "Workers",
  };
  await inTab(collector, {}, async (tab) => {
    for (const [view, hash] of Object.entries(VIEWS)) {
      await tab.show(hash);
      assert.equal(await tab.text("h1"), headings[view]);
      assert.equal(await tab.page.title(), `${headings[view]} – Arancini`);
    }
    await tab.show("#/nothing");
    await tab.page.locator("main a").click();
    await tab.sees("h1", "Overview");
    await tab.show("#/routers/192.0.2.77");
    await tab.sees("main [role=alert]", "no router 192.0.2.77 is known");
  });
}));

test("axe finds no violation in any view, light, dark and on a phone", () => lab(async ({ collector, other }) => {
  other.goAway();
  await collector.until("routers", ({ routers }) => routers.some((router) => router.state === "lost"));
  for (const [name, options] of Object.entries({
    light: {},
    dark: { colorScheme: "dark" },
    phone: { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
  })) {
    await inTab(collector, options, async (tab) => {
      for (const [view, hash] of Object.entries(VIEWS)) {
        await tab.show(hash);
        await tab.accessibility(`${view}, ${name}`);
      }
      await tab.show("#/prefixes/203.0.113.1%2F24");
      await tab.accessibility(`a wrong prefix, ${name}`);
    });
  }
}));

test("the page is dark where the reader wants it dark", () => lab(async ({ collector }) => {
  const brightness = async (colorScheme) => {
    let found;
    await inTab(collector, { colorScheme }, async (tab) => {
      await tab.show(VIEWS.overview);
      found = await tab.page.evaluate(() => ["backgroundColor", "color"].map((property) => {
        const [red, green, blue] = getComputedStyle(document.body)[property].match(/\d+/g).map(Number);
        return red + green + blue;
      }));
    });
    return found;
  };
  const [[lightBack, lightText], [darkBack, darkText]] = [await brightness("light"), await brightness("dark")];
  assert.ok(lightBack > lightText && darkBack < darkText, `${lightBack} ${lightText} ${darkBack} ${darkText}`);
}));

test("no view is wider than a phone of 390 pixels", () => lab(async ({ collector }) => {
  await inTab(collector, { viewport: { width: 390, height: 844 } }, async (tab) => {
    for (const [view, hash] of Object.entries(VIEWS)) {
      await tab.show(hash);
      const width = await tab.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `${view}: ${width}`);
    }
  });
}));

test("a collector that stops is named, and its last numbers stay", () => lab(async ({ collector }) => {
  await inTab(collector, {}, async (tab) => {
    await tab.show(VIEWS.overview);
    await tab.sees("#routes", "6");
    await collector.stop();
    await tab.sees("main .failure", "The collector does not answer.");
    assert.equal(await tab.text("#routes"), "6");
  });
}));

test("a collector with a token is asked with it", async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), "arancini-browser-"));
  const configuration = path.join(directory, "arancini.toml");
  const token = "0123456789abcdef-browser";
  writeFileSync(path.join(directory, "token"), token);
  writeFileSync(configuration, `[control]\ntoken_file = "${path.join(directory, "token")}"\n`);
  try {
    await lab(async ({ collector }) => {
      await inTab(collector, {}, async (tab) => {
        await tab.page.goto(`${collector.control}/`);
        await tab.page.getByLabel("Token").fill("not the right token");
        await tab.page.getByRole("button", { name: "Continue" }).click();
        await tab.sees("form h2", "Token");
        await tab.accessibility("the question for the token");
        await tab.page.getByLabel("Token").fill(token);
        await tab.page.getByRole("button", { name: "Continue" }).click();
        await tab.sees("#routers-up", "2");
      });
    }, "--config", configuration);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("the demo stays up with lively data until Ctrl-C", async () => {
  const demo = spawn(BINARY, ["demo", "--serve"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(demo, "exit");
  try {
    const [line] = await once(readline.createInterface({ input: demo.stdout }), "line");
    const control = line.match(/^The page is at (http:.*)\/$/)[1];
    await inTab({ control }, {}, async (tab) => {
      await tab.show(VIEWS.overview);
      await tab.sees("#routers-up", "6");
      for (const rate of ["received", "emitted", "suppressed"]) {
        await eventually(`${rate} is not zero`, async () => Number(await tab.text(`.rate.${rate} dd`)) > 0);
      }
    });
  } finally {
    demo.kill("SIGINT");
  }
  assert.deepEqual(await ended, [0, null]);
});

test("a thousand routers with twenty peers each are shown", async (context) => {
  const collector = await Collector.start();
  const routers = [];
  try {
    const peers = Array.from({ length: 20 }, (_, number) => ({ address: `192.0.2.${number + 1}`, asn: 64500 + number }));
    const messages = peers.flatMap((peer) => [peerUp(peer), announce(peer, ["203.0.113.0/24"])]);
    for (let number = 0; number < 1000; number++) {
      const router = await Router.connect(collector.port, `127.1.${number >> 8}.${number & 255}`, `edge-${number}`);
      router.send(...messages);
      routers.push(router);
    }
    await collector.until("counts", ({ counts }) => counts[0]?.routes === 20_000);
    await inTab(collector, {}, async (tab) => {
      await tab.show(VIEWS.overview);
      await tab.sees("#routers-up", "1,000");
      await tab.sees("#peers-up", "20,000");
      const measured = await tab.page.evaluate(() => {
        const paint = performance.getEntriesByName("first-contentful-paint")[0].startTime;
        const files = performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/page/"));
        const list = performance.getEntriesByType("resource").find((entry) => entry.name.includes("/api/v1/routers"));
        const bytes = files.reduce((sum, entry) => sum + entry.decodedBodySize, 0);
        return { paint, bytes, listMs: list.duration, listEnd: list.responseEnd, listBytes: list.decodedBodySize };
      });
      context.diagnostic(`first paint ${measured.paint.toFixed(0)} ms; list of routers ${measured.listMs.toFixed(0)} ms, ${measured.listBytes} bytes, there after ${measured.listEnd.toFixed(0)} ms; files of the page ${measured.bytes} bytes`);
      await tab.page.getByLabel("Filter by address, name or state").fill("edge-99");
      await eventually("the filter finds edge-99 and edge-990 to edge-999", async () => (await tab.rowsOf("Routers")).length === 11);
    });
  } finally {
    routers.forEach((router) => router.goAway());
    await collector.stop();
  }
});
