import { describe, expect, test } from "bun:test";
import { Histogram, VALUE_MAX } from "../../src/base/histogram.ts";
import { Gauge, Metrics } from "../../src/base/metrics.ts";
import { FakeRandom } from "../sim/fake-random.ts";

describe("metrics", () => {
  test("the same name and labels are the same counter, in any order of labels", () => {
    const metrics = new Metrics();
    metrics.counter("requests", "Requests", { api: "Fetch", listener: "A" }).add(2);
    metrics.counter("requests", "Requests", { listener: "A", api: "Fetch" }).add();
    metrics.counter("requests", "Requests", { api: "Produce", listener: "A" }).add();
    const counts = [...metrics.all()].map(({ labels, value }) => [
      labels["api"],
      "count" in value ? value.count : -1,
    ]);
    expect(counts).toEqual([
      ["Fetch", 3],
      ["Produce", 1],
    ]);
  });

  test("a gauge is asked when somebody looks", () => {
    const metrics = new Metrics();
    let open = 3;
    metrics.gauge("connections", "Open", () => open);
    open = 4;
    const [metric] = [...metrics.all()];
    expect(metric?.value).toBeInstanceOf(Gauge);
    expect((metric?.value as Gauge).read()).toBe(4);
  });

  test("a name has one kind and a gauge one reader", () => {
    const metrics = new Metrics();
    metrics.gauge("a", "A", () => 1);
    expect(() => metrics.counter("a", "A")).toThrow("is a counter");
    expect(() => metrics.gauge("a", "A", () => 2)).toThrow("in one way");
  });
});

describe("a histogram", () => {
  test("gives quantiles within a sixty-fourth of the exact ones", () => {
    const random = new FakeRandom(3);
    const histogram = new Histogram();
    const values: number[] = [];
    for (let index = 0; index < 50_000; index++) {
      const value = Math.floor(2 ** (random.below(30_000) / 1000));
      values.push(value);
      histogram.record(value);
    }
    values.sort((a, b) => a - b);
    for (const share of [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = values[Math.max(0, Math.ceil(share * values.length) - 1)]!;
      const given = histogram.quantile(share);
      expect(given).toBeGreaterThanOrEqual(exact);
      expect(given - exact).toBeLessThanOrEqual(exact / 64);
    }
    expect(histogram.count).toBe(50_000);
    expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0));
    expect(histogram.max).toBe(values.at(-1)!);
  });

  test("is exact for small values and holds any number", () => {
    const histogram = new Histogram();
    for (const value of [-5, 0, 1, 63, 64, 127, 128.9, VALUE_MAX, 1e15]) histogram.record(value);
    expect(histogram.quantile(0)).toBe(0);
    expect(histogram.quantile(4 / 9)).toBe(63);
    expect(histogram.quantile(6 / 9)).toBe(127);
    expect(histogram.quantile(1)).toBe(VALUE_MAX);
    expect(histogram.countUpTo(64)).toBe(5);
    expect(histogram.countUpTo(VALUE_MAX)).toBe(9);
  });

  test("adds up and starts anew", () => {
    const one = new Histogram();
    const two = new Histogram();
    expect(one.quantile(0.5)).toBe(0);
    one.record(10);
    two.record(30);
    one.add(two);
    expect([one.count, one.mean, one.max]).toEqual([2, 20, 30]);
    one.reset();
    expect([one.count, one.mean, one.max, one.quantile(1)]).toEqual([0, 0, 0, 0]);
  });
});
