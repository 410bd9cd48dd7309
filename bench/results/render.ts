/**
 * The picture and the tables of a run that was kept: `bun bench/results/render.ts FILE.json
 * [--svg FILE] [--markdown FILE] [--suite NAME]...`
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { markdownOf } from "./markdown.ts";
import { pictureOf } from "./picture.ts";
import type { Results } from "./results.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    svg: { type: "string" },
    markdown: { type: "string" },
    suite: { type: "string", multiple: true, default: [] },
  },
});
const whole = JSON.parse(readFileSync(positionals[0] ?? "", "utf8")) as Results;
const suites = new Set(values.suite.flatMap((names) => names.split(",")));
const rows = whole.rows.filter(({ suite }) => suites.size === 0 || suites.has(suite));
const results = { ...whole, rows };
if (values.svg !== undefined) writeFileSync(values.svg, pictureOf(results));
if (values.markdown !== undefined) writeFileSync(values.markdown, markdownOf(results));
if (values.svg === undefined && values.markdown === undefined) console.log(markdownOf(results));
