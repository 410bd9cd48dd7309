/**
 * Numbers about this node, by name and labels: counters that grow, gauges that are asked when
 * somebody looks, and histograms. Parts keep the objects they count with: no look-up on a hot path.
 */
import { assert } from "./assert.ts";
import { Histogram } from "./histogram.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  readonly value: Counter | Gauge | Histogram;
}

export class Counter {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(count = 1): void {
    this.#count += count;
  }
}

export class Gauge {
  constructor(readonly read: () => number) {}
}

export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  /** The same name and labels give the same counter. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const found = this.#metrics.get(keyOf(name, labels));
    if (found === undefined) return this.#add(name, help, labels, new Counter());
    assert(found.value instanceof Counter, `${name} is a counter`);
    return found.value;
  }

  histogram(name: string, help: string, labels: Labels = {}): Histogram {
    const found = this.#metrics.get(keyOf(name, labels));
    if (found === undefined) return this.#add(name, help, labels, new Histogram());
    assert(found.value instanceof Histogram, `${name} is a histogram`);
    return found.value;
  }

  /** One reader a name and labels. */
  gauge(name: string, help: string, read: () => number, labels: Labels = {}): void {
    assert(!this.#metrics.has(keyOf(name, labels)), `${name} is read in one way`);
    this.#add(name, help, labels, new Gauge(read));
  }

  /** Of what has gone: a deleted topic's, a closed listener's. */
  remove(name: string, labels: Labels = {}): void {
    this.#metrics.delete(keyOf(name, labels));
  }

  all(): Iterable<Metric> {
    return this.#metrics.values();
  }

  #add<V extends Metric["value"]>(name: string, help: string, labels: Labels, value: V): V {
    this.#metrics.set(keyOf(name, labels), { name, help, labels, value });
    return value;
  }
}

function keyOf(name: string, labels: Labels): string {
  const names = Object.keys(labels);
  if (names.length === 0) return name;
  return `${name}|${names
    .sort()
    .map((label) => `${label}=${labels[label]}`)
    .join("|")}`;
}
