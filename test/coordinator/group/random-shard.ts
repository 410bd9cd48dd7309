/**
 * One shard of groups under random work, from a seed: what it is asked is counted, its log commits
 * late, refuses or loses, and its broker may start again.
 */
import { expect } from "bun:test";
import { silentLogger } from "../../../src/base/logger.ts";
import type { GroupConfig } from "../../../src/coordinator/group/group-config.ts";
import {
  groupRecordCodec,
  type GroupRecord,
} from "../../../src/coordinator/group/group-records.ts";
import { GroupStats } from "../../../src/coordinator/group/group-stats.ts";
import { GroupShard } from "../../../src/coordinator/group/group-shard.ts";
import type { TopicDirectory } from "../../../src/coordinator/group/topic-directory.ts";
import type { Outcome } from "../../../src/coordinator/outcome.ts";
import { CoordinatorRuntime } from "../../../src/coordinator/runtime.ts";
import { CompressionType } from "../../../src/protocol/compression.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";

export interface ShardOptions {
  readonly config: GroupConfig;
  readonly topics: TopicDirectory;
  readonly loadSizeMax: number;
}

export class ShardBroker {
  shard!: GroupShard;
  readonly runtime: CoordinatorRuntime<GroupShard, GroupRecord>;

  constructor(
    clock: FakeClock,
    random: FakeRandom,
    { config, topics, loadSizeMax }: ShardOptions,
    readonly log: FakeCoordinatorLog,
  ) {
    this.runtime = new CoordinatorRuntime({
      topic: "__consumer_offsets",
      clock,
      logger: silentLogger,
      codec: groupRecordCodec,
      createState: (context) => {
        const stats = new GroupStats();
        const world = { clock, random, logger: silentLogger, config, topics, stats };
        this.shard = new GroupShard({ ...context, ...world });
        return this.shard;
      },
      commitTimeoutMs: 5_000,
      loadSizeMax,
      compression: CompressionType.NONE,
      baseSequence: 0,
      appendLingerMs: () => -1,
      partitionCount: () => 1,
      stoppedError: ErrorCode.NOT_COORDINATOR,
    });
    this.runtime.elected(0, 1, log);
    clock.settle();
  }
}

type TopicChanges = Parameters<GroupShard["topicsChanged"]>[0];

export abstract class RandomShard {
  readonly clock = new FakeClock();
  readonly random: FakeRandom;
  readonly options: ShardOptions;
  broker: ShardBroker;
  asked = 0;
  answered = 0;
  /** The log has refused records at some time. */
  hasRefused = false;

  constructor(seed: number, options: ShardOptions) {
    this.random = new FakeRandom(seed);
    this.options = options;
    this.broker = this.newBroker(new FakeCoordinatorLog());
  }

  newBroker(log: FakeCoordinatorLog): ShardBroker {
    return new ShardBroker(this.clock, this.random.fork(), this.options, log);
  }

  /** Counts what is asked, and that it is answered once. */
  ask<T>(
    operation: (shard: GroupShard) => Outcome<GroupRecord, T>,
    then: (answer: T | ErrorCode) => void = () => undefined,
  ): void {
    this.asked += 1;
    const answer = this.broker.runtime.run<T | ErrorCode>(0, operation, (error) => error);
    void answer.then((value) => {
      this.answered += 1;
      then(value);
    });
  }

  topicsChanged(changes: TopicChanges): void {
    this.broker.runtime.forEach((shard) => shard.topicsChanged(changes));
  }

  /** Something happens to the log, or to the broker. */
  disturb(restartChance: number): void {
    const { log } = this.broker;
    const kind = this.random.below(6);
    if (kind === 0) log.commitsAtOnce = !log.commitsAtOnce;
    else if (kind === 1) log.commit();
    else if (kind === 2) log.loseUncommitted(ErrorCode.UNKNOWN_SERVER_ERROR);
    else if (kind === 3) log.failWaiting(ErrorCode.KAFKA_STORAGE_ERROR);
    else if (kind === 4) {
      this.hasRefused = true;
      log.refused = log.refused === ErrorCode.NONE ? ErrorCode.NOT_ENOUGH_REPLICAS : ErrorCode.NONE;
    } else if (this.random.chance(restartChance)) this.restart();
  }

  restart(): void {
    const { log } = this.broker;
    log.commit();
    this.clock.settle();
    this.broker.runtime.stop();
    this.clock.settle();
    this.broker = this.newBroker(log.reopened());
  }

  /** Nothing holds anybody up any more. */
  calm(): void {
    const { log } = this.broker;
    log.refused = ErrorCode.NONE;
    log.commitsAtOnce = true;
    log.commit();
    this.clock.settle();
  }
}

/** Groups with epochs under random work. */
export interface EpochLife {
  readonly simulation: RandomShard & { step(): void; quiesce(): void };
  /** After each step. */
  readonly check: () => void;
  /** What a restart must not change. */
  readonly recorded: (shard: GroupShard) => unknown;
  /** Once all is calm, and all have had the time that they need. */
  readonly expectSettled: () => void;
}

export function runLife({ simulation, check, recorded, expectSettled }: EpochLife): void {
  for (let step = 0; step < STEPS; step++) {
    simulation.step();
    check();
    if (step % RESTART_EVERY !== RESTART_EVERY - 1) continue;
    simulation.calm();
    const { log, shard } = simulation.broker;
    const half = simulation.random.below(log.logEndOffset + 1);
    for (const again of [log.reopened(), log.compacted(), log.compacted(half)]) {
      const other = simulation.newBroker(again);
      expect(recorded(other.shard)).toEqual(recorded(shard));
      other.runtime.stop();
    }
  }
  simulation.quiesce();
  expectSettled();
  simulation.clock.advance(400_000);
  expect(simulation.answered).toBe(simulation.asked);
}

const STEPS = 400;
const RESTART_EVERY = 40;

/** From 1 on; `SEEDS` asks for more of them. */
export function seeds(count: number): number[] {
  const wanted = Number(process.env["SEEDS"] ?? count);
  return Array.from({ length: wanted }, (_, index) => index + 1);
}

/** In the order of their keys: a map that was read from a log may have another. */
export function byKey<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1));
}
