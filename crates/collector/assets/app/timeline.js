// The changes of a state: as a bar over time, and as a list.

import { html } from "./html.js";
import { State } from "./table.js";
import { clock, duration } from "./words.js";

const WIDTH = 1000;

/// The changes are { time, state, reason? }, the oldest first. The newest is the first of the list.
export function Timeline({ changes, count, what }) {
  if (changes.length === 0) return html`<p class="none">The state has not changed since the collector started.</p>`;
  const times = changes.map((change) => Date.parse(change.time));
  const now = Math.max(Date.now(), times.at(-1) + 1);
  const place = (time) => (WIDTH * (time - times[0])) / (now - times[0]);
  return html`
    <div class="timeline">
      <svg viewBox="0 0 ${WIDTH} 20" preserveAspectRatio="none" aria-hidden="true">
        ${changes.map((change, index) => {
          const from = place(times[index]);
          const to = index + 1 < times.length ? place(times[index + 1]) : WIDTH;
          return html`<rect class=${change.state} x=${from} y="0" width=${Math.max(to - from, 2)} height="20" />`;
        })}
      </svg>
      <p class="ends" aria-hidden="true"><span>${duration(now - times[0])} ago</span><span>now</span></p>
      ${count > changes.length && html`<p>The last ${changes.length} of ${count} changes of ${what} since the collector started:</p>`}
      <ol reversed>
        ${[...changes].reverse().map((change) => html`
          <li key=${change.time + change.state}><time datetime=${change.time}>${clock(change.time)}</time> <${State} state=${change.state} />
            ${change.reason && html` <span>${change.reason.replaceAll("_", " ")}</span>`}</li>`)}
      </ol>
    </div>`;
}
