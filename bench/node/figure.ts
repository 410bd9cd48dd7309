/** A line of the table. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  /** What the figure should be; left out where it is only reported. */
  readonly target?: string;
}

/** What a section gets: an empty folder of its own, and what was asked for. */
export interface SectionOptions {
  readonly folder: string;
  readonly rounds: number;
  /** How much is written in the sections that write much. */
  readonly gigabytes: number;
}

/** Figures come as they are known. */
export type Section = (options: SectionOptions) => AsyncGenerator<Figure>;

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(2)} ms` : `${value.toFixed(0)} ms`;
}

export function megabytes(value: number): string {
  return `${value.toFixed(1)} MB`;
}

/** The middle and the extremes: on a shared machine a single number says little. */
export function spread(values: readonly number[], text: (value: number) => string): string {
  const sorted = values.toSorted((left, right) => left - right);
  const [least = 0] = sorted;
  const middle = sorted[sorted.length >> 1] ?? 0;
  return `${text(middle)} (${text(least)} to ${text(sorted.at(-1) ?? 0)})`;
}
