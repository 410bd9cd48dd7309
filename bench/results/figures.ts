/** The figures that a row can have: what they are called, and which of two is the better one. */

export interface FigureKind {
  readonly label: string;
  readonly better: "more" | "less";
  readonly digits: number;
  /** What says something of the circumstances is not compared. */
  readonly isCompared: boolean;
}

const more = (label: string, digits: number): FigureKind => ({
  label,
  better: "more",
  digits,
  isCompared: true,
});
const less = (label: string, digits: number): FigureKind => ({
  label,
  better: "less",
  digits,
  isCompared: true,
});

/** In the order of the columns. */
export const FIGURES = {
  megabytesPerSecond: more("MB/s", 0),
  perSecond: more("a second", 0),
  cpuSecondsPerGigabyte: less("CPU s/GB", 2),
  p50Ms: less("p50 ms", 2),
  p99Ms: less("p99 ms", 2),
  p999Ms: less("p99.9 ms", 2),
  p9999Ms: less("p99.99 ms", 2),
  maxMs: less("max ms", 1),
  peakMegabytes: less("peak MB", 0),
  switchesPerMegabyte: less("switches/MB", 1),
  /** Of pages that became dirty, for each byte of records. */
  diskBytesPerByte: less("disk B/B", 2),
  /** CPU of the load generator for each second of the broker's. */
  loadShare: { label: "load CPU", better: "less", digits: 2, isCompared: false },
  milliseconds: less("ms", 1),
  percentOfCore: less("% of core", 2),
  residentMegabytes: less("resident MB", 0),
  cpuMs: less("CPU ms", 0),
} as const satisfies Record<string, FigureKind>;

export type FigureName = keyof typeof FIGURES;
export type Figures = Readonly<Partial<Record<FigureName, number>>>;

export const FIGURE_NAMES = Object.keys(FIGURES) as FigureName[];

/** What one pass gave: the row's own figures under "", those of its parts under their names. */
export type Parts = Readonly<Record<string, Figures>>;
