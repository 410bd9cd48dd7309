/**
 * How long the turns of the broker's event loop are while rows run, and who has that time. A turn
 * is all that is done between two looks at what has come in. On a virtual machine a clock alone does
 * not tell: a host that gives the processor to others for 25 ms makes a turn of 25 ms, and none of
 * it was the broker's. Samples that `perf` takes every half a millisecond stay away meanwhile.
 *
 *   bun bench/studies/turns.ts [--suite produce --suite latency] [--rows PATTERN]
 *                              [--scale 5] [--longest 5]
 *
 * `clock` is how long turns took; `ours` what the broker ran of that: its JavaScript, and whatever that
 * called in Bun and in the kernel; `own` the same outside of the kernel; `engine` what ran outside of
 * the kernel by itself, with no JavaScript on its stack: Bun, the engine's timers, which sweep what was
 * collected, and its collector, which says on standard error when it begins and ends. A stack of
 * which the beginning is not known counts as ours.
 *
 * While a guest gives freed memory back to its host (free page reporting, within 2 s of much memory
 * being freed) whatever runs in it is ten to a hundred times as slow, for 60 to 150 ms and nearly as
 * long again. Turns of then are `slow`, counted and left out.
 *
 * Needs `perf` and root. p99.99 of less than 10,000 turns is the longest.
 */
import { mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GIVEN_BACK, TURN_SAMPLE_MS } from "../kit/profile.ts";

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
const SPREADS = ["clock", "ours", "own", "engine"] as const;
const HEAD = ["turns", "slow", ...SPREADS.flatMap((name) => [name, "max"])];
const RECORD = /^\s*([\d.]+):\s+([\w:-]*\w)/;
/** Where the stack of the loop's thread begins. */
const BEGINNING = "__libc_start";
const KERNEL = "([kernel.kallsyms])";
const COMPILED = /\[JIT\]|perf-\d+\.map/;
const COLLECTOR_LINE = "[GC<";

/** Milliseconds. */
interface Turn {
  readonly beganMs: number;
  readonly clock: number;
  readonly ours: number;
  readonly own: number;
  readonly engine: number;
  /** The longest time without a sample. */
  readonly gap: number;
  /** What the samples were in, as often as they were. */
  readonly symbols: readonly string[];
}

interface Span {
  readonly beganMs: number;
  readonly endedMs: number;
}

interface Sample {
  readonly atMs: number;
  readonly symbol: string;
  readonly isOurs: boolean;
}

if (Bun.which("perf") === null) {
  console.error("there is no perf here: apt-get install linux-perf");
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), "bunka-turns-"));
await run();
console.log(`\n${lineOf("ms: p99.99 and longest of", HEAD)}`);
for (const name of inTheirOrder()) {
  const path = join(folder, name);
  const all = turnsOf(path);
  const spans = slowSpansOf(path.replace(/\.data$/, GIVEN_BACK));
  const turns = all.filter((turn) => !spans.some((span) => isWithin(turn, span)));
  const cells = [`${turns.length}`, `${all.length - turns.length}`, ...cellsOf(turns)];
  console.log(lineOf(name.replace(/-bunka\.data$/, ""), cells));
  const longest = turns.sort((a, b) => b.clock - a.clock).slice(0, Number(flags.longest));
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
  const child = Bun.spawn([...command, "--profile", folder, "--turns"], {
    env: { ...process.env, BUN_JSC_logGC: "1" },
    stdout: "inherit",
    stderr: "pipe",
  });
  const said = await child.stderr.text();
  for (const line of said.split("\n")) {
    if (line !== "" && !line.startsWith(COLLECTOR_LINE)) console.error(line);
  }
  if ((await child.exited) !== 0) process.exit(1);
}

function turnsOf(path: string): Turn[] {
  const lines = scriptOf(path, "time,event,ip,sym,dso,trace");
  const callers = callersOfCompiled(lines);
  const turns: Turn[] = [];
  let beganMs: number | null = null;
  let samples: Sample[] = [];
  let words: number[] = [];
  for (const [index, line] of lines.entries()) {
    const [, seconds, event = ""] = RECORD.exec(line) ?? [];
    const atMs = Number(seconds) * 1000;
    if (event.endsWith("sys_exit")) {
      beganMs = atMs;
      samples = [];
      words = [];
    } else if (event.endsWith("sys_enter")) {
      if (beganMs !== null) turns.push(turnOf(beganMs, atMs, samples, words));
      beganMs = null;
    } else if (event.endsWith("sys_enter_write")) {
      words.push(samples.length);
    } else if (event !== "") {
      const stack = lines.slice(index + 1, lines.indexOf("", index));
      const symbol = stack[0]?.replace(/^\s*\S+ /, "") ?? "";
      samples.push({ atMs, symbol, isOurs: isOurs(stack, callers) });
    }
  }
  return turns;
}

