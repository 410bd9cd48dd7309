/** What is said of several passes. On a shared machine a single number says little. */

export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

export function summaryOf(values: readonly number[]): Summary {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  const lower = sorted.length % 2 === 1 ? upper : (sorted[middle - 1] ?? NaN);
  return {
    median: (lower + upper) / 2,
    least: sorted[0] ?? NaN,
    most: sorted.at(-1) ?? NaN,
  };
}

/** How far the extremes are from each other, half of it to each side, as a share of the median. */
export function spreadOf({ median, least, most }: Summary): number {
  return median === 0 ? 0 : (most - least) / 2 / Math.abs(median);
}
