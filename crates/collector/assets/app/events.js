// The events of all routers and peers, the newest first.

import { html } from "./html.js";
import { Events, askPast } from "./past.js";

export const events = {
  title: () => "Events",
  pauseMs: 2000,
  load: (_, signal) => askPast("events", {}, signal),
  Body: ({ data }) => html`<${Events} page=${data} title="Events of routers and peers" none="Nothing has happened since the history began." />`,
};
