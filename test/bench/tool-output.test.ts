/** Lines that Kafka 4.3.1's tools printed. */
import { describe, expect, test } from "bun:test";
import { consumerFigures, endToEndFigures, producerFigures } from "../../bench/rows/tool-output.ts";

describe("ProducerPerformance", () => {
  const output =
    "20034 records sent, 4005.2 records/sec (3.91 MB/sec), 612.3 ms avg latency, 900.0 ms max latency.\n" +
    "30000 records sent, 7301.046483 records/sec (7.13 MB/sec), 330.77 ms avg latency, " +
    "2628.00 ms max latency, 317 ms 50th, 489 ms 95th, 512 ms 99th, 529 ms 99.9th.\n";

  test("the last line counts, and its MB are of 1024 x 1024 bytes", () => {
    expect(producerFigures(output)).toEqual({
      megabytesPerSecond: (7.13 * 1_048_576) / 1e6,
      p50Ms: 317,
      p99Ms: 512,
      p999Ms: 529,
      maxMs: 2628,
    });
  });

  test("anything else is an error that shows it", () => {
    expect(() => producerFigures("no such topic")).toThrow("no such topic");
  });
});

describe("ConsumerPerformance", () => {
  const header =
    "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, " +
    "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n";
  const values =
    "2026-11-21 07:20:11:123, 2026-11-21 07:20:15:511, 29.2969, 6.6766, 30000, 6836.8277, " +
    "3966, 422, 69.4239, 71090.0474\n";

  test("the time of joining the group is left out", () => {
    const figures = consumerFigures(header + values);
    expect(figures.megabytesPerSecond).toBeCloseTo((69.4239 * 1_048_576) / 1e6);
  });

  test("a header without values is an error", () => {
    expect(() => consumerFigures(header)).toThrow("something else");
  });
});

describe("EndToEndLatency", () => {
  test("the mean has fractions, quantiles have none", () => {
    const output =
      "0\t0.9\nAvg latency: 0.6312 ms\n\nPercentiles: 50th = 0, 99th = 3, 99.9th = 8\n";
    expect(endToEndFigures(output)).toEqual({ meanMs: 0.6312, p50Ms: 0, p99Ms: 3, p999Ms: 8 });
  });

  test("anything else is an error", () => {
    expect(() => endToEndFigures("Avg latency: 1 ms")).toThrow("something else");
  });
});
