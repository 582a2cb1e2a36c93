// Repeats a request.

// A request that takes long is repeated so seldom that the collector spends at most a tenth of its time on it.
const REST_PER_WORK = 9;

/// Calls `load` again and again, at least `pauseMs` after the last call ended, and hands each result or error to `show`.
export class Poll {
  constructor(load, show, pauseMs) {
    this.load = load;
    this.show = show;
    this.pauseMs = pauseMs;
    this.abort = new AbortController();
    this.next = 0;
    this.run();
  }

  async run() {
    const { signal } = this.abort;
    const begun = performance.now();
    let result;
    try {
      result = { data: await this.load(signal) };
    } catch (error) {
      result = { error };
    }
    if (signal.aborted) return;
    this.show(result);
    const rest = Math.max(this.pauseMs, REST_PER_WORK * (performance.now() - begun));
    this.next = setTimeout(() => this.run(), rest);
  }

  stop() {
    this.abort.abort();
    clearTimeout(this.next);
  }
}
