/**
 * Numbers about this node: counters that grow, gauges that are asked when somebody looks, and
 * whatever else its parts write when they are asked (`Families`). Parts keep the objects they count
 * with: no look-up on a hot path.
 */
import { assert } from "./assert.ts";
import { type Families, type Labels, labelText, type MetricsText } from "./metrics-text.ts";

/** A counter or a gauge. */
export interface Metric {
  /** Of a counter without the `_total` that it is shown with. */
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  readonly value: Counter | Gauge;
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
  /** By name, then by labels: those of one name are shown together. */
  readonly #metrics = new Map<string, Map<string, Metric>>();
  readonly #families: Families[] = [];

  /** The same name and labels give the same counter. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const found = this.#metrics.get(name)?.get(keyOf(labels));
    if (found === undefined) return this.#add(name, help, labels, new Counter());
    assert(found.value instanceof Counter, `${name} is a counter`);
    return found.value;
  }

  /** One reader a name and labels. */
  gauge(name: string, help: string, read: () => number, labels: Labels = {}): void {
    const found = this.#metrics.get(name)?.get(keyOf(labels));
    assert(found === undefined, `${name} is read in one way`);
    this.#add(name, help, labels, new Gauge(read));
  }

  /** Written behind all others, in the order in which they were added. */
  addFamilies(families: Families): void {
    this.#families.push(families);
  }

  *all(): Iterable<Metric> {
    for (const metrics of this.#metrics.values()) yield* metrics.values();
  }

  *write(out: MetricsText): Iterable<void> {
    for (const [name, metrics] of this.#metrics) {
      let isFirst = true;
      for (const { help, labels, value } of metrics.values()) {
        const isCounter = value instanceof Counter;
        if (isFirst) out.family(name, isCounter ? "counter" : "gauge", help);
        out.sample(isCounter ? value.count : value.read(), labelText(labels));
        isFirst = false;
      }
      yield;
    }
    for (const families of this.#families) yield* families(out);
  }

  #add<V extends Metric["value"]>(name: string, help: string, labels: Labels, value: V): V {
    const metrics = this.#metrics.get(name) ?? new Map<string, Metric>();
    this.#metrics.set(name, metrics);
    metrics.set(keyOf(labels), { name, help, labels, value });
    return value;
  }
}

function keyOf(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((label) => `${label}=${labels[label]}`)
    .join("|");
}
