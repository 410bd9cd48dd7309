/** A histogram of microseconds as Kafka's exporters show one: quantiles, in milliseconds. */
import type { Histogram } from "../../base/histogram.ts";
import { labelText, type MetricsText } from "../../base/metrics-text.ts";
import type { RecentQuantiles } from "../../base/recent-quantiles.ts";

const QUANTILES = ["0.50", "0.75", "0.95", "0.98", "0.99", "0.999"];
const SHARES = QUANTILES.map(Number);
const LABELS = QUANTILES.map((quantile) => labelText({ quantile }));
const US_PER_MS = 1000;

export function histogramQuantiles(
  out: MetricsText,
  name: string,
  help: string,
  { recent, histogram, nowMs }: Shown,
): void {
  out.family(name, "gauge", help);
  const values = recent.read(histogram, SHARES, nowMs);
  for (const [index, label] of LABELS.entries()) out.sample(values[index]! / US_PER_MS, label);
}

interface Shown {
  readonly recent: RecentQuantiles;
  readonly histogram: Histogram;
  readonly nowMs: number;
}
