/**
 * Tables for a README: a row for each row, in each cell the medians of who is compared and of the
 * first of the others, with their ratio.
 *
 *   | work    | MB/s: bunka / kafka | CPU s/GB: bunka / kafka | CPU: bunka / floor |
 *   | ------- | ------------------: | ----------------------: | -----------------: |
 *   | produce |   1050 / 466 = 2.25 |      0.98 / 3.15 = 0.31 |               1.10 |
 */
import { FIGURE_NAMES, FIGURES, type FigureName, figureText } from "./figures.ts";
import { medianOf, partNamesOf, type Results, type RowResults } from "./results.ts";

/** Those that a reader asks for first. */
const SHOWN: ReadonlySet<FigureName> = new Set([
  "megabytesPerSecond",
  "perSecond",
  "milliseconds",
  "cpuSecondsPerGigabyte",
  "percentOfCore",
  "cpuMs",
  "p99Ms",
  "p999Ms",
  "residentMegabytes",
] as const);

/** Of those who take part beside the two that are compared. */
const SHOWN_OF_OTHERS: ReadonlySet<FigureName> = new Set([
  "megabytesPerSecond",
  "cpuSecondsPerGigabyte",
] as const);

interface Line {
  readonly name: string;
  readonly row: RowResults;
  readonly part: string;
  readonly columns: readonly FigureName[];
}

/** A table for each suite. */
export function markdownOf(results: Results): string {
  const suites = Map.groupBy(results.rows, ({ suite }) => suite);
  const tables: string[] = [];
  for (const rows of suites.values()) {
    const lines = rows.flatMap((row) => linesOf(row, results));
    if (lines.length > 0) tables.push(tableOf(lines, results));
  }
  return tables.join("\n");
}

function linesOf(row: RowResults, { contenders }: Results): Line[] {
  return partNamesOf(row).flatMap((part) => {
    const columns = FIGURE_NAMES.filter((figure) => {
      return SHOWN.has(figure) && medianOf(row, part, contenders[0]!, figure) !== null;
    });
    const name = part === "" ? row.name : `${row.name}: ${part}`;
    return columns.length === 0 ? [] : [{ name, row, part, columns }];
  });
}

function tableOf(lines: readonly Line[], { contenders }: Results): string {
  const [base = ""] = contenders;
  const other = contenders.find((name) => name !== base && name !== "floor");
  const columns = FIGURE_NAMES.filter((figure) =>
    lines.some((line) => line.columns.includes(figure)),
  );
  const who = other === undefined ? "" : `: ${base} / ${other}`;
  const hasFloor = lines.some(({ row, part }) => floorRatio(row, part, base) !== null);
  const header = ["work", ...columns.map((column) => `${FIGURES[column].label}${who}`)];
  if (hasFloor) header.push(`CPU: ${base} / floor`);
  const further = contenders.filter((name) => ![base, other, "floor"].includes(name));
  const furtherColumns = further.flatMap((name) =>
    columns.filter((column) => SHOWN_OF_OTHERS.has(column)).map((column) => ({ name, column })),
  );
  for (const { name, column } of furtherColumns) {
    header.push(`${FIGURES[column].label}: ${name}${other === undefined ? "" : ` / ${other}`}`);
  }
  const body = lines.map(({ name, row, part }) => {
    const cells = columns.map((column) => {
      const ours = medianOf(row, part, base, column);
      const theirs = other === undefined ? null : medianOf(row, part, other, column);
      return cellOf(ours, theirs);
    });
    const ratio = floorRatio(row, part, base);
    const furtherCells = furtherColumns.map((of) => {
      const theirs = other === undefined ? null : medianOf(row, part, other, of.column);
      return cellOf(medianOf(row, part, of.name, of.column), theirs);
    });
    const floorCells = hasFloor ? [ratio === null ? "" : figureText(ratio)] : [];
    return [name, ...cells, ...floorCells, ...furtherCells];
  });
  return layOut([header, ...body]);
}

function cellOf(ours: number | null, theirs: number | null): string {
  if (ours === null) return "";
  if (theirs === null) return figureText(ours);
  const both = `${figureText(ours)} / ${figureText(theirs)}`;
  return theirs === 0 ? both : `${both} = ${figureText(ours / theirs)}`;
}

function floorRatio(row: RowResults, part: string, base: string): number | null {
  const ours = medianOf(row, part, base, "cpuSecondsPerGigabyte");
  const floor = medianOf(row, part, "floor", "cpuSecondsPerGigabyte");
  return ours === null || floor === null || floor === 0 ? null : ours / floor;
}

/** As the formatter of this repository lays tables out. */
function layOut(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      return column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
    });
    return `| ${cells.join(" | ")} |\n`;
  });
  const rule = widths.map((width, column) => {
    return column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`;
  });
  lines.splice(1, 0, `| ${rule.join(" | ")} |\n`);
  return lines.join("");
}
