/**
 * Quantiles of what a histogram has recorded of late: those of all time hardly move after a day.
 *
 *   ----- older ------------ newer ------------- now
 *          `------- what is shown --------------^      between one and two windows
 *
 * Nothing is done while nobody looks.
 */
import { Histogram, type HistogramSnapshot } from "./histogram.ts";

/** Kafka's histograms favour the last five minutes. */
const WINDOW_MS = 150_000;

export class RecentQuantiles {
  #older: HistogramSnapshot | undefined;
  #newer: HistogramSnapshot | undefined;
  #newerMs = 0;

  /** Always of the same histogram, or of ever more of the same. */
  read(histogram: Histogram, shares: readonly number[], nowMs: number): number[] {
    this.#moveWindow(histogram, nowMs);
    return histogram.quantiles(shares, this.#older);
  }

  readSummary(
    histogram: Histogram,
    nowMs: number,
  ): { readonly mean: number; readonly max: number } {
    this.#moveWindow(histogram, nowMs);
    const mean = histogram.meanSince(this.#older);
    return { mean, max: histogram.quantiles([1], this.#older)[0]! };
  }

  #moveWindow(histogram: Histogram, nowMs: number): void {
    if (this.#newer === undefined) {
      this.#newer = histogram.snapshot();
      this.#newerMs = nowMs;
    } else if (nowMs - this.#newerMs >= WINDOW_MS) {
      this.#older = this.#newer;
      this.#newer = histogram.snapshot();
      this.#newerMs = nowMs;
    }
  }
}
