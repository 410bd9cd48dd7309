/**
 * One seed, one run: a cluster, its clients, what goes wrong, and what must hold all the while and
 * in the end.
 *
 *   start -> topics -> [ clients work, things go wrong, invariants ] -> healed -> all is served
 *         -> the history of the clients has no anomaly, all copies are equal
 */
import type { Generation } from "../../consistency/producers.ts";
import { type GroupKind, Workload } from "../../consistency/workload.ts";
import { FakeRandom } from "../fake-random.ts";
import { Cluster } from "./cluster.ts";
import { Invariants } from "./invariants.ts";
import { ROT_TROUBLES } from "./disk-troubles.ts";
import { Nemesis, type Trouble, TROUBLES } from "./nemesis.ts";
import { someShape } from "./shape.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { Violation } from "./violation.ts";
import { whatIsMissing } from "./wholeness.ts";

export interface Outcome {
  readonly seed: number;
  readonly traceHash: string;
  readonly simulatedMs: number;
  readonly okCount: number;
  readonly operationCount: number;
  readonly deliveredCount: number;
  /** By members of groups. */
  readonly committedCount: number;
  readonly checks: number;
  readonly troubles: Readonly<Record<string, number>>;
}

/** What did not hold, and all that helps to see why. */
export class SeedFailure extends Error {
  constructor(
    readonly seed: number,
    reason: unknown,
    readonly report: string,
  ) {
    super(`seed ${seed}: ${reason instanceof Error ? reason.message : String(reason)}`, {
      cause: reason,
    });
  }
}

export interface RunOptions {
  readonly seed: number;
  readonly nodeCount?: number;
  readonly troubles?: readonly Trouble[];
  readonly seconds?: number;
  readonly generation?: Generation;
  readonly groups?: readonly GroupKind[];
}

const GROUP_KINDS: readonly GroupKind[] = ["classic", "consumer"];
const START_MS_MAX = 30_000;
const HEAL_MS_MAX = 120_000;
const VERIFY_MS_MAX = 240_000;
/** Most runs are short: many beginnings find more than few that go on and on. */
const SECONDS_MIN = 2;
const SECONDS_USUAL = 6;
const SECONDS_MAX = 25;
const LONG_RATE = 0.15;
const ROT_RATE = 0.15;
const REST = 0x5eed;
const SLICE_MS_MAX = 250;
const REPORT_LINES = 25;

export function runSeed(options: RunOptions): Outcome {
  const run = new Run(options);
  try {
    return run.run();
  } catch (error) {
    throw new SeedFailure(options.seed, error, run.report());
  }
}

class Run {
  readonly #seed: number;
  readonly #random: FakeRandom;
  readonly #cluster: Cluster;
  readonly #nemesis: Nemesis;
  readonly #invariants: Invariants;
  readonly #workload: Workload;
  readonly #seconds: number;

