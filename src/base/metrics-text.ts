/**
 * Metrics as text, as collectors fetch them: Prometheus' format 0.0.4, or OpenMetrics 1.0.0.
 *
 *   # HELP kafka_server_replicamanager_leadercount Partitions that this broker leads
 *   # TYPE kafka_server_replicamanager_leadercount gauge
 *   kafka_server_replicamanager_leadercount 12
 *
 * All samples of a family stand together behind its header, which is left out where there are none.
 * The two formats differ in how they name counters, in what has no type, and in the last line.
 */
import type { Histogram } from "./histogram.ts";

export type Labels = Readonly<Record<string, string>>;
export type MetricsFormat = "prometheus" | "openmetrics";
/** A counter's name has no `_total`: it is put behind. "unknown": goes up, under any name. */
export type MetricType = "counter" | "gauge" | "histogram" | "unknown";

/** Writes families; yields where it may be interrupted, within a family too. */
export type Families = (out: MetricsText) => Iterable<void>;

export class MetricsText {
  readonly #format: MetricsFormat;
  #text = "";
  #name = "";
  #header = "";

  constructor(format: MetricsFormat) {
    this.#format = format;
  }

  get size(): number {
    return this.#text.length;
  }

  family(name: string, type: MetricType, help: string): void {
    const isOpen = this.#format === "openmetrics";
    this.#name = type === "counter" ? `${name}_total` : name;
    const headed = isOpen ? name : this.#name;
    const typeName = type === "unknown" && !isOpen ? "untyped" : type;
    this.#header = `# HELP ${headed} ${help}\n# TYPE ${headed} ${typeName}\n`;
  }

  /** `labels` come from `labelText`. */
  sample(value: number, labels = "", suffix = ""): void {
    const text = value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value);
    this.#text += `${this.#header}${this.#name}${suffix}${labels} ${text}\n`;
    this.#header = "";
  }

  /** A family of one sample. */
  one(name: string, type: MetricType, help: string, value: number, labels = ""): void {
    this.family(name, type, help);
    this.sample(value, labels);
  }

  /** Within a family of histograms: values of `unit` each, up to each of `bounds` in its unit. */
  histogram(histogram: Histogram, bounds: readonly number[], unit: number, labels: Labels): void {
    const counts = histogram.countsUpTo(bounds.map((bound) => bound / unit));
    for (const [index, bound] of bounds.entries()) {
      this.sample(counts[index]!, labelText({ ...labels, le: floatText(bound) }), "_bucket");
    }
    this.sample(histogram.count, labelText({ ...labels, le: "+Inf" }), "_bucket");
    this.sample(histogram.sum * unit, labelText(labels), "_sum");
    this.sample(histogram.count, labelText(labels), "_count");
  }

  /** What was written since the last time. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  /** Behind the last family. */
  end(): void {
    if (this.#format === "openmetrics") this.#text += "# EOF\n";
  }
}

/** `{topic="a",partition="0"}`, or nothing where there is no label. */
export function labelText(labels: Labels): string {
  let text = "";
  for (const name of Object.keys(labels)) {
    text += `${text === "" ? "{" : ","}${name}="${escaped(labels[name]!)}"`;
  }
  return text === "" ? "" : `${text}}`;
}

const UNUSUAL = /["\\\n]/;

function escaped(value: string): string {
  if (!UNUSUAL.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

/** OpenMetrics wants "1.0" for 1. */
function floatText(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
