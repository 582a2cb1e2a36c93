// Repeats a request.

// A request that takes long is repeated less often: the pause is nine times as long as the request took, but not longer than this.
const REST_PER_WORK = 9;
const LONGEST_REST_MS = 10_000;

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
    const rest = Math.min(REST_PER_WORK * (performance.now() - begun), LONGEST_REST_MS);
    this.next = setTimeout(() => this.run(), Math.max(this.pauseMs, rest));
  }

  stop() {
    this.abort.abort();
    clearTimeout(this.next);
  }
}
