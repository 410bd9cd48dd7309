/**
 * kill -9 at random points, under load of every kind: what was acknowledged is there afterwards,
 * once and in order, and what is derived from it is right.
 *
 *   start -> look at everything -> load -> kill -> starts that are killed -> start -> ...
 */
import { afterAll, expect } from "bun:test";
import { realClock } from "../../src/base/real-clock.ts";
import type { Chance } from "../fuzz/chance.ts";
import { killLeftovers, Scratch } from "./broker-process.ts";
import { type Connection, createTopic, offsetFor } from "./client.ts";
import { countOf, faultTest, newChance } from "./faults.ts";
import { PartitionLedger, type Seen } from "./ledger.ts";
import { type Actor, Lives } from "./lives.ts";
import { GroupCommitter } from "./load-groups.ts";
import { LaneProducer } from "./load-producers.ts";
import { RecordTrimmer, TopicChanger, TopicChurn } from "./load-topics.ts";
import { expectSoundFiles } from "./partition-files.ts";

afterAll(killLeftovers);

const SEGMENT_BYTES = 30_000;
const INDEX_INTERVAL_BYTES = 600;
/** More than twelve records of 300 bytes. */
const BATCH_BYTES_MAX = 5_000;
const LOAD_MS_MIN = 20;
const LOAD_MS_MAX = 800;

/** All that a broker does now and then is done often, so that kills meet it. */
const BUSY: Readonly<Record<string, string>> = {
  "log.initial.task.delay.ms": "20",
  "log.retention.check.interval.ms": "50",
  "log.flush.offset.checkpoint.interval.ms": "70",
  "log.flush.start.offset.checkpoint.interval.ms": "90",
  "replica.high.watermark.checkpoint.interval.ms": "60",
  "log.segment.delete.delay.ms": "100",
  "offsets.topic.num.partitions": "4",
  "offsets.topic.segment.bytes": "100000",
  "group.initial.rebalance.delay.ms": "0",
  "metadata.log.max.record.bytes.between.snapshots": "20000",
  "metadata.max.idle.interval.ms": "100",
};

const SMALL_SEGMENTS = {
  "internal.segment.bytes": String(SEGMENT_BYTES),
  "index.interval.bytes": String(INDEX_INTERVAL_BYTES),
};

/** Kind of topic: how it is kept small, or made durable. */
const TOPICS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  kept: SMALL_SEGMENTS,
  flushed: { ...SMALL_SEGMENTS, "flush.messages": "50" },
  retained: { ...SMALL_SEGMENTS, "retention.bytes": "200000" },
  trimmed: SMALL_SEGMENTS,
  changing: {},
};

class Workload {
  readonly ledgers: PartitionLedger[] = [];
  readonly actors: Actor[] = [];
  readonly groups: GroupCommitter[];
  readonly churn: TopicChurn;
  readonly changer: TopicChanger;

  constructor(
    readonly lives: Lives,
    readonly chance: Chance,
  ) {
    for (const topic of ["kept", "flushed", "retained", "trimmed"]) {
      for (const partition of [0, 1]) this.#addPartition(new PartitionLedger(topic, partition));
    }
    this.groups = [
      new GroupCommitter("members", "kept", true),
      new GroupCommitter("others", "kept", true),
      new GroupCommitter("offsets", "kept", false),
    ];
    this.churn = new TopicChurn("churn-", lives.directory, chance);
    this.changer = new TopicChanger("changing", chance);
    this.actors.push(...this.groups, this.churn, this.changer);
  }

  async prepare(): Promise<void> {
    using connection = await this.lives.connect();
    for (const [topic, configs] of Object.entries(TOPICS)) {
      await createTopic(connection, topic, topic === "changing" ? 1 : 2, configs);
    }
  }

  /** Nothing is written meanwhile. */
  async verify(): Promise<number> {
    using connection = await this.lives.connect();
    let recordCount = 0;
    for (const ledger of this.ledgers) {
      const seen = await ledger.verify(connection);
      recordCount += seen.records.length;
      await this.#verifyTimes(connection, ledger, seen);
    }
    for (const group of this.groups) await group.verify(connection);
    await this.churn.verify(connection);
    await this.changer.verify(connection);
    this.#verifyFiles();
    return recordCount;
  }

  #addPartition(ledger: PartitionLedger): void {
    const { chance } = this;
    const clock = realClock();
    const { topic, partition } = ledger;
    const names = partition === 0 ? ["safe-a", "safe-b"] : ["safe", "plain"];
    for (const name of names) {
      this.actors.push(new LaneProducer(ledger, name, name !== "plain", clock, chance));
    }
    if (topic === "trimmed") this.actors.push(new RecordTrimmer(ledger, chance));
    this.ledgers.push(ledger);
  }

  /** The first record at or behind a time, as a search through all records finds it. */
  async #verifyTimes(connection: Connection, ledger: PartitionLedger, seen: Seen): Promise<void> {
    const { topic, partition } = ledger;
    const { records } = seen;
    if (records.length === 0) return;
    for (let tries = 0; tries < 5; tries++) {
      const timestamp = this.chance.pick(records).timestamp + this.chance.below(3) - 1;
      const wanted = records.find((record) => record.timestamp >= timestamp);
      const found = await offsetFor(connection, topic, partition, timestamp);
      const hint = `${topic}-${partition} at ${timestamp}`;
      expect(found.offset, hint).toBe(wanted?.offset ?? -1);
      expect(found.timestamp, hint).toBe(wanted?.timestamp ?? -1);
    }
  }

  #verifyFiles(): void {
    const bounds = {
      indexIntervalBytes: INDEX_INTERVAL_BYTES,
      batchBytesMax: BATCH_BYTES_MAX,
    };
    for (const { topic, partition } of this.ledgers) {
      // Retention goes on; what it deletes while it is read is looked at elsewhere.
      if (topic === "retained") continue;
      expectSoundFiles(`${this.lives.directory}/${topic}-${partition}`, bounds);
    }
  }
}

faultTest("what was acknowledged survives kill -9", async () => {
  const chance = newChance("kill");
  const rounds = countOf("BUNKA_KILL_ROUNDS", { short: 3, all: 10, long: 50 });
  using scratch = new Scratch();
  const lives = new Lives(scratch.path, BUSY);
  const workload = new Workload(lives, chance);
  await lives.start();
  await workload.prepare();
  for (let round = 0; round < rounds; round++) {
    await lives.load(workload.actors, async () => {
      await Bun.sleep(LOAD_MS_MIN + chance.below(LOAD_MS_MAX - LOAD_MS_MIN));
      await lives.kill();
    });
    await lives.crashStarts(chance);
    // Now and then a clean stop comes between two crashes.
    if (chance.oneIn(5)) {
      await lives.start();
      await lives.stop("SIGTERM");
    }
    await lives.start();
    const startedMs = performance.now();
    const recordCount = await workload.verify();
    const ms = Math.round(performance.now() - startedMs);
    console.error(
      `round ${round + 1}: ${recordCount} records in order, looked at in ${ms} ms, ` +
        `${lives.startsKilled} starts killed`,
    );
  }
  await lives.stop("SIGTERM");
});
