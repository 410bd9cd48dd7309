/** What Linux says of a process: /proc. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { sumOf } from "../results/statistics.ts";

/** What grows while a process works. */
export interface ProcessReading {
  /** Nanoseconds on a processor of each thread, by thread id. */
  readonly threads: ReadonlyMap<string, number>;
  /** Of all threads, of those that ended too, in steps of 10 ms. */
  readonly cpuSeconds: number;
  readonly contextSwitches: number;
  /** Of files, as their pages became dirty. */
  readonly diskBytes: number;
  /** That were not in the page cache. */
  readonly diskReadBytes: number;
}

export type ProcessWork = Omit<ProcessReading, "threads">;

const TICKS_PER_SECOND = 100;
/** The coarse count can be so far off at either end. */
const TICKS_ERROR_SECONDS = 2 / TICKS_PER_SECOND;

/** Only Linux tells of its processes so. */
export function hasProcessFigures(): boolean {
  return process.platform === "linux";
}

/** A process and those that it has started. */
export function familyOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  });
  return [pid, ...children];
}

export function readProcess(pid: number): ProcessReading {
  const threads = new Map<string, number>();
  let contextSwitches = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    try {
      threads.set(thread, Number(readFileSync(`${folder}/schedstat`, "utf8").split(" ")[0]));
      const status = readFileSync(`${folder}/status`, "utf8");
      contextSwitches += fieldOf(status, "voluntary_ctxt_switches");
      contextSwitches += fieldOf(status, "nonvoluntary_ctxt_switches");
    } catch {
      // It ended meanwhile.
    }
  }
  return { threads, cpuSeconds: cpuSeconds(pid), contextSwitches, ...diskBytesOf(pid) };
}

export function workBetween(before: ProcessReading, after: ProcessReading): ProcessWork {
  let nanoseconds = 0;
  for (const [thread, spent] of after.threads)
    nanoseconds += spent - (before.threads.get(thread) ?? 0);
  const coarse = after.cpuSeconds - before.cpuSeconds - TICKS_ERROR_SECONDS;
  return {
    // Threads that ended in between are in the coarse count alone.
    cpuSeconds: Math.max(nanoseconds / 1e9, coarse),
    contextSwitches: Math.max(0, after.contextSwitches - before.contextSwitches),
    diskBytes: after.diskBytes - before.diskBytes,
    diskReadBytes: after.diskReadBytes - before.diskReadBytes,
  };
}

export function workOfAll(works: readonly ProcessWork[]): ProcessWork {
  const sum = (field: keyof ProcessWork) => sumOf(works.map((work) => work[field]));
  return {
    cpuSeconds: sum("cpuSeconds"),
    contextSwitches: sum("contextSwitches"),
    diskBytes: sum("diskBytes"),
    diskReadBytes: sum("diskReadBytes"),
  };
}

/** User and system time of a process so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export interface Memory {
  readonly residentMegabytes: number;
  /** Of that, what is the process's own: the rest are pages of files. */
  readonly ownMegabytes: number;
  /** The most that was resident since the start, or since `resetPeak`. */
  readonly peakMegabytes: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    residentMegabytes: fieldOf(status, "VmRSS") / 1024,
    ownMegabytes: fieldOf(status, "RssAnon") / 1024,
    peakMegabytes: fieldOf(status, "VmHWM") / 1024,
  };
}

export function residentMegabytes(pid: number): number {
  return memoryOf(pid).residentMegabytes;
}

/** Does nothing where that is not allowed. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // The peak is that of the whole life of the process then.
  }
}

export function openFileCount(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function diskBytesOf(pid: number): Pick<ProcessReading, "diskBytes" | "diskReadBytes"> {
  try {
    const text = readFileSync(`/proc/${pid}/io`, "utf8");
    return { diskBytes: fieldOf(text, "write_bytes"), diskReadBytes: fieldOf(text, "read_bytes") };
  } catch {
    return { diskBytes: NaN, diskReadBytes: NaN };
  }
}

/** The first line of that name; lines of names that end alike do not count. */
function fieldOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? NaN);
}
