import { describe, expect, test } from "bun:test";
import { Histogram } from "../../src/base/histogram.ts";
import { labelText, type MetricsFormat, MetricsText } from "../../src/base/metrics-text.ts";
import { RecentQuantiles } from "../../src/base/recent-quantiles.ts";

function textOf(format: MetricsFormat, write: (out: MetricsText) => void): string[] {
  const out = new MetricsText(format);
  write(out);
  out.end();
  return out.take().split("\n").slice(0, -1);
}

describe("metrics as text", () => {
  const write = (out: MetricsText) => {
    out.one("a_requests", "counter", "Requests", 3, labelText({ api: "Fetch" }));
    out.family("empty", "gauge", "Nobody has one");
    out.one("b_count", "unknown", "Things", Infinity);
    out.one("c", "gauge", "A rate", 1.5);
  };

  test("Prometheus' format has the whole name of a counter in its header", () => {
    expect(textOf("prometheus", write)).toEqual([
      "# HELP a_requests_total Requests",
      "# TYPE a_requests_total counter",
      'a_requests_total{api="Fetch"} 3',
      "# HELP b_count Things",
      "# TYPE b_count untyped",
      "b_count +Inf",
      "# HELP c A rate",
      "# TYPE c gauge",
      "c 1.5",
    ]);
  });

  test("OpenMetrics has not, and has an end", () => {
    const lines = textOf("openmetrics", write);
    expect(lines.slice(0, 3)).toEqual([
      "# HELP a_requests Requests",
      "# TYPE a_requests counter",
      'a_requests_total{api="Fetch"} 3',
    ]);
    expect(lines).toContain("# TYPE b_count unknown");
    expect(lines.at(-1)).toBe("# EOF");
  });

  test("a histogram counts up to each bound, in the unit of its bounds", () => {
    const histogram = new Histogram();
    for (const us of [50, 900, 1000, 5000]) histogram.record(us);
    const lines = textOf("prometheus", (out) => {
      out.family("t_seconds", "histogram", "Time");
      out.histogram(histogram, [0.001, 1], 1e-6, { a: "b" });
    });
    expect(lines.slice(2)).toEqual([
      't_seconds_bucket{a="b",le="0.001"} 3',
      't_seconds_bucket{a="b",le="1.0"} 4',
      't_seconds_bucket{a="b",le="+Inf"} 4',
      't_seconds_sum{a="b"} 0.00695',
      't_seconds_count{a="b"} 4',
    ]);
  });

  test("labels are escaped", () => {
    expect(labelText({ a: 'x"y\\z\n' })).toBe('{a="x\\"y\\\\z\\n"}');
    expect(labelText({})).toBe("");
  });
});

test("recent quantiles forget what lies more than two windows back", () => {
  const histogram = new Histogram();
  const recent = new RecentQuantiles();
  const p50 = (minutes: number) => recent.read(histogram, [0.5], minutes * 60_000)[0];
  for (let count = 0; count < 1000; count++) histogram.record(10);
  expect(p50(0)).toBe(10);
  expect(p50(3)).toBe(0);
  for (let count = 0; count < 10; count++) histogram.record(50);
  expect(p50(4)).toBe(50);
  expect(p50(6)).toBe(50);
  expect(p50(9)).toBe(0);
});
