import { expect, test } from "bun:test";
import type { RowResults } from "../../bench/results/results.ts";
import { medianOf } from "../../bench/results/results.ts";
import { Table } from "../../bench/results/table.ts";

const ROW: RowResults = {
  name: "produce",
  suite: "produce",
  passes: {
    bunka: [
      { "": { megabytesPerSecond: 1000, p99Ms: 1, loadShare: 0.2 } },
      { "": { megabytesPerSecond: 1100, p99Ms: 3, loadShare: 0.2 } },
    ],
    kafka: [
      { "": { megabytesPerSecond: 500, p99Ms: 4, loadShare: 0.1 } },
      { "": { megabytesPerSecond: 550, p99Ms: 4, loadShare: 0.1 } },
    ],
  },
  skipped: { floor: "it only takes records" },
};

function cellsOf(line: string): string[] {
  return line.trim().split(/ {2,}/);
}

test("a row shows medians with their spread, and how the first compares with the others", () => {
  const [header, name, bunka, kafka, ratio, ...rest] = new Table("bunka").linesOf(ROW);
  expect(cellsOf(header!)).toEqual(["MB/s", "p99 ms", "load CPU"]);
  expect(name).toBe("produce");
  expect(cellsOf(bunka!)).toEqual(["bunka", "1050 ±5%", "2.00 ±50%", "0.20"]);
  expect(cellsOf(kafka!)).toEqual(["kafka", "525 ±5%", "4.00", "0.10"]);
  expect(cellsOf(ratio!)).toEqual(["bunka / kafka", "2.00", "0.50"]);
  expect(rest).toEqual([]);
});

test("the header comes again only when the columns are others", () => {
  const table = new Table("bunka");
  const count = table.linesOf(ROW).length;
  expect(table.linesOf(ROW)).toHaveLength(count - 1);
  const idle = { ...ROW, passes: { bunka: [{ "": { percentOfCore: 0.1 } }] }, skipped: {} };
  expect(table.linesOf(idle).slice(0, 2).join("").trim()).toBe("% of core");
});

test("a part of a row has its own lines", () => {
  const passes = { bunka: [{ "": { p99Ms: 1 }, "end to end": { p99Ms: 2 } }] };
  const lines = new Table("bunka").linesOf({ ...ROW, passes, skipped: {} });
  expect(lines.filter((line) => line.startsWith("produce"))).toEqual([
    "produce",
    "produce: end to end",
  ]);
});

test("whoever is left out is named with the reason, but for the floor", () => {
  const skipped = { other: "nothing is known of its process", floor: "it only takes records" };
  const lines = new Table("bunka").linesOf({ ...ROW, passes: {}, skipped });
  expect(lines).toEqual(["produce", "  other: left out, nothing is known of its process"]);
});

test("a figure that could not be measured leaves its cell empty", () => {
  const passes = { bunka: [{ "": { p99Ms: 1, peakMegabytes: NaN } }] };
  const [header] = new Table("bunka").linesOf({ ...ROW, passes });
  expect(cellsOf(header!)).toEqual(["p99 ms"]);
  expect(medianOf({ ...ROW, passes }, "", "bunka", "peakMegabytes")).toBeNull();
  expect(medianOf(ROW, "", "kafka", "megabytesPerSecond")).toBe(525);
});
