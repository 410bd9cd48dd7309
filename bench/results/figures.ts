/** The figures that a row can have: what they are called, and which of two is the better one. */

export interface FigureKind {
  readonly label: string;
  readonly better: "more" | "less";
  /** What says something of the circumstances is not compared. */
  readonly isCompared: boolean;
}

const more = (label: string): FigureKind => ({ label, better: "more", isCompared: true });
const less = (label: string): FigureKind => ({ label, better: "less", isCompared: true });

/** In the order of the columns. */
export const FIGURES = {
  megabytesPerSecond: more("MB/s"),
  perSecond: more("a second"),
  cpuSecondsPerGigabyte: less("CPU s/GB"),
  percentOfCore: less("% of core"),
  meanMs: less("mean ms"),
  p50Ms: less("p50 ms"),
  p99Ms: less("p99 ms"),
  p999Ms: less("p99.9 ms"),
  p9999Ms: less("p99.99 ms"),
  maxMs: less("max ms"),
  peakMegabytes: less("peak MB"),
  switchesPerMegabyte: less("switches/MB"),
  /** Of pages that became dirty, for each byte of records. */
  diskBytesPerByte: less("disk B/B"),
  /** Of what was read, what was not in the page cache. */
  diskReadPerByte: { label: "from disk", better: "less", isCompared: false },
  /** p99 of how late an open loop's requests went out; their latencies contain it. */
  lateMs: { label: "late p99 ms", better: "less", isCompared: false },
  /** CPU of the load generator for each second of the broker's. */
  loadShare: { label: "load CPU", better: "less", isCompared: false },
  /** The event loop, held: 1 ms looks at it; and what it ran on a processor between two looks. */
  loopP9999Ms: less("loop p99.99"),
  loopMaxMs: less("loop max ms"),
  loopRanP9999Ms: less("ran p99.99"),
  loopRanMaxMs: less("ran max ms"),
  milliseconds: less("ms"),
  residentMegabytes: less("resident MB"),
  cpuMs: less("CPU ms"),
} as const satisfies Record<string, FigureKind>;

export type FigureName = keyof typeof FIGURES;
export type Figures = Readonly<Partial<Record<FigureName, number>>>;

export const FIGURE_NAMES = Object.keys(FIGURES) as FigureName[];

/** What one pass gave: the row's own figures under "", those of its parts under their names. */
export type Parts = Readonly<Record<string, Figures>>;

/** Three digits that mean something. */
export function figureText(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3);
}
