import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  hasProcessFigures,
  memoryOf,
  type ProcessReading,
  readProcess,
  workBetween,
} from "../../bench/contenders/process-figures.ts";

function reading(more: Partial<ProcessReading>): ProcessReading {
  const nothing = { cpuSeconds: 0, contextSwitches: 0, diskBytes: 0, diskReadBytes: 0 };
  return { threads: new Map(), ...nothing, ...more };
}

describe.skipIf(!hasProcessFigures())("of this very process", () => {
  test("work shows in its CPU time and in what it wrote", () => {
    const folder = mkdtempSync(join(tmpdir(), "bunka-figures-test-"));
    const before = readProcess(process.pid);
    const cpu = process.cpuUsage();
    for (let user = 0; user < 50_000; user = process.cpuUsage(cpu).user);
    writeFileSync(join(folder, "written"), Buffer.alloc(1 << 20, 1));
    const work = workBetween(before, readProcess(process.pid));
    rmSync(folder, { recursive: true });
    expect(work.cpuSeconds).toBeGreaterThan(0.04);
    expect(work.cpuSeconds).toBeLessThan(30);
    expect(work.contextSwitches).toBeGreaterThanOrEqual(0);
  });

  test("its peak is no less than what is resident, and that more than its own", () => {
    const { residentMegabytes, ownMegabytes, peakMegabytes } = memoryOf(process.pid);
    expect(peakMegabytes).toBeGreaterThanOrEqual(residentMegabytes);
    expect(residentMegabytes).toBeGreaterThan(ownMegabytes);
    expect(ownMegabytes).toBeGreaterThan(1);
  });
});

test("threads that began in between count whole, those that ended in the coarse count", () => {
  const before = reading({ threads: new Map([["1", 1e9]]), cpuSeconds: 1 });
  const began = reading({
    threads: new Map([
      ["1", 2e9],
      ["2", 3e9],
    ]),
    cpuSeconds: 5,
  });
  expect(workBetween(before, began).cpuSeconds).toBe(4);
  const ended = reading({ threads: new Map(), cpuSeconds: 3 });
  expect(workBetween(before, ended).cpuSeconds).toBeCloseTo(1.98);
  const exact = reading({ threads: new Map([["1", 1.001e9]]), cpuSeconds: 1.01 });
  expect(workBetween(before, exact).cpuSeconds).toBeCloseTo(0.001);
});
