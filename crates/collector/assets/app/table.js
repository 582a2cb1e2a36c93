// A table, and small elements that several views use.

import { html } from "./html.js";
import { clock, duration } from "./words.js";

/// A table with a caption. A column is { name, cell(row), kind? }: the kind "number" is right-aligned, the first column is the
/// header of its row, and "minor" columns are left out on a narrow screen.
export function Table({ caption, columns, rows, none, keyOf }) {
  if (rows.length === 0) return html`<p class="none">${none}</p>`;
  return html`
    <div class="scroll" role="group" aria-label=${caption} tabindex="0">
      <table>
        <caption>${caption}</caption>
        <thead>
          <tr>${columns.map((column) => html`<th scope="col" class=${column.kind}>${column.name}</th>`)}</tr>
        </thead>
        <tbody>
          ${rows.map((row, index) => html`<tr key=${keyOf ? keyOf(row) : index}>${columns.map((column, place) => place === 0
            ? html`<th scope="row" class=${column.kind}>${column.cell(row)}</th>`
            : html`<td class=${column.kind}>${column.cell(row)}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>`;
}

/// The state of a router, peer or route.
export const State = ({ state }) => html`<span class="state ${state}">${state}</span>`;

/// How long ago, with the time itself as a tooltip and for programs.
export function Since({ time }) {
  if (!time) return html`<span class="none">before the start</span>`;
  return html`<time datetime=${time} title=${clock(time)}>${duration(Date.now() - Date.parse(time))}</time>`;
}

/// A list of names and values.
export const Facts = ({ facts }) => html`
  <dl class="facts">
    ${facts.filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => html`
      <div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;

/// An error with its remedy.
export const Failure = ({ error }) => html`
  <div class="failure" role="alert"><strong>${error.message}</strong>${error.remedy && html` <span>${error.remedy}</span>`}</div>`;