  constructor(options: RunOptions) {
    const { seed, nodeCount, troubles, seconds, generation = "new" } = options;
    this.#seed = seed;
    const random = new FakeRandom(seed);
    this.#random = random;
    const count = nodeCount ?? 3;
    const isSynced = random.chance(0.3) || count === 1;
    const settings = someSettings(random, isSynced);
    const shape = someShape(random.fork(), count);
    this.#cluster = new Cluster({ shape, settings }, random.fork());
    this.#cluster.wire.conditions = {
      ...this.#cluster.wire.conditions,
      delayMsMin: 0.2,
      delayMsMax: random.pick([0.5, 3, 20]),
      shortWriteRate: random.pick([0, 0.1]),
      connectTimeoutMs: 3000,
    };
    const syncMsMax = random.pick([1, 5, 20]);
    for (const node of this.#cluster.nodes) node.slowDisk(syncMsMax);
    const usual = TROUBLES.filter(() => random.chance(0.4));
    const some = [...usual, ...this.#rest(troubles === undefined)];
    this.#nemesis = new Nemesis(this.#cluster, random.fork(), {
      troubles: troubles ?? (some.length === 0 ? ["kill"] : some),
      isSynced: isSynced,
      absentMax: count === 1 ? 1 : random.between(1, count - 1),
    });
    this.#invariants = new Invariants((topic) => !topic.startsWith("__"));
    const secondsMax = random.chance(LONG_RATE) ? SECONDS_MAX : SECONDS_USUAL;
    this.#seconds = seconds ?? random.between(SECONDS_MIN, secondsMax);
    const wireOf = (name: string) => this.#cluster.newWire(name);
    this.#workload = new Workload(wireOf, random.fork(), generation, {
      replicationFactor: Math.min(3, count),
      pauseMsMax: random.pick([300, 600, 1200]),
      valueSizeMax: random.pick([1, 40, 900]),
      groups: options.groups ?? GROUP_KINDS.filter(() => random.chance(0.3)),
      ...(random.chance(0.25) ? { moveBetween: this.#cluster.brokers.map(({ id }) => id) } : {}),
    });
  }

  /** What a seed may have besides, drawn by itself: those without it go the way they always went. */
  #rest(isUsual: boolean): readonly Trouble[] {
    if (!isUsual) return [];
    const random = new FakeRandom(this.#seed ^ REST);
    // Of clients: a request whose answer is lost is sent again, and one may come twice anyway.
    this.#cluster.doubts.lostRate = random.pick([0, 0, 0.01, 0.05]);
    this.#cluster.doubts.twiceRate = random.pick([0, 0, 0.03, 0.2]);
    return ROT_TROUBLES.filter(() => random.chance(ROT_RATE));
  }

  run(): Outcome {
    const cluster = this.#cluster;
    for (const node of cluster.nodes) node.start();
    this.#until("all nodes start", START_MS_MAX, () => cluster.nodes.every(({ isUp }) => isUp));
    this.#finish("the topics are made", START_MS_MAX, this.#workload.prepare());
    const working = this.#workload.run();
    this.#disturb(working);
    this.#nemesis.heal();
    cluster.closing.isClosing = true;
    this.#finish("clients end what they have begun", HEAL_MS_MAX, working);
    this.#becomesWhole();
    this.#finish("all is read", VERIFY_MS_MAX, this.#workload.verify());
    this.#invariants.check(cluster.nodes);
    if (this.#workload.okCount === 0) throw new Violation("nothing-done", "no operation succeeded");
    return this.#outcome();
  }

  report(): string {
    const { events, nodes } = this.#cluster;
    const logs = nodes.flatMap((node) => [
      `--- node ${node.id}`,
      ...node.lines.slice(-REPORT_LINES),
      ...statesOf(node),
    ]);
    const { clock } = this.#cluster;
    const now = `${clock.monotonicMs().toFixed(0)} is now`;
    return [...events, now, ...logs].join("\n");
  }

  #disturb(working: Promise<void>): void {
    let failure: { error: unknown } | null = null;
    working.catch((error: unknown) => (failure = { error }));
    const { clock } = this.#cluster;
    const endMs = clock.monotonicMs() + this.#seconds * 1000;
    while (clock.monotonicMs() < endMs) {
      this.#nemesis.act();
      this.#advance(this.#random.between(1, SLICE_MS_MAX));
      if (failure !== null) throw (failure as { error: unknown }).error;
    }
  }

  #advance(byMs: number): void {
    this.#cluster.clock.advance(byMs);
    this.#invariants.check(this.#cluster.nodes);
    for (const node of this.#cluster.nodes) node.reap();
  }

  #until(what: string, byMsMax: number, condition: () => boolean): void {
    const { clock } = this.#cluster;
    const endMs = clock.monotonicMs() + byMsMax;
    clock.settle();
    while (!condition()) {
      if (clock.monotonicMs() >= endMs) {
        throw new Violation("not-live", `within ${byMsMax} ms it is not so that ${what}`);
      }
      this.#nemesisRests();
      this.#advance(20);
    }
  }

  /**
   * Nobody disturbs; what ended is started again. A directory that failed, even while its node began
   * to start, is offline until the next start.
   */
  #nemesisRests(): void {
    for (const node of this.#cluster.nodes) {
      if (node.hasFailedDirectory) node.stop();
      node.start();
    }
  }

  /** A leader of long ago that nobody has told yet would show the last reader what it has. */
  #becomesWhole(): void {
    const { clock, nodes } = this.#cluster;
    const endMs = clock.monotonicMs() + HEAL_MS_MAX;
    for (;;) {
      const missing = whatIsMissing(nodes);
      if (missing === null) return;
      if (clock.monotonicMs() >= endMs) {
        throw new Violation("not-live", `${HEAL_MS_MAX} ms after the end ${missing}`);
      }
      this.#nemesisRests();
      this.#advance(20);
    }
  }

  #finish(what: string, byMsMax: number, promise: Promise<void>): void {
    let end: { error: unknown } | "done" | null = null;
    promise.then(
      () => (end = "done"),
      (error: unknown) => (end = { error }),
    );
    this.#until(what, byMsMax, () => end !== null);
    const ended = end as { error: unknown } | "done" | null;
    if (ended !== null && ended !== "done") throw ended.error;
  }

  #outcome(): Outcome {
    const { clock, traceHash, deliveredCount } = this.#cluster;
    return {
      seed: this.#seed,
      traceHash,
      simulatedMs: clock.monotonicMs(),
      okCount: this.#workload.okCount,
      operationCount: this.#workload.history.operations.length,
      deliveredCount,
      committedCount: this.#workload.committedCount,
      checks: this.#invariants.checks,
      troubles: Object.fromEntries(this.#nemesis.counts),
    };
  }
}

/** Some clusters are quicker to give up a replica or a node than others. */
function someSettings(random: FakeRandom, isSynced: boolean): Record<string, string> {
  const settings: Record<string, string> = {
    "replica.lag.time.max.ms": random.pick(["1500", "4000", "30000"]),
    "broker.session.timeout.ms": random.pick(["2000", "9000"]),
    "broker.heartbeat.interval.ms": random.pick(["400", "900"]),
    "replica.fetch.wait.max.ms": random.pick(["300", "500"]),
  };
  if (isSynced) settings["log.flush.interval.messages"] = "1";
  return settings;
}

/** Of its partitions, a line each. */
function statesOf({ running }: SimulatedNode): string[] {
  if (running === null) return ["is not up"];
  const { raft, lastOffset } = running.broker.metadata;
  const lines = [`metadata up to ${lastOffset}, node ${raft.leaderId} leads in ${raft.epoch}`];
  for (const { topic, index, registration, leaderEpoch, log } of running.broker.partitions) {
    const { leader, isr, partitionEpoch } = registration;
    const offsets = `${log.logStartOffset} ${log.highWatermark} ${log.logEndOffset}`;
    const role = `led by ${leader} in ${leaderEpoch} (${partitionEpoch})`;
    lines.push(`${topic}-${index}: ${offsets}, ${role}, isr ${isr}`);
  }
  return lines;
}