/** Who calls compiled code is the way into JavaScript, or JavaScript that is not compiled. */
function callersOfCompiled(lines: readonly string[]): Set<string> {
  const callers = new Set<string>();
  for (const [index, line] of lines.entries()) {
    if (COMPILED.test(line)) callers.add(lines[index + 1]!);
  }
  callers.delete("");
  return callers;
}

function isOurs(stack: readonly string[], callers: ReadonlySet<string>): boolean {
  if (stack.some((frame) => COMPILED.test(frame) || callers.has(frame))) return true;
  return !stack.some((frame) => frame.includes(BEGINNING));
}

/** `words`: how many samples there were at each word of the collector. */
function turnOf(
  beganMs: number,
  endedMs: number,
  samples: readonly Sample[],
  words: readonly number[],
): Turn {
  const collected = collectedOf(samples, words);
  const ours = samples.filter((sample) => sample.isOurs && !collected.has(sample));
  const own = ours.filter(isOutsideOfKernel).length;
  const times = [beganMs, ...samples.map(({ atMs }) => atMs), endedMs];
  return {
    beganMs,
    clock: endedMs - beganMs,
    ours: ours.length * TURN_SAMPLE_MS,
    own: own * TURN_SAMPLE_MS,
    engine: (samples.filter(isOutsideOfKernel).length - own) * TURN_SAMPLE_MS,
    gap: Math.max(...times.slice(1).map((atMs, at) => atMs - times[at]!)),
    symbols: samples.map(({ symbol }) => symbol),
  };
}

function isOutsideOfKernel({ symbol }: Sample): boolean {
  return !symbol.endsWith(KERNEL);
}

/** Those between two of its words, but where the program's code ran between them. */
function collectedOf(samples: readonly Sample[], words: readonly number[]): Set<Sample> {
  const collected = new Set<Sample>();
  for (const [index, end] of words.slice(1).entries()) {
    const between = samples.slice(words[index], end);
    if (between.some(({ symbol }) => COMPILED.test(symbol))) continue;
    for (const sample of between) collected.add(sample);
  }
  return collected;
}

/** As long again behind it, too. */
function slowSpansOf(path: string): Span[] {
  const spans: Span[] = [];
  let beganMs = NaN;
  for (const line of scriptOf(path, "time,event")) {
    const [, seconds, event = ""] = RECORD.exec(line) ?? [];
    const atMs = Number(seconds) * 1000;
    if (event.endsWith("_start")) beganMs = atMs;
    else if (event.endsWith("_end")) spans.push({ beganMs, endedMs: 2 * atMs - beganMs });
  }
  return spans;
}

function isWithin(turn: Turn, { beganMs, endedMs }: Span): boolean {
  return turn.beganMs < endedMs && turn.beganMs + turn.clock > beganMs;
}

function scriptOf(path: string, fields: string): string[] {
  const command = ["perf", "script", "-i", path, "-F", fields];
  return Bun.spawnSync(command, { stderr: "ignore" }).stdout.toString().split("\n");
}

function cellsOf(turns: readonly Turn[]): string[] {
  const spreads = SPREADS.flatMap((name) => {
    const sorted = turns.map((turn) => turn[name]).sort((a, b) => a - b);
    return [sorted[Math.ceil(sorted.length * QUANTILE) - 1] ?? NaN, sorted.at(-1) ?? NaN];
  });
  return spreads.map((ms) => ms.toFixed(1));
}

function told({ clock, ours, own, engine, gap, symbols }: Turn): string {
  const counts = new Map<string, number>();
  for (const symbol of symbols) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4);
  const where = most.map(([symbol, count]) => `${count} ${symbol}`).join(", ");
  const parts = Object.entries({ ours, own, engine, "without a sample": gap });
  const times = parts.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", ");
  return `${clock.toFixed(1)}: ${times}; ${where}`;
}

function lineOf(name: string, cells: readonly string[]): string {
  return name.padEnd(52) + cells.map((cell) => cell.padStart(9)).join("");
}
