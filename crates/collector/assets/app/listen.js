// Listens to the live stream (Server-Sent Events). `EventSource` can't send the token, so the answer is read as it comes.

import { openStream } from "./ask.js";

const REST_MS = 2000;

/// Splits a stream into events { event, data }. Comments keep the connection open and are left out.
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const fields = part.split("\n").map((line) => line.split(/: ?(.*)/s, 2));
      const { event, data } = Object.fromEntries(fields);
      if (event && data) yield { event, data: JSON.parse(data) };
    }
  }
}

/// Listens until it is stopped, and connects again when the connection ends. Calls `onEvent` with each event, and `onState`
/// with "listening", or with the error that ended the connection.
export class Listening {
  constructor(query, { onEvent, onState }) {
    this.abort = new AbortController();
    this.run(query, onEvent, onState);
  }

  async run(query, onEvent, onState) {
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        const body = await openStream(`stream?${query}`, signal);
        onState("listening");
        for await (const event of eventsOf(body)) onEvent(event);
        if (!signal.aborted) onState({ message: "The stream has ended.", remedy: "The page connects again." });
      } catch (error) {
        if (signal.aborted) return;
        onState(error);
        // A wrong filter stays wrong.
        if (error.status >= 400 && error.status < 500) return;
      }
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
  }

  stop() {
    this.abort.abort();
  }
}
