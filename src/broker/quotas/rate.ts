/**
 * A rate over a sliding window, in samples: Kafka's Rate, whose figures decide who is throttled.
 *
 *   | sample | sample |  ...  | sample so far |
 *   |--- sampleCount - 1 of them, whole ------|- and what has gone of the newest -|
 *
 * A sample is begun by the first record after the last one's end; one more than `sampleCount` is
 * kept, because the oldest may overlap the window. Those in which nothing was recorded for a whole
 * window are forgotten.
 *
 * Before there are that many, the window counts as if there were: a first burst is no high rate.
 */

export interface RateWindow {
  /** quota.window.num */
  readonly sampleCount: number;
  /** quota.window.size.seconds */
  readonly sampleMs: number;
  /**
   * False for Kafka's SimpleRate: the window is as long as it has lasted, but for one sample at
   * least, and a first burst is a high rate.
   */
  readonly countsMissing?: boolean;
}

export class Rate {
  readonly #window: RateWindow;
  readonly #samples: Sample[] = [];
  #current = 0;

  constructor(window: RateWindow) {
    this.#window = window;
  }

  record(value: number, nowMs: number): void {
    let sample = this.#currentSample(nowMs);
    if (nowMs - sample.startMs >= this.#window.sampleMs) sample = this.#advance(nowMs);
    sample.value += value;
    sample.lastMs = nowMs;
  }

  /** Per second. */
  perSecond(nowMs: number): number {
    this.#forgetOld(nowMs);
    let sum = 0;
    for (const { value } of this.#samples) sum += value;
    return sum / (this.windowMs(nowMs) / 1000);
  }

  /** The time that the rate is taken over. */
  windowMs(nowMs: number): number {
    this.#forgetOld(nowMs);
    const { sampleCount, sampleMs, countsMissing = true } = this.#window;
    let oldestMs = this.#currentSample(nowMs).startMs;
    for (const { startMs } of this.#samples) if (startMs < oldestMs) oldestMs = startMs;
    const elapsedMs = nowMs - oldestMs;
    if (!countsMissing) return Math.max(elapsedMs, sampleMs);
    const missing = Math.max(0, sampleCount - 1 - Math.floor(elapsedMs / sampleMs));
    return Math.max(elapsedMs + missing * sampleMs, 1);
  }

  /** How long nothing may be recorded for the rate to come down to `limit`; 0 if it is there. */
  msUntil(limit: number, nowMs: number): number {
    const rate = this.perSecond(nowMs);
    if (!(rate > limit)) return 0;
    const delayMs = Math.round(((rate - limit) / limit) * this.windowMs(nowMs));
    return Math.min(delayMs, DELAY_MS_MAX);
  }

  #currentSample(nowMs: number): Sample {
    const known = this.#samples[this.#current];
    if (known !== undefined) return known;
    const first = new Sample(nowMs);
    this.#samples.push(first);
    return first;
  }

  #advance(nowMs: number): Sample {
    this.#current = (this.#current + 1) % (this.#window.sampleCount + 1);
    const next = this.#samples[this.#current];
    if (next === undefined) return this.#currentSample(nowMs);
    next.reset(nowMs);
    return next;
  }

  #forgetOld(nowMs: number): void {
    const ageMsMax = this.#window.sampleCount * this.#window.sampleMs;
    for (const sample of this.#samples) {
      if (nowMs - sample.lastMs >= ageMsMax) sample.reset(nowMs);
    }
  }
}

/** The field of an answer that tells a delay holds no more. */
const DELAY_MS_MAX = 2 ** 31 - 1;

class Sample {
  startMs: number;
  lastMs: number;
  value = 0;

  constructor(nowMs: number) {
    this.startMs = nowMs;
    this.lastMs = nowMs;
  }

  reset(nowMs: number): void {
    this.startMs = nowMs;
    this.lastMs = nowMs;
    this.value = 0;
  }
}
