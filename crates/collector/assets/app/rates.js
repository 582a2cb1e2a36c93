// Rates per second of the last hour, from counters that only grow.

const MOST_SAMPLES = 3600;

export const RATES = ["received", "emitted", "suppressed"];

/// Keeps the samples of the collector, and one for each second since the page was opened.
export class Rates {
  constructor() {
    this.times = [];
    this.samples = Object.fromEntries(RATES.map((name) => [name, []]));
    this.before = null;
  }

  /// Takes the counters of all workers, read at this time in milliseconds.
  take(workers, timeMs) {
    const now = { timeMs };
    for (const name of RATES) now[name] = workers.reduce((sum, worker) => sum + worker[name], 0);
    const { before } = this;
    this.before = now;
    // A counter that fell belongs to a collector that was restarted.
    if (!before || now.timeMs <= before.timeMs || RATES.some((name) => now[name] < before[name])) return;
    const seconds = (now.timeMs - before.timeMs) / 1000;
    this.times.push(timeMs / 1000);
    for (const name of RATES) this.samples[name].push((now[name] - before[name]) / seconds);
    if (this.times.length > MOST_SAMPLES) {
      this.times.shift();
      for (const name of RATES) this.samples[name].shift();
    }
  }

  /// Puts the samples of the collector before those of the page. Its clock may be another one: the newest sample is taken for now.
  begin(samples, nowMs) {
    const timeOf = (sample) => Date.parse(sample.time) / 1000;
    const shift = samples.length ? nowMs / 1000 - timeOf(samples.at(-1)) : 0;
    const first = this.times[0] ?? Infinity;
    let last = -Infinity;
    for (const sample of samples) {
      const time = timeOf(sample) + shift;
      if (time <= last || time >= first) continue;
      last = time;
      this.times.push(time);
      for (const name of RATES) this.samples[name].push(sample[name]);
    }
  }

  /// The latest rate, or null before the second sample.
  latest(name) {
    return this.samples[name].at(-1) ?? null;
  }

  /// Times and rates of the last seconds, as columns for the chart.
  columns(seconds) {
    const begin = (this.times.at(-1) ?? 0) - seconds;
    const first = Math.max(0, this.times.findIndex((time) => time >= begin));
    return [this.times, ...RATES.map((name) => this.samples[name])].map((column) => column.slice(first));
  }
}
