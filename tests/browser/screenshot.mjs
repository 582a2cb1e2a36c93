// Takes the picture of the README: the overview of `arancini demo --serve` after some changes.
//
//   node screenshot.mjs OUTPUT.png

import { spawn } from "node:child_process";
import { once } from "node:events";
import readline from "node:readline";

import { eventually, launch } from "./browser.mjs";

const [output] = process.argv.slice(2);
/// The chart has changes of a minute.
const SECONDS = 60;

const demo = spawn(process.env.ARANCINI_BIN ?? "arancini", ["demo", "--serve"], { stdio: ["ignore", "pipe", "inherit"] });
try {
  const [line] = await once(readline.createInterface({ input: demo.stdout }), "line");
  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  await page.goto(line.match(/http:\S+/)[0]);
  const ready = Date.now() + 1000 * SECONDS;
  await page.locator(".chart canvas").waitFor();
  await eventually("the chart has changes and a peer is down", async () =>
    Date.now() > ready && (await page.locator(".attention").count()) > 0, 10_000 + 1000 * SECONDS);
  await page.screenshot({ path: output });
  await browser.close();
} finally {
  demo.kill("SIGINT");
}
