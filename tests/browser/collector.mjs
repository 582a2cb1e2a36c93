// The collector under test as a process on free ports.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import readline from "node:readline";

const ROOT = path.resolve(import.meta.dirname, "../..");
export const BINARY = process.env.ARANCINI_BIN ?? path.join(ROOT, "target/release/arancini");

export class Collector {
  /// Starts `arancini run` and waits until it listens for routers and for the browser.
  static async start(...flags) {
    const collector = new Collector();
    const all = ["run", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--workers", "2", "--sink", "null", "--log-format", "json", ...flags];
    collector.process = spawn(BINARY, all, { stdio: ["ignore", "ignore", "pipe"] });
    const lines = readline.createInterface({ input: collector.process.stderr });
    const seen = [];
    await new Promise((resolve, reject) => {
      lines.on("line", (line) => {
        seen.push(line);
        const event = JSON.parse(line);
        if (event.message.startsWith("control port")) collector.control = `http://${event.address}`;
        if (event.message === "collector started") {
          collector.port = Number(event.listen.split(":").at(-1));
          resolve();
        }
      });
      collector.process.once("error", reject);
      collector.process.once("exit", (code) => reject(new Error(`arancini run ended with ${code}:\n${seen.join("\n")}`)));
    });
    return collector;
  }

  async ask(resource) {
    const response = await fetch(`${this.control}/api/v1/${resource}`);
    return response.json();
  }

  /// Asks a resource until its answer passes the test.
  async until(resource, test) {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const answer = await this.ask(resource);
      if (test(answer)) return answer;
      if (Date.now() > deadline) throw new Error(`${resource} stays ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop() {
    if (this.process.exitCode !== null) return;
    this.process.kill("SIGTERM");
    await once(this.process, "exit");
  }
}
