/**
 * A follower's log that is appended to, cut and begun anew, on a machine that dies at each single
 * operation on its disk. In the next life the log holds batches that leaders wrote, whole and in
 * order, and all that was flushed; and what it says of its epochs leads it to its leader's log.
 */
import { describe, expect, test } from "bun:test";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../src/log/log-config.ts";
import type { Log } from "../../src/log/log.ts";
import type { LogManager } from "../../src/log/log-manager.ts";
import { truncationOffset } from "../../src/partition/follower-state.ts";
import * as header from "../../src/protocol/record-batch.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { LOSSES, Mortal } from "../sim/mortal.ts";
import { batchOf } from "./log-fixture.ts";
import { expectSound } from "./log-soundness.ts";
import { managerBeforeLoad } from "./manager-fixture.ts";

const CONFIG: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  segmentBytes: 1000,
  indexIntervalBytes: 300,
  fileDeleteDelayMs: 20,
};
const OPERATIONS_MAX = 3000;

interface Append {
  readonly append: number;
  readonly to: number;
  readonly epoch: number;
  readonly size: number;
}

type Step =
  | Append
  | { readonly cut: number }
  | { readonly begin: number }
  | { readonly flush: true }
  | { readonly checkpoint: true }
  | { readonly wait: number };

const append = (from: number, to: number, epoch: number, size: number): Step => {
  return { append: from, to, epoch, size };
};
const MADE_DURABLE: readonly Step[] = [{ flush: true }, { checkpoint: true }];

const STORIES: Readonly<Record<string, readonly Step[]>> = {
  "cuts off what other leaders wrote": [
    append(0, 12, 1, 150),
    ...MADE_DURABLE,
    append(12, 20, 1, 150),
    { flush: true },
    { cut: 7 },
    append(7, 15, 2, 160),
    { wait: 30 },
    ...MADE_DURABLE,
    append(15, 18, 3, 300),
    { cut: 16 },
    { cut: 9 },
    append(9, 13, 4, 150),
    { flush: true },
    append(13, 14, 4, 150),
  ],
  "writes the same offsets anew, of segments that were there": [
    append(0, 15, 1, 170),
    { flush: true },
    { cut: 5 },
    append(5, 15, 2, 170),
    { flush: true },
    { cut: 0 },
    append(0, 15, 3, 170),
    { flush: true },
    { checkpoint: true },
    { cut: 14 },
    append(14, 16, 4, 170),
  ],
  "begins elsewhere": [
    append(0, 12, 1, 150),
    ...MADE_DURABLE,
    { begin: 30 },
    append(30, 38, 2, 150),
    ...MADE_DURABLE,
    { wait: 30 },
    { begin: 25 },
    append(25, 33, 3, 150),
    { flush: true },
    append(33, 35, 3, 150),
  ],
};

describe.each(Object.entries(STORIES))("a follower that %s", (_name, story) => {
  test.each(Object.entries(LOSSES))(
    "after %s at any step",
    (loss, nextLife) => {
      let count = 1;
      for (; count < OPERATIONS_MAX; count++) {
        const machine = new Mortal(fakeWorld(count), nextLife);
        const life = new Life(machine.world, story);
        machine.dieAt(count);
        life.run(() => machine.next !== null);
        if (machine.next === null) break;
        life.recover(machine.next, `${loss} at operation ${count}`);
      }
      expect(count).toBeGreaterThan(50);
      expect(count).toBeLessThan(OPERATIONS_MAX);
    },
    60_000,
  );
});

class Life {
  readonly #world: FakeWorld;
  readonly #story: readonly Step[];
  readonly #opened: { readonly manager: LogManager; readonly log: Log };
  readonly #written = new Map<string, Buffer>();
  /** Epoch by offset, of all that was flushed and not cut off since. */
  #durable = new Map<number, number>();
  /** The same of all that is in the log. */
  readonly #epochs = new Map<number, number>();
  /** Where the log may be cut while the machine dies. */
  #leastEnd = 0;

  constructor(world: FakeWorld, story: readonly Step[]) {
    this.#world = world;
    this.#story = story;
    this.#opened = opened(world);
  }

  run(isDead: () => boolean): Log {
    const { manager, log } = this.#opened;
    for (const step of this.#story) {
      if (isDead()) return log;
      this.#leastEnd = log.logEndOffset;
      this.#take(step, manager, log, isDead);
      this.#world.clock.settle();
    }
    return log;
  }

