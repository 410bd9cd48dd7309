/**
 * How long the turns of the broker's event loop are while rows run, and who has that time. A turn
 * is all that is done between two looks at what has come in. On a virtual machine a clock alone does
 * not tell: a host that gives the processor to others for 25 ms makes a turn of 25 ms, and none of
 * it was the broker's. Samples that `perf` takes every half a millisecond stay away meanwhile.
 *
 *   bun bench/studies/turns.ts [--suite produce --suite latency] [--rows PATTERN]
 *                              [--scale 5] [--longest 5]
 *
 * `clock` is how long turns took; `ran` what the thread ran, system calls with it; `own` what it
 * ran outside of the kernel: Bunka, Bun and its engine. Needs `perf` and root. p99.99 of less than
 * 10,000 turns is the longest.
 */
import { mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { TURN_SAMPLE_MS } from "../kit/profile.ts";

const { values: flags } = parseArgs({
  options: {
    suite: { type: "string", multiple: true, default: ["produce", "fetch", "latency"] },
    rows: { type: "string", default: "" },
    scale: { type: "string", default: "5" },
    longest: { type: "string", default: "0" },
  },
});

const QUANTILE = 0.9999;
/** Of an open loop, times the scale. */
const SECONDS = "12";
const KERNEL = "([kernel.kallsyms])";
const HEAD = ["turns", "clock", "max", "ran", "max", "own", "max"];

interface Turn {
  readonly clockMs: number;
  readonly ranMs: number;
  readonly ownMs: number;
  /** The longest time without a sample. */
  readonly gapMs: number;
  /** What the samples were in, as often as they were. */
  readonly symbols: readonly string[];
}

if (Bun.which("perf") === null) {
  console.error("there is no perf here: apt-get install linux-perf");
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), "bunka-turns-"));
await run();
console.log(`\n${lineOf("ms: p99.99 and longest of", HEAD)}`);
for (const name of inTheirOrder()) {
  const turns = turnsOf(join(folder, name));
  console.log(lineOf(name.replace(/-bunka\.data$/, ""), cellsOf(turns)));
  const longest = turns.sort((a, b) => b.clockMs - a.clockMs).slice(0, Number(flags.longest));
  for (const turn of longest) console.log(`  ${told(turn)}`);
}
console.log(`\nthe records are in ${folder}`);

function inTheirOrder(): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".data"));
  const endedMs = (name: string) => statSync(join(folder, name)).mtimeMs;
  return names.sort((a, b) => endedMs(a) - endedMs(b));
}

async function run(): Promise<void> {
  const suites = flags.suite.flatMap((suite) => ["--suite", suite]);
  const only = flags.rows === "" ? [] : ["--rows", flags.rows];
  const length = ["--scale", flags.scale, "--seconds", SECONDS, "--rounds", "1"];
  const options = [...suites, ...only, ...length, "--without", "floor"];
  const command = [process.execPath, join(import.meta.dir, "../run.ts"), ...options];
  const child = Bun.spawn([...command, "--profile", folder, "--turns"], { stdout: "inherit" });
  if ((await child.exited) !== 0) process.exit(1);
}

function turnsOf(path: string): Turn[] {
  const command = ["perf", "script", "-i", path, "-F", "time,event,ip,sym,dso,trace"];
  const lines = Bun.spawnSync(command, { stderr: "ignore" }).stdout.toString().split("\n");
  const turns: Turn[] = [];
  let beganMs: number | null = null;
  let samples: { readonly atMs: number; readonly symbol: string }[] = [];
  for (const line of lines) {
    const [, seconds, event = "", rest = ""] = /^\s*([\d.]+):\s+(\S+):\s*(.*)$/.exec(line) ?? [];
    const atMs = Number(seconds) * 1000;
    if (event.endsWith("sys_exit")) {
      beganMs = atMs;
      samples = [];
    } else if (event.endsWith("sys_enter")) {
      if (beganMs !== null) turns.push(turnOf(beganMs, atMs, samples));
      beganMs = null;
    } else if (event !== "") {
      samples.push({ atMs, symbol: rest.replace(/^\S+ /, "") });
    }
  }
  return turns;
}

function turnOf(
  beganMs: number,
  endedMs: number,
  samples: readonly { readonly atMs: number; readonly symbol: string }[],
): Turn {
  const own = samples.filter(({ symbol }) => !symbol.endsWith(KERNEL));
  const times = [beganMs, ...samples.map(({ atMs }) => atMs), endedMs];
  return {
    clockMs: endedMs - beganMs,
    ranMs: samples.length * TURN_SAMPLE_MS,
    ownMs: own.length * TURN_SAMPLE_MS,
    gapMs: Math.max(...times.slice(1).map((atMs, at) => atMs - times[at]!)),
    symbols: samples.map(({ symbol }) => symbol),
  };
}

function cellsOf(turns: readonly Turn[]): string[] {
  const spreads = (["clockMs", "ranMs", "ownMs"] as const).flatMap((name) => {
    const sorted = turns.map((turn) => turn[name]).sort((a, b) => a - b);
    return [sorted[Math.ceil(sorted.length * QUANTILE) - 1] ?? NaN, sorted.at(-1) ?? NaN];
  });
  return [`${turns.length}`, ...spreads.map((ms) => ms.toFixed(1))];
}

function told({ clockMs, ranMs, ownMs, gapMs, symbols }: Turn): string {
  const counts = new Map<string, number>();
  for (const symbol of symbols) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4);
  const where = most.map(([symbol, count]) => `${count} ${symbol}`).join(", ");
  const times = [clockMs, ranMs, ownMs, gapMs].map((ms) => ms.toFixed(1));
  return `${times[0]}: ran ${times[1]}, own ${times[2]}, without a sample ${times[3]}; ${where}`;
}

function lineOf(name: string, cells: readonly string[]): string {
  return name.padEnd(52) + cells.map((cell) => cell.padStart(9)).join("");
}
