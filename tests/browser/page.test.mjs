// The page in a real browser, with a real collector and routers that speak BMP.
//
//   cd tests/browser && npm ci && ARANCINI_BIN=… node --test

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before, test } from "node:test";

import { Tab, eventually, launch } from "./browser.mjs";
import { BINARY, Collector } from "./collector.mjs";
import { Router, announce, damaged, peerDown, peerUp, statistics, withdraw } from "./router.mjs";

const PEERS = [1, 2, 3].map((number) => ({ address: `192.0.2.${number}`, asn: 64500 + number }));
const PEER_KEY = "192.0.2.1~192.0.2.1~0~0";
const VIEWS = {
  overview: "#/",
  router: "#/routers/127.0.0.2",
  peer: `#/routers/127.0.0.2/peers/${encodeURIComponent(PEER_KEY)}`,
  prefix: "#/prefixes/203.0.113.0%2F24",
  tail: "#/tail",
  events: "#/events",
  malformed: "#/malformed",
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
    await tab.sees(".timeline", "3 changes of the peer in the last 24 hours");
    await tab.sees("main", "four octet as");
    one.send(announce(PEERS[2], ["198.51.100.0/24"]), statistics(PEERS[2], 7));
    await tab.sees("section:has(#statistics) tbody tr", "71");
    const cells = await tab.page.locator("section:has(#statistics) tbody td.number").allTextContents();
    assert.deepEqual(cells, ["7", "1"]);
  });
}));

const CHANGES = "Changes of the last hour";

/// The texts of one column of a table; the first column is 0.
const column = (tab, caption, place) => tab.page.locator(`section:has(> h2:text-is("${caption}")) tbody tr > *:nth-child(${place + 1})`).allTextContents();

test("the live tail shows what its filters let pass, and pauses", () => lab(async ({ collector, one, other }) => {
  await inTab(collector, {}, async (tab) => {
    await tab.show(VIEWS.tail);
    await tab.sees("#heard", "Listening: 0 messages");
    one.send(announce(PEERS[0], ["192.0.2.0/24"]));
    await tab.sees("section:has(#messages) tbody", "192.0.2.0/24");
    assert.deepEqual(await column(tab, "Messages", 1), ["announce"]);
    // Only withdraws of one router, and events of peers.
    await tab.page.getByLabel("Peers").check();
    await tab.page.getByLabel("Router", { exact: true }).fill("127.0.0.2");
    await tab.page.getByRole("button", { name: "Apply" }).click();
    await tab.sees("#heard", "Listening: 0 messages");
    assert.match(decodeURIComponent(new URL(tab.page.url()).hash), /kinds=updates%2Cpeers&router=127\.0\.0\.2/);
    other.send(announce(PEERS[0], ["198.51.100.0/25"]));
    one.send(peerUp(PEERS[2]), withdraw(PEERS[0], ["192.0.2.0/24"]));
    await tab.sees("#heard", "2 messages");
    assert.deepEqual((await column(tab, "Messages", 1)).sort(), ["peer up", "withdraw"]);
    // While it is paused, nothing moves, and nothing is lost.
    await tab.page.getByRole("button", { name: "Pause" }).click();
    one.send(announce(PEERS[0], ["192.0.2.128/25"]));
    await tab.sees("#heard", "Paused: 3 messages");
    assert.equal((await column(tab, "Messages", 1)).length, 2);
    await tab.page.getByRole("button", { name: "Pause" }).click();
    await tab.sees("section:has(#messages) tbody", "192.0.2.128/25");
    // The address has the filters.
    await tab.page.reload();
    await tab.sees("#heard", "Listening: 0 messages");
    assert.equal(await tab.page.getByLabel("Router", { exact: true }).inputValue(), "127.0.0.2");
    assert.ok(await tab.page.getByLabel("Peers").isChecked());
    // A wrong filter is named with its remedy.
    await tab.page.getByLabel("Prefix", { exact: true }).fill("203.0.113.1/24");
    await tab.page.getByRole("button", { name: "Apply" }).click();
    await tab.sees("main [role=alert]", "write 203.0.113.0/24");
  });
}));

test("a prefix shows its changes of the last hour, the newest first", () => lab(async ({ collector, one }) => {
  one.send(withdraw(PEERS[1], ["203.0.113.0/24"]));
  await collector.until("counts", ({ counts }) => counts[0]?.routes === 5);
  await inTab(collector, {}, async (tab) => {
    await tab.show(VIEWS.prefix);
    await tab.sees(`section:has(> h2:text-is("${CHANGES}"))`, "withdraw");
    const whats = await column(tab, CHANGES, 1);
    assert.deepEqual([whats[0], whats.filter((what) => what === "announce").length], ["withdraw", 3]);
    assert.ok((await column(tab, CHANGES, 2)).includes("203.0.113.128/25"));
    assert.ok(!(await column(tab, CHANGES, 2)).includes("203.0.112.0/23"));
    await tab.page.getByText("Watch 203.0.113.0/24 live").click();
    await tab.sees("#heard", "Listening");
    one.send(announce(PEERS[1], ["198.51.100.0/25", "203.0.113.0/25"]));
    await tab.sees("section:has(#messages) tbody", "203.0.113.0/25");
    assert.deepEqual(await column(tab, "Messages", 2), ["203.0.113.0/25"]);
  });
}));

