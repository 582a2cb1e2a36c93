// Messages that could not be read: the list, and one of them with the meaning of its octets.

import { addresses } from "./address.js";
import { Refused, ask } from "./ask.js";
import { fieldsOf, octetsOf } from "./bmp.js";
import { html } from "./html.js";
import { COLUMN, idOf, timeOf } from "./message.js";
import { askPast } from "./past.js";
import { Facts, Table } from "./table.js";
import { clock, counted, number } from "./words.js";

const OCTETS_PER_LINE = 16;
const MOST_LINES = 2000;
const PAGE_LIMIT = 1000;

const sizeOf = (message) => message.rawLength ?? (message.raw?.length ?? 0) / 2;

const LIST_COLUMNS = [
  { name: "Time", cell: (message) => html`<a href=${addresses.malformedMessage(message.routerAddr, message.sequence)}>${clock(new Date(timeOf(message)).toISOString())}</a>` },
  COLUMN.router,
  COLUMN.peer,
  { name: "Reason", cell: (message) => message.reason },
  { name: "At octet", kind: "number", cell: (message) => number(message.offset) },
  { name: "Octets", kind: "number minor", cell: (message) => number(sizeOf(message)) },
];

const ListBody = ({ data }) => html`
  <section aria-labelledby="malformed">
    <h2 id="malformed">Messages that could not be read</h2>
    <p class="note">${data.off ?? `The history begins at ${clock(data.historySince)}.`}${data.next ? ` These are the newest ${data.malformed.length}.` : ""}
      ${" "}The collector skips such a message and goes on; consumers get its octets.</p>
    ${!data.off && html`<${Table} caption="Messages that could not be read" columns=${LIST_COLUMNS} rows=${data.malformed} keyOf=${idOf} none="Every message could be read." />`}
  </section>`;

export const malformed = {
  title: () => "Malformed messages",
  pauseMs: 2000,
  load: (_, signal) => askPast("malformed", {}, signal),
  Body: ListBody,
};

const hex = (value, digits) => value.toString(16).padStart(digits, "0");

/// The lines of the hex view: a field has as many lines as it needs. Exactly one line has the place of the error.
function linesOf(octets, offset) {
  const lines = [];
  for (const { from, to, name, meaning } of fieldsOf(octets)) {
    for (let at = from; at < to || (at === from && from === to); at += OCTETS_PER_LINE) {
      const end = Math.min(at + OCTETS_PER_LINE, to);
      lines.push({ at, end, octets: [...octets.subarray(at, end)], name: at === from ? name : "", meaning: at === from ? meaning : "" });
    }
  }
  const wrong = lines.find(({ at, end }) => offset >= at && offset < end) ?? lines.at(-1);
  if (wrong) wrong.isWrong = true;
  return lines;
}

const HEX_COLUMNS = [
  { name: "Offset", cell: (line) => html`<code>${hex(line.at, 4)}</code>` },
  { name: "Octets", cell: (line) => html`<code class="octets">${line.octets.map((octet) => hex(octet, 2)).join(" ")}</code>` },
  { name: "Field", cell: (line) => line.name },
  { name: "Meaning", cell: (line) => html`${line.meaning}${line.isWrong && html` <strong class="wrong">the error is here</strong>`}` },
];

function MessageBody({ data: { message } }) {
  const lines = linesOf(octetsOf(message.raw ?? ""), message.offset);
  const shown = lines.slice(0, MOST_LINES);
  return html`
    <section aria-labelledby="message">
      <h2 id="message">Message</h2>
      <${Facts} facts=${[
        ["Reason", message.reason],
        ["At octet", `${number(message.offset)} (0x${hex(message.offset, 4)})`],
        ["Received", clock(new Date(timeOf(message)).toISOString())],
        ["Router", COLUMN.router.cell(message)],
        ["Peer", message.peer && COLUMN.peer.cell(message)],
        ["Size", counted(sizeOf(message), "octet")],
      ]} />
      ${message.rawLength && html`<p class="note">Only the first ${number(message.raw.length / 2)} octets are kept.</p>`}
      ${shown.length < lines.length && html`<p class="note">These are the first ${number(shown.length)} of ${number(lines.length)} lines.</p>`}
      <p class="note">The page names the fields as their lengths say, also behind the error.</p>
      <${Table} caption="Octets with their meaning" columns=${HEX_COLUMNS} rows=${shown} none="The message has no octets." />
    </section>
    <p><a href=${addresses.malformed()}>All malformed messages</a></p>`;
}

export const malformedMessage = {
  title: ({ router }) => `Malformed message of ${router}`,
  pauseMs: 3_600_000,
  async load({ router, sequence }, signal) {
    let cursor = "";
    do {
      const page = await ask(`malformed?router=${encodeURIComponent(router)}&limit=${PAGE_LIMIT}${cursor}`, signal);
      const message = page.malformed.find((one) => one.sequence === sequence);
      if (message) return { message };
      cursor = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
    } while (cursor);
    throw new Refused(404, "The history does not have this message any more.", "Look at the list of malformed messages, or read the message from the stream.");
  },
  Body: MessageBody,
};
