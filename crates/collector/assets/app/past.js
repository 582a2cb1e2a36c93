// What was published lately: changes of routes, and events of routers and peers.

import { ask } from "./ask.js";
import { html } from "./html.js";
import { COLUMN, idOf } from "./message.js";
import { Table } from "./table.js";
import { clock } from "./words.js";

const MOST_ENTRIES = 100;

/// Asks for the newest entries of the history. Without a history, the answer has only the reason.
export async function askPast(resource, parameters, signal) {
  const query = new URLSearchParams({ limit: MOST_ENTRIES, ...parameters });
  try {
    return await ask(`${resource}?${query}`, signal);
  } catch (error) {
    if (error.status === 409) return { off: `${error.message}; ${error.remedy}.`, [resource]: [] };
    throw error;
  }
}

const CHANGE_COLUMNS = [COLUMN.time, COLUMN.what, COLUMN.prefix, COLUMN.router, COLUMN.peer, COLUMN.view, COLUMN.detail];
const EVENT_COLUMNS = [COLUMN.time, COLUMN.what, COLUMN.router, COLUMN.peer, COLUMN.detail];

/// What is missing from the history, because it came faster than the history takes it.
function missing(gaps) {
  const updates = gaps.reduce((sum, gap) => sum + gap.updates, 0);
  return `${updates.toLocaleString("en")} updates between ${clock(gaps[0].from)} and ${clock(gaps.at(-1).to)} are missing: they came faster than the history takes them.`;
}

/// A section with the entries of a page of the history, and where the history begins.
function Past({ id, title, page, entries, columns, none }) {
  return html`
    <section aria-labelledby=${id}>
      <h2 id=${id}>${title}</h2>
      ${page.incomplete && html`<p class="failure">${page.incomplete}</p>`}
      <p class="note">${page.off ?? `The history begins at ${clock(page.historySince)}.`}${page.next ? ` These are the newest ${entries.length}.` : ""}</p>
      ${page.gaps && html`<p class="note">${missing(page.gaps)}</p>`}
      ${!page.off && html`<${Table} caption=${title} columns=${columns} rows=${entries} keyOf=${idOf} none=${none} />`}
    </section>`;
}

/// The changes of routes on a page of the history.
export const Changes = ({ page, title, none }) => html`
  <${Past} id="past-changes" title=${title} page=${page} entries=${page.changes} columns=${CHANGE_COLUMNS} none=${none} />`;

/// The events on a page of the history.
export const Events = ({ page, title, none }) => html`
  <${Past} id="past-events" title=${title} page=${page} entries=${page.events} columns=${EVENT_COLUMNS} none=${none} />`;