/// What each link of the five questions in docs/api.md has to show: places with their texts.
const ANSWERS = {
  "#/prefixes/203.0.113.0%2F24": [
    ["main", "203.0.113.0/24: 1 exact"],
    ["main", "10.99.0.1"],
    [`section:has(> h2:text-is("${CHANGES}"))`, "withdraw"],
  ],
  "#/routers/127.0.0.1/peers/10.99.0.3": [[".facts .state", "down"], [".timeline li", "local no notification"], [".timeline", "2 changes"]],
  "#/routers/127.0.0.1": [["section[aria-labelledby=counts]", "adj-rib-in-pre"], ["main", "10.99.0.3"]],
  "#/": [["#routers-up", "1"], ["#sink", "null"], [".attention", "1 of 2 peers down"]],
  "#/events": [["main", "peer down"], ["main", "10.99.0.3"]],
};

test("the links of the five questions answer them", async () => {
  const page = readFileSync(path.join(import.meta.dirname, "../../docs/api.md"), "utf8");
  const section = page.split("## Five questions of an operator")[1].split("\n## ")[0];
  const links = [...section.matchAll(/http:\/\/127\.0\.0\.1:8080\/(#[^\s`]*)/g)].map(([, hash]) => hash);
  assert.deepEqual([...new Set(links)].sort(), Object.keys(ANSWERS).sort());
  const collector = await Collector.start();
  const router = await Router.connect(collector.port, "127.0.0.1", "core-1");
  try {
    const [up, down] = [{ address: "10.99.0.1", asn: 65000 }, { address: "10.99.0.3", asn: 65002 }];
    router.send(peerUp(up), peerUp(down), peerDown(down), announce(up, ["203.0.113.0/24"]), withdraw(up, ["203.0.113.0/24"]));
    router.send(announce(up, ["203.0.113.0/24"]));
    await collector.until("changes", ({ changes }) => changes.length === 3);
    await inTab(collector, {}, async (tab) => {
      for (const [link, expected] of Object.entries(ANSWERS)) {
        await tab.show(link);
        for (const [place, text] of expected) await tab.sees(place, text);
      }
    });
  } finally {
    router.goAway();
    await collector.stop();
  }
});

test("events are listed for all, for a router and for a peer", () => lab(async ({ collector, one, other }) => {
  await inTab(collector, {}, async (tab) => {
    await tab.show(VIEWS.events);
    const all = "Events of routers and peers";
    await tab.sees(`section:has(> h2:text-is("${all}"))`, "peer down");
    assert.equal((await column(tab, all, 1)).filter((what) => what === "peer up").length, 4);
    one.send(peerUp(PEERS[2]));
    await tab.sees("tbody tr:first-child", "peer up");
    await tab.show("#/routers/127.0.0.3");
    const ofRouter = "Events of the router and its peers";
    assert.equal((await column(tab, ofRouter, 1)).filter((what) => what === "peer up").length, 1);
    other.goAway();
    await tab.sees(`section:has(> h2:text-is("${ofRouter}")) tbody tr:first-child`, "router: stale");
    await tab.show("#/routers/127.0.0.2/peers/192.0.2.3");
    assert.deepEqual(await column(tab, "Events of the peer", 1), ["peer up", "peer down", "peer up"]);
  });
}));

test("a malformed message is shown octet by octet, with the place of the error", () => lab(async ({ collector, one }) => {
  one.send(damaged(PEERS[0]));
  await collector.until("malformed", ({ malformed }) => malformed.length === 1);
  for (const options of [{}, { colorScheme: "dark", viewport: { width: 390, height: 844 } }]) {
    await inTab(collector, options, async (tab) => {
      await tab.show(VIEWS.malformed);
      await tab.sees("tbody", "127.0.0.2");
      await tab.page.locator("tbody th a").click();
      await tab.sees("h1", "Malformed message of 127.0.0.2");
      await tab.sees("tbody", "attribute flags");
      const table = "Message";
      const fields = await column(tab, table, 2);
      for (const field of ["BMP version", "BMP length", "BMP type", "peer type", "peer address", "BGP marker", "withdrawn routes length"]) {
        assert.ok(fields.includes(field), `${field} in ${fields}`);
      }
      const meanings = await column(tab, table, 3);
      assert.equal(meanings[fields.indexOf("peer address")], "192.0.2.1");
      assert.equal(meanings[fields.indexOf("BMP type")], "0: Route Monitoring");
      const wrong = meanings.findIndex((meaning) => meaning.includes("the error is here"));
      assert.equal(fields[wrong], "attribute flags");
      assert.equal(meanings[fields.indexOf("path attributes length")], "100: beyond the message");
      const octets = (await column(tab, table, 1)).join(" ").split(" ").filter(Boolean);
      assert.equal(octets.length, 75);
      await tab.accessibility("a malformed message");
      const width = await tab.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= (options.viewport?.width ?? 1280), String(width));
      // The address leads back to the message.
      await tab.page.reload();
      await tab.sees("tbody", "BGP marker");
      await tab.show("#/malformed/127.0.0.2/1");
      await tab.sees("main [role=alert]", "does not have this message");
    });
  }
}));

test("the views of the past say that there is no history", async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), "arancini-browser-"));
  const configuration = path.join(directory, "arancini.toml");
  writeFileSync(configuration, "[control]\nhistory_bytes = 0\n");
  try {
    await lab(async ({ collector }) => {
      await inTab(collector, {}, async (tab) => {
        for (const view of ["events", "malformed", "prefix"]) {
          await tab.show(VIEWS[view]);
          await tab.sees("main", "the collector keeps no history");
        }
      });
    }, "--config", configuration);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

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
    tail: "Live tail",
    events: "Events",
    malformed: "Malformed messages",
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
