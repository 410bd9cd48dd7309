/**
 * The table that is printed while rows come in: below each row's name a line for each contender,
 * medians with their spread, and lines of ratios.
 *
 *   produce 1 KiB in 16 KiB batches       MB/s       CPU s/GB
 *     bunka                           1050 ±2%       0.98 ±1%
 *     kafka                            466 ±5%       3.15 ±4%
 *     bunka / kafka                       2.25           0.31
 */
import { FIGURE_NAMES, FIGURES, figureText, type FigureName } from "./figures.ts";
import { partNamesOf, type RowResults, type SummaryLine, summaryLinesOf } from "./results.ts";
import { spreadOf, type Summary } from "./statistics.ts";

const NAME_WIDTH = 44;
const CELL_WIDTH = 13;

export class Table {
  #header = "";
  readonly #base: string;

  /** `base` is who is compared with the others. */
  constructor(base: string) {
    this.#base = base;
  }

  /** The lines of a row, with a header where the columns are not those of the row before. */
  linesOf(row: RowResults): string[] {
    const parts = partNamesOf(row).map((part) => ({ part, lines: summaryLinesOf(row, part) }));
    const columns = columnsOf(parts.flatMap(({ lines }) => lines));
    const texts: string[] = [];
    const header = headerOf(columns);
    if (columns.length > 0 && header !== this.#header) {
      if (this.#header !== "") texts.push("");
      texts.push(header);
      this.#header = header;
    }
    for (const { part, lines } of parts) {
      texts.push(part === "" ? row.name : `${row.name}: ${part}`);
      for (const line of lines) texts.push(textOf(line, columns));
      texts.push(...this.#ratiosOf(lines, columns));
    }
    for (const [contender, reason] of Object.entries(row.skipped)) {
      // That the floor is no broker needs no saying.
      if (contender === "floor") continue;
      if (parts.length === 0) texts.push(row.name);
      texts.push(`  ${contender}: left out, ${reason}`);
    }
    return texts;
  }

  #ratiosOf(lines: readonly SummaryLine[], columns: readonly FigureName[]): string[] {
    const base = lines.find(({ contender }) => contender === this.#base);
    if (base === undefined) return [];
    return lines
      .filter((line) => line !== base)
      .map((other) => {
        const cells = columns.map((column) =>
          ratioText(column, base.figures.get(column), other.figures.get(column)),
        );
        return row(`  ${base.contender} / ${other.contender}`, cells);
      });
  }
}

function columnsOf(lines: readonly SummaryLine[]): FigureName[] {
  return FIGURE_NAMES.filter((name) => lines.some(({ figures }) => figures.has(name)));
}

function headerOf(columns: readonly FigureName[]): string {
  return row(
    "",
    columns.map((column) => FIGURES[column].label),
  );
}

function textOf({ contender, figures }: SummaryLine, columns: readonly FigureName[]): string {
  const cells = columns.map((column) => {
    const summary = figures.get(column);
    if (summary === undefined) return "";
    const text = figureText(summary.median);
    if (summary.least === summary.most) return text;
    return `${text} ±${(spreadOf(summary) * 100).toFixed(0)}%`;
  });
  return row(`  ${contender}`, cells);
}

function ratioText(column: FigureName, ours?: Summary, theirs?: Summary): string {
  if (ours === undefined || theirs === undefined || !FIGURES[column].isCompared) return "";
  if (theirs.median === 0) return "";
  return figureText(ours.median / theirs.median);
}

function row(name: string, cells: readonly string[]): string {
  const padded = cells.map((cell) => cell.padStart(CELL_WIDTH));
  return (name.padEnd(NAME_WIDTH) + padded.join("")).trimEnd();
}
