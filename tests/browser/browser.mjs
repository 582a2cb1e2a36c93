// The browser: Debian's Chromium, driven by playwright-core.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/// Only a page that is broken takes longer.
const PATIENCE_MS = 120_000;

function chromiumPath() {
  return process.env.ARANCINI_CHROMIUM ?? execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
}

/// Starts the browser. Chromium refuses to run as root inside its sandbox.
export function launch() {
  const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: chromiumPath(), args });
}

/// Calls the function until it returns something that is true.
export async function eventually(what, test, patienceMs = PATIENCE_MS) {
  const deadline = Date.now() + patienceMs;
  let last;
  while (Date.now() < deadline) {
    last = await test();
    if (last) return last;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: not within ${patienceMs} ms`);
}

/// A tab that notes every error and every request to another place than the collector.
export class Tab {
  static async open(browser, collector, options = {}) {
    const tab = new Tab();
    tab.collector = collector;
    tab.context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    tab.page = await tab.context.newPage();
    tab.page.setDefaultTimeout(PATIENCE_MS);
    tab.errors = [];
    tab.page.on("pageerror", (error) => tab.errors.push(error.stack));
    tab.page.on("console", (message) => {
      // The browser itself writes a line for each answer that is an error, and for each that does not come.
      const isAnswer = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isAnswer) tab.errors.push(message.text());
    });
    tab.page.on("request", (request) => {
      if (!request.url().startsWith(collector.control)) tab.errors.push(`request to ${request.url()}`);
    });
    return tab;
  }

  /// Opens a view and waits for its heading and its first answer.
  async show(hash) {
    await this.page.goto(`${this.collector.control}/${hash}`);
    await this.page.locator("main h1").waitFor();
    await eventually("the answer is shown", async () => !(await this.text("main")).includes("Asking the collector"));
  }

  async text(selector) {
    return (await this.page.locator(selector).first().textContent()) ?? "";
  }

  /// Waits until an element contains the text.
  async sees(selector, text) {
    await eventually(`${selector} contains ${text}`, async () => {
      const found = this.page.locator(selector);
      return (await found.count()) > 0 && (await this.text(selector)).includes(text);
    });
  }

  /// The texts of the first column of a table.
  rowsOf(caption) {
    return this.page.locator(`section:has(> h2:text-is("${caption}")) tbody th`).allTextContents();
  }

  /// Looks for barriers for people with disabilities (WCAG 2.2 A and AA, and axe's best practices).
  async accessibility(what) {
    await this.page.evaluate(AXE);
    const violations = await this.page.evaluate(async () => {
      const found = await window.axe.run(document);
      return found.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(" | ")}`);
    });
    assert.deepEqual(violations, [], what);
  }

  async close() {
    await this.context.close();
    assert.deepEqual(this.errors, []);
  }
}
