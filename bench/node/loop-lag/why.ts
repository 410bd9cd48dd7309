/**
 * What was on the stack while the loop was held: samples of the engine, one each millisecond. What
 * a hold has fewer of than milliseconds is the collector, or the engine's own.
 */
import * as engine from "bun:jsc";

interface Frame {
  readonly name: string;
  readonly sourceURL?: string;
  readonly line?: number;
  /** Of the engine: LLInt and Baseline are cold code, DFG and FTL warm. */
  readonly category: string;
}

interface Trace {
  /** Seconds, of the machine's clock. */
  readonly timestamp: number;
  readonly frames: readonly Frame[];
}

export interface Sampling {
  /** Ended just now. */
  held(forMs: number): void;
  /** Lines: of the longest holds first. */
  told(): string[];
  forget(): void;
}

/** The types that Bun ships lack it. */
const { samplingProfilerStackTraces } = engine as unknown as {
  samplingProfilerStackTraces(): { readonly traces: readonly Trace[] };
};
const HOLDS_TOLD = 4;
const FRAMES_TOLD = 6;

export function sampling(): Sampling {
  engine.startSamplingProfiler();
  let holds: { readonly endMs: number; readonly forMs: number }[] = [];
  let last: Trace | undefined;
  while (last === undefined) last = samplingProfilerStackTraces().traces.at(-1);
  const originS = last.timestamp - performance.now() / 1000;
  return {
    held(forMs) {
      holds.push({ endMs: performance.now(), forMs });
    },
    told() {
      const all = samplingProfilerStackTraces().traces;
      const longest = holds.toSorted((a, b) => b.forMs - a.forMs).slice(0, HOLDS_TOLD);
      return longest.flatMap(({ endMs, forMs }) => {
        const endS = originS + endMs / 1000;
        const fromS = endS - forMs / 1000;
        const inside = all.filter(({ timestamp }) => timestamp >= fromS && timestamp <= endS);
        return [`  ${forMs.toFixed(1)} ms, ${inside.length} samples`, ...linesOf(inside)];
      });
    },
    forget() {
      holds = [];
      samplingProfilerStackTraces();
    },
  };
}

function linesOf(traces: readonly Trace[]): string[] {
  const counts = new Map<string, number>();
  for (const { frames } of traces) {
    const ours = frames.filter(({ sourceURL }) => sourceURL?.startsWith("/") === true);
    const [inner, ...outer] = ours.slice(0, FRAMES_TOLD);
    const callers = outer.map(({ name }) => name).join(" < ");
    const line =
      inner === undefined
        ? `${frames[0]?.name ?? "nothing"} (${frames[0]?.category ?? ""})`
        : `${frames[0]!.name} in ${inner.name} (${inner.category}) < ${callers}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 8);
  return most.map(([line, count]) => `${String(count).padStart(8)}  ${line}`);
}
