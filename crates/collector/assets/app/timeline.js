// The changes of a state: as a bar over time, and as a list.

import { html } from "./html.js";
import { State } from "./table.js";
import { clock, counted, duration } from "./words.js";

const WIDTH = 1000;
const DAY_MS = 86_400_000;

/// The changes are { time, state, reason? }, the oldest first. The newest is the first of the list. The bar shows the last 24
/// hours, or less if the oldest change that is known is younger.
export function Timeline({ changes, count, countOfDay, what }) {
  if (changes.length === 0) return html`<p class="none">The state has not changed since the collector started.</p>`;
  const times = changes.map((change) => Date.parse(change.time));
  const now = Math.max(Date.now(), times.at(-1) + 1);
  const begin = Math.max(times[0], now - DAY_MS);
  const place = (time) => (WIDTH * Math.max(time - begin, 0)) / (now - begin);
  return html`
    <div class="timeline">
      <svg viewBox="0 0 ${WIDTH} 20" preserveAspectRatio="none" aria-hidden="true">
        ${changes.map((change, index) => {
          const from = place(times[index]);
          const to = index + 1 < times.length ? place(times[index + 1]) : WIDTH;
          if (to === 0) return null;
          return html`<rect class=${change.state} x=${from} y="0" width=${Math.max(to - from, 2)} height="20" />`;
        })}
      </svg>
      <p class="ends" aria-hidden="true"><span>${duration(now - begin)} ago</span><span>now</span></p>
      <p>${counted(countOfDay, "change")} of ${what} in the last 24 hours, ${counted(count, "change")} since the collector started.
        ${count > changes.length && ` The list has the last ${changes.length}.`}</p>
      <ol reversed>
        ${[...changes].reverse().map((change) => html`
          <li key=${change.time + change.state}><time datetime=${change.time}>${clock(change.time)}</time> <${State} state=${change.state} />
            ${change.reason && html` <span>${change.reason.replaceAll("_", " ")}</span>`}</li>`)}
      </ol>
    </div>`;
}
