/**
 * What a request costs as a node holds more: a produce, a fetch, a heartbeat and a commit with 1, 10,
 * 100, ... partitions, groups, idempotent producers, connections and transactional ids, and a fetch
 * of sessions of so many partitions.
 *
 *   bun bench/node/growth.ts [SECTION]... [--requests N]
 *
 * A section is partitions, groups, producers, connections, transactions, session or all.
 *
 * One request is under way at a time, over all connections in turn. CPU is that of the broker alone.
 * Linux only: it asks /proc.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { memoryOf, readProcess } from "../contenders/process-figures.ts";
import { startNode } from "./node-process.ts";
import {
  checkSessionFetch,
  openSession,
  OPERATIONS,
  sessionFetchFrame,
} from "./growth/operations.ts";
import { Population, type Sizes } from "./growth/population.ts";

const ONE: Sizes = { partitions: 1, groups: 1, producers: 1, connections: 1, transactions: 0 };
const MOST: Sizes = {
  partitions: 10_000,
  groups: 1000,
  producers: 1000,
  connections: 5000,
  transactions: 1000,
};
const STEPS = [1, 10, 100, 1000, 5000, 10_000];
const ROUNDS = 4;
const WARM_UP_REQUESTS = 3000;
const SETTINGS = ["group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=50"];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { requests: { type: "string", default: "2000" } },
});
const requests = Number(options.requests);
const sections = positionals.length > 0 ? positionals : [...Object.keys(MOST), "session", "all"];

console.log(row("", "", "CPU us", "p50 us", "p99 us"));
for (const section of sections) await measure(section);

async function measure(section: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bunka-growth-"));
  const node = startNode(join(folder, "data"), SETTINGS);
  try {
    await node.ready;
    const population = await Population.open(node.port);
    await population.grow(ONE);
    await warmUp(node.pid, population);
    for (const [name, sizes] of stepsOf(section)) {
      await population.grow(sizes);
      if (section === "session") await measureSession(name, node.pid, population, sizes);
      else await measureAll(name, node.pid, population);
    }
    const { residentMegabytes } = memoryOf(node.pid);
    population.close();
    const stoppedMs = await node.stop();
    console.log(`${section}: ${residentMegabytes.toFixed(0)} MB, stop ${stoppedMs.toFixed(0)} ms`);
    await restart(section, join(folder, "data"));
  } finally {
    await node.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** On all that was made, after a clean stop. */
async function restart(section: string, directory: string): Promise<void> {
  const node = startNode(directory, SETTINGS);
  const readyMs = await node.ready;
  const cpuMs = cpuMicrosecondsOf(node.pid) / 1000;
  await node.stop();
  console.log(`${section}: ready again in ${readyMs.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU`);
}

function stepsOf(section: string): [name: string, sizes: Sizes][] {
  if (section === "all") {
    return [
      ["one of each", ONE],
      ["all of it", MOST],
    ];
  }
  const grown = section === "session" ? "partitions" : section;
  const most = MOST[grown as keyof Sizes];
  if (most === undefined) throw new Error(`no section ${section}`);
  return STEPS.filter((step) => step <= most).map((step) => [
    `${step} ${section === "session" ? "in a session" : section}`,
    { ...ONE, [grown]: step },
  ]);
}

/** Code that is not compiled yet would make the first steps the most expensive. */
async function warmUp(pid: number, population: Population): Promise<void> {
  for (const { frame, check } of OPERATIONS) {
    await run(pid, population, () => frame(population), check, WARM_UP_REQUESTS);
  }
}

async function measureAll(name: string, pid: number, population: Population): Promise<void> {
  for (const { name: operation, frame, check } of OPERATIONS) {
    const next = () => frame(population);
    print(name, operation, await best(pid, population, next, check));
  }
}

async function measureSession(
  name: string,
  pid: number,
  population: Population,
  { partitions }: Sizes,
): Promise<void> {
  const session = await openSession(population.connections[0]!, population, partitions);
  const next = () => sessionFetchFrame(session);
  print(name, "fetch", await best(pid, population, next, checkSessionFetch));
}

interface Costs {
  readonly cpuMicroseconds: number;
  /** Of single requests, sorted. */
  readonly microseconds: readonly number[];
}

/** Of some rounds the cheapest: what others do on the machine only adds. */
async function best(
  pid: number,
  population: Population,
  next: () => Buffer,
  check: (answer: Buffer) => void,
): Promise<Costs> {
  const rounds: Costs[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(await run(pid, population, next, check, requests));
  }
  return rounds.reduce((a, b) => (b.cpuMicroseconds < a.cpuMicroseconds ? b : a));
}

async function run(
  pid: number,
  { connections }: Population,
  next: () => Buffer,
  check: (answer: Buffer) => void,
  count: number,
): Promise<Costs> {
  const frames = Array.from({ length: count }, next);
  const microseconds: number[] = [];
  const cpuBefore = cpuMicrosecondsOf(pid);
  for (const [index, frame] of frames.entries()) {
    const connection = connections[index % connections.length]!;
    const fromMs = performance.now();
    const answer = await connection.exchange(frame);
    microseconds.push((performance.now() - fromMs) * 1000);
    check(answer);
  }
  const cpuMicroseconds = (cpuMicrosecondsOf(pid) - cpuBefore) / count;
  return { cpuMicroseconds, microseconds: microseconds.sort((a, b) => a - b) };
}

/** Since the process began. */
function cpuMicrosecondsOf(pid: number): number {
  const { threads } = readProcess(pid);
  return threads.values().reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1000;
}

function print(name: string, operation: string, { cpuMicroseconds, microseconds }: Costs): void {
  const at = (share: number) => microseconds[Math.floor(microseconds.length * share)] ?? 0;
  const figures = [cpuMicroseconds, at(0.5), at(0.99)].map((figure) => figure.toFixed(0));
  console.log(row(name, operation, ...figures));
}

function row(name: string, operation: string, ...figures: string[]): string {
  const cells = figures.map((figure) => figure.padStart(8)).join(" |");
  return `| ${name.padEnd(20)} | ${operation.padEnd(10)} |${cells} |`;
}
