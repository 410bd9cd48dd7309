/** What a whole run gave. The JSON file is this, as it is. */
import { FIGURE_NAMES, type FigureName, type Parts } from "./figures.ts";
import { summaryOf, type Summary } from "./statistics.ts";

/** How the reason begins where somebody failed. */
export const FAILED = "it failed";

export interface Results {
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly loadLanguage: string;
  readonly rounds: number;
  /** The first one is who is compared with the others. */
  readonly contenders: readonly string[];
  readonly rows: readonly RowResults[];
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly system: string;
  readonly fileSystem: string;
  readonly bun: string;
  readonly java: string | null;
}

export interface RowResults {
  readonly name: string;
  readonly suite: string;
  /** The passes of each contender, by its name. */
  readonly passes: Readonly<Record<string, readonly Parts[]>>;
  /** Why somebody is missing. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** A contender that could not do a row; one that had no part in it is no failure. */
export function hasFailure(row: RowResults): boolean {
  return Object.values(row.skipped).some((reason) => reason.startsWith(FAILED));
}

/** A line of the table: one contender's figures of one part of a row. */
export interface SummaryLine {
  readonly contender: string;
  readonly figures: ReadonlyMap<FigureName, Summary>;
}

export function partNamesOf(row: RowResults): string[] {
  const names = new Set<string>();
  for (const passes of Object.values(row.passes)) {
    for (const parts of passes) for (const name of Object.keys(parts)) names.add(name);
  }
  return [...names];
}

export function summaryLinesOf(row: RowResults, part: string): SummaryLine[] {
  const lines: SummaryLine[] = [];
  for (const [contender, passes] of Object.entries(row.passes)) {
    const figures = new Map<FigureName, Summary>();
    for (const name of FIGURE_NAMES) {
      const values = passes.flatMap((parts) => parts[part]?.[name] ?? []);
      const known = values.filter((value) => !Number.isNaN(value));
      if (known.length > 0) figures.set(name, summaryOf(known));
    }
    if (figures.size > 0) lines.push({ contender, figures });
  }
  return lines;
}

/** The median of a figure; null where it was not measured. */
export function medianOf(
  row: RowResults,
  part: string,
  contender: string,
  figure: FigureName,
): number | null {
  const line = summaryLinesOf(row, part).find((each) => each.contender === contender);
  return line?.figures.get(figure)?.median ?? null;
}