  recover(world: FakeWorld, hint: string): void {
    const { manager, log } = opened(world);
    expectSound(log, hint);
    const found = epochsOf(log);
    for (const [offset, epoch] of this.#durable) {
      if (offset < log.logStartOffset) continue;
      expect(found.get(offset), `${hint}: offset ${offset}`).toBe(epoch);
    }
    if (hint.startsWith("kill"))
      expect(log.logEndOffset, hint).toBeGreaterThanOrEqual(this.#leastEnd);
    for (const batch of batchesOf(log)) {
      const key = keyOf(batch);
      expect(this.#written.get(key)?.equals(batch), `${hint}: ${key}`).toBe(true);
    }
    this.#follow(manager, log, world, hint);
  }

  #take(step: Step, manager: LogManager, log: Log, isDead: () => boolean): void {
    if ("append" in step) {
      this.#append(log, step);
    } else if ("cut" in step || "begin" in step) {
      const offset = "cut" in step ? step.cut : step.begin;
      this.#leastEnd = Math.min(this.#leastEnd, "cut" in step ? offset : 0);
      for (const epochs of [this.#durable, this.#epochs]) {
        for (const known of [...epochs.keys()]) {
          if (known >= offset || "begin" in step) epochs.delete(known);
        }
      }
      if ("cut" in step) void manager.truncateTo(log, offset);
      else void manager.truncateFullyAndStartAt(log, offset);
    } else if ("flush" in step) {
      const epochs = new Map(this.#epochs);
      void log.flush().then(
        () => {
          if (!isDead()) this.#durable = epochs;
        },
        () => undefined,
      );
    } else if ("checkpoint" in step) {
      void manager.checkpoint("recoveryPoint");
      void manager.checkpoint("highWatermark");
    } else {
      this.#world.clock.advance(step.wait);
    }
  }

  #append(log: Log, { append: from, to, epoch, size }: Append): void {
    const batches: Buffer[] = [];
    for (let offset = from; offset < to; offset++) {
      const batch = batchOf({ text: `${offset} of ${epoch}`, valueSize: size });
      header.setBaseOffset(batch, 0, offset);
      header.setPartitionLeaderEpoch(batch, 0, epoch);
      this.#written.set(keyOf(batch), batch);
      this.#epochs.set(offset, epoch);
      batches.push(batch);
    }
    // Three at a time, as fetches would bring them.
    for (let index = 0; index < batches.length; index += 3) {
      log.appendAsFollower(Buffer.concat(batches.slice(index, index + 3)), epoch, 1000);
    }
    if (log.failure === null) log.advanceHighWatermark(Math.min(log.logEndOffset, from + 1));
  }

  /** A leader that lived through all of it without harm. */
  #follow(manager: LogManager, log: Log, world: FakeWorld, hint: string): void {
    const ofLeader = leaderOf(this.#story);
    for (let round = 0; round < 20; round++) {
      const last = log.latestEpoch;
      if (log.logEndOffset < ofLeader.logStartOffset || log.logEndOffset > ofLeader.logEndOffset) {
        if (log.logEndOffset > ofLeader.logEndOffset) {
          void manager.truncateTo(log, ofLeader.logEndOffset);
        } else void manager.truncateFullyAndStartAt(log, ofLeader.logStartOffset);
        world.clock.settle();
        continue;
      }
      const own = ofLeader.endOffsetFor(last);
      if (last === -1 || (own.epoch === last && own.endOffset >= log.logEndOffset)) break;
      void manager.truncateTo(log, truncationOffset(log, own));
      world.clock.settle();
    }
    const missing = batchesOf(ofLeader).filter((batch) => {
      return header.baseOffset(batch, 0) >= log.logEndOffset;
    });
    for (const batch of missing) {
      expect(log.appendAsFollower(batch, 100, 1000).errorCode, hint).toBe(0);
    }
    const start = Math.max(log.logStartOffset, ofLeader.logStartOffset);
    const behindStart = (each: Buffer): boolean => header.baseOffset(each, 0) >= start;
    const keys = batchesOf(log).filter(behindStart).map(keyOf);
    expect(keys, hint).toEqual(batchesOf(ofLeader).filter(behindStart).map(keyOf));
    expectSound(log, hint);
  }
}

const leaders = new Map<readonly Step[], Log>();

function leaderOf(story: readonly Step[]): Log {
  const known = leaders.get(story);
  if (known !== undefined) return known;
  const log = new Life(fakeWorld(1), story).run(() => false);
  leaders.set(story, log);
  return log;
}

function opened(world: FakeWorld): { manager: LogManager; log: Log } {
  const { manager, load } = managerBeforeLoad(world, {
    config: CONFIG,
    directoryFailed: (directory, error) => {
      if (!world.disk.isDead) throw new Error(`${directory.path}: ${error.message}`);
    },
  });
  void load;
  world.clock.settle();
  return { manager, log: manager.getOrCreate("topic", 0, { topicId: null })! };
}

function epochsOf(log: Log): Map<number, number> {
  return new Map(
    batchesOf(log).map((batch) => [
      header.baseOffset(batch, 0),
      header.partitionLeaderEpoch(batch, 0),
    ]),
  );
}

function batchesOf(log: Log): Buffer[] {
  if (log.failure !== null) return [];
  return log.state.segments.all.flatMap((segment) => {
    const bytes = Buffer.alloc(segment.size);
    segment.log.use().read(bytes, 0, bytes.length, 0);
    const found: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += header.batchSize(bytes, at)) {
      found.push(bytes.subarray(at, at + header.batchSize(bytes, at)));
    }
    return found;
  });
}

function keyOf(batch: Buffer): string {
  return `${header.baseOffset(batch, 0)}/${header.partitionLeaderEpoch(batch, 0)}`;
}
