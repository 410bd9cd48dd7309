/**
 * What each stage of the hot paths costs, by itself: nanoseconds a call, and bytes that a call
 * leaves to the garbage collector.
 *
 *   bun bench/micro.ts [PATTERN]...
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { costOf, type Stage } from "./micro/measuring.ts";
import { nodeStages } from "./micro/node.ts";
import { recordStages } from "./micro/records.ts";
import { wireStages } from "./micro/wire.ts";

/** The collector begins its work so late that it never does while something is counted. */
const HEAP = { BUN_JSC_largeHeapSize: "4000000000" };

const patterns = process.argv.slice(2);
if (process.env["BUN_JSC_largeHeapSize"] === undefined) {
  const command = [process.execPath, import.meta.path, ...patterns];
  const stdio = ["inherit", "inherit", "inherit"] as ["inherit", "inherit", "inherit"];
  const child = Bun.spawn(command, { env: { ...process.env, ...HEAP }, stdio });
  process.exit(await child.exited);
}

const folder = mkdtempSync(join(tmpdir(), "bunka-micro-"));
try {
  console.log(
    `${"".padEnd(44)} ${"ns/op".padStart(10)} ${"GB/s".padStart(8)} ${"heap B/op".padStart(10)}`,
  );
  await measureAll([...wireStages(), ...recordStages()]);
  if (["append:", "index:", "handle:"].some(matches)) await measureAll(await nodeStages(folder));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

async function measureAll(stages: readonly Stage[]): Promise<void> {
  for (const stage of stages) if (matches(stage.name)) console.log(await lineOf(stage));
  for (const stage of stages) await stage.close?.();
}

async function lineOf(stage: Stage): Promise<string> {
  const { nanoseconds, heapBytes } = await costOf(stage);
  const rate = stage.bytes === undefined ? "" : (stage.bytes / nanoseconds).toFixed(1);
  const time = nanoseconds < 100 ? nanoseconds.toFixed(1) : nanoseconds.toFixed(0);
  return (
    `${stage.name.padEnd(44)} ${time.padStart(10)} ${rate.padStart(8)} ` +
    heapBytes.toFixed(0).padStart(10)
  );
}

/** Whether one of the patterns is in the text, or the text in one of them. */
function matches(text: string): boolean {
  if (patterns.length === 0) return true;
  return patterns.some((pattern) => text.includes(pattern) || pattern.includes(text));
}
