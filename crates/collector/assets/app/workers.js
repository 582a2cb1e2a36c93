// The workers and the sink.

import { ask } from "./ask.js";
import { html } from "./html.js";
import { Facts, Table } from "./table.js";
import { bytes, number } from "./words.js";

const count = (name, label, kind = "") => ({ name: label, kind: `number ${kind}`, cell: (worker) => number(worker[name]) });

const COLUMNS = [
  { name: "Worker", cell: (worker) => worker.worker },
  count("routers", "Routers"),
  count("sessions", "Sessions"),
  count("routes", "Routes"),
  { name: "Received/s", kind: "number", cell: (worker) => `${bytes(worker.bytesPerSecond)}` },
  count("received", "Received"),
  count("emitted", "Emitted"),
  count("suppressed", "Suppressed"),
  count("malformed", "Malformed", "minor"),
  count("dropped", "Dropped", "minor"),
  { name: "Longest turn", kind: "number minor", cell: (worker) => `${(1000 * worker.longestTurnSeconds).toFixed(1)} ms` },
];

function Body({ data: { workers, sink } }) {
  return html`
    <section aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      <${Table} caption="Workers" columns=${COLUMNS} rows=${workers} none="No worker runs." />
    </section>
    <section aria-labelledby="sink">
      <h2 id="sink">Sink</h2>
      <${Facts} facts=${[
        ["Sink", sink.sink],
        ["Works", sink.ready ? "yes" : "no"],
        ["Reason", sink.trouble && `${sink.trouble.cause}; ${sink.trouble.remedy}`],
        ["Messages taken", number(sink.messagesTaken)],
        ["Messages acknowledged", number(sink.messagesAcknowledged)],
        ["Messages set aside", number(sink.messagesSetAside)],
        ["Batches behind", number(sink.batchesBehind)],
        ["Messages in the window", number(sink.windowMessages)],
        ["Spool", bytes(sink.spoolBytes)],
        ["Connections lost", number(sink.disconnects)],
      ]} />
    </section>`;
}

export const workers = {
  title: () => "Workers",
  pauseMs: 1000,
  async load(_, signal) {
    const [{ workers }, sink] = await Promise.all([ask("workers", signal), ask("sink", signal)]);
    return { workers, sink };
  },
  Body,
};
