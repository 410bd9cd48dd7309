import { expect, test } from "bun:test";
import { spreadOf, summaryOf } from "../../bench/results/statistics.ts";

test("the median of an odd number of passes is the middle one, of an even number between two", () => {
  expect(summaryOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
  expect(summaryOf([10, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 10 });
  expect(summaryOf([7])).toEqual({ median: 7, least: 7, most: 7 });
});

test("without passes there is no median", () => {
  expect(summaryOf([]).median).toBeNaN();
});

test("the spread is half of the range, as a share of the median", () => {
  expect(spreadOf({ median: 100, least: 90, most: 110 })).toBeCloseTo(0.1);
  expect(spreadOf({ median: 0, least: 0, most: 0 })).toBe(0);
});
