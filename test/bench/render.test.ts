import { describe, expect, test } from "bun:test";
import { figureText } from "../../bench/results/figures.ts";
import { markdownOf } from "../../bench/results/markdown.ts";
import { pictureOf } from "../../bench/results/picture.ts";
import type { Results } from "../../bench/results/results.ts";

const RESULTS: Results = {
  date: "2026-03-01T00:00:00.000Z",
  command: "bun run bench --rows 'a & b'",
  machine: {
    processor: "a <fast> one",
    cores: 2,
    memoryGigabytes: 24,
    system: "Linux",
    fileSystem: "ext4",
    bun: "1.4.5",
    java: null,
  },
  loadLanguage: "C",
  rounds: 2,
  contenders: ["bunka", "kafka", "floor"],
  rows: [
    {
      name: "produce",
      suite: "produce",
      passes: {
        bunka: [{ "": { megabytesPerSecond: 1000, cpuSecondsPerGigabyte: 1.2, p99Ms: 1 } }],
        kafka: [{ "": { megabytesPerSecond: 250, cpuSecondsPerGigabyte: 4.8, p99Ms: 4 } }],
        floor: [{ "": { megabytesPerSecond: 2000, cpuSecondsPerGigabyte: 1 } }],
      },
      skipped: {},
    },
    {
      name: "20 MB/s",
      suite: "latency",
      passes: {
        bunka: [{ "": { p99Ms: 1 }, "end to end": { p99Ms: 2 } }],
        kafka: [{ "": { p99Ms: 5 }, "end to end": { p99Ms: 5 } }],
      },
      skipped: {},
    },
  ],
};

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe("the tables", () => {
  test("a third contender has its own columns, beside the same other", () => {
    const [produced] = RESULTS.rows;
    const nodes = { ...produced!.passes["bunka"]![0]![""], megabytesPerSecond: 1500 };
    const row = { ...produced!, passes: { ...produced!.passes, "2 nodes": [{ "": nodes }] } };
    const contenders = ["bunka", "kafka", "2 nodes", "floor"];
    const lines = markdownOf({ ...RESULTS, contenders, rows: [row] }).split("\n");
    expect(cellsOf(lines[0]!).slice(-2)).toEqual([
      "MB/s: 2 nodes / kafka",
      "CPU s/GB: 2 nodes / kafka",
    ]);
    expect(cellsOf(lines[2]!).slice(-2)).toEqual(["1500 / 250 = 6.00", "1.20 / 4.80 = 0.25"]);
  });

  test("each suite has one, with ratios to the first of the others and to the floor", () => {
    const tables = markdownOf(RESULTS)
      .split("\n\n")
      .map((table) => table.trimEnd().split("\n"));
    expect(tables).toHaveLength(2);
    const [header, rule, produced] = tables[0]!;
    expect(cellsOf(header!)).toEqual([
      "work",
      "MB/s: bunka / kafka",
      "CPU s/GB: bunka / kafka",
      "p99 ms: bunka / kafka",
      "CPU: bunka / floor",
    ]);
    expect(rule).toMatch(/^\| -+ \|( -+: \|)+$/);
    expect(cellsOf(produced!)).toEqual([
      "produce",
      "1000 / 250 = 4.00",
      "1.20 / 4.80 = 0.25",
      "1.00 / 4.00 = 0.25",
      "1.20",
    ]);
    expect(tables[1]!.slice(2).map((line) => cellsOf(line))).toEqual([
      ["20 MB/s", "1.00 / 5.00 = 0.20"],
      ["20 MB/s: end to end", "2.00 / 5.00 = 0.40"],
    ]);
  });

  test("alone there is nothing to compare with", () => {
    const alone = { ...RESULTS, contenders: ["bunka"] };
    const [header] = markdownOf(alone).split("\n");
    expect(cellsOf(header!)).toEqual(["work", "MB/s", "CPU s/GB", "p99 ms", "CPU: bunka / floor"]);
  });
});

describe("the picture", () => {
  const picture = pictureOf(RESULTS);

  test("bars are as long as their figures next to the longest", () => {
    const widths = [...picture.matchAll(/<rect class="(ours|theirs)" [^>]*width="([\d.]+)" /g)];
    // The legend's marks come first: one for each.
    const [ours, theirs] = widths.slice(2).map(([, , width]) => Number(width));
    expect(ours! / theirs!).toBeCloseTo(4, 1);
  });

  test("the floor is a line where a bar of its length would end", () => {
    expect(picture.match(/<line class="floor"/g)).toHaveLength(3);
  });

  test("what others wrote is text, and nothing comes from elsewhere", () => {
    expect(picture).toContain("a &lt;fast&gt; one");
    expect(picture).toContain("&apos;a &amp; b&apos;".replaceAll("&apos;", "'"));
    expect(picture.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|url\(/);
  });

  test("it has colours for both of a reader's preferences", () => {
    expect(picture).toContain("prefers-color-scheme: dark");
    const inDark = picture.slice(picture.indexOf("prefers-color-scheme"));
    for (const name of ["ground", "quiet", "ours", "theirs", "third", "floor"]) {
      expect(inDark).toContain(`.${name} {`);
    }
  });
});

test("figures have three digits that mean something", () => {
  const texts = [0, 0.0123, 0.98, 15.62, 1049.6].map(figureText);
  expect(texts).toEqual(["0.00", "0.012", "0.98", "15.6", "1050"]);
});
