/** The running process, as the system sees it. What the system does not tell is NaN. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { descriptorsMax } from "./real-descriptors.ts";
import type { ProcessFigures, ProcessStatus } from "./world.ts";

export function realProcess(): ProcessStatus {
  return { read };
}

function read(): ProcessFigures {
  const { heapTotal, heapUsed, external, rss } = process.memoryUsage();
  const cpu = process.cpuUsage();
  const loop = process.threadCpuUsage();
  const status = textOf("/proc/self/status");
  const io = textOf("/proc/self/io");
  return {
    startedMs: Date.now() - process.uptime() * 1000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    loopCpuSeconds: (loop.user + loop.system) / 1e6,
    residentBytes: rss,
    virtualBytes: numberIn(status, /^VmSize:\s+(\d+) kB/m) * 1024,
    heapBytes: heapTotal,
    heapUsedBytes: heapUsed,
    externalBytes: external,
    threads: numberIn(status, /^Threads:\s+(\d+)/m),
    openDescriptors: openDescriptors(),
    descriptorsMax: descriptorsMax(),
    diskReadBytes: numberIn(io, /^read_bytes: (\d+)/m),
    diskWrittenBytes: numberIn(io, /^write_bytes: (\d+)/m),
  };
}

/** From Linux 6.2 on the directory says how many it has; before, thousands have to be listed. */
function openDescriptors(): number {
  try {
    const { size } = statSync("/proc/self/fd");
    return size > 0 ? size : readdirSync("/proc/self/fd").length;
  } catch {
    return NaN;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? NaN);
}
