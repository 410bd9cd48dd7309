/**
 * A partition is moved from one log directory to another while clients produce, and the machine
 * dies at each step of it: at every single operation on the disk, by a kill and by a loss of power.
 *
 * In the next life every acknowledged record is there, once and at its offset; the partition is in
 * one directory; and the move, where it had begun, ends.
 */
import { describe, expect, test } from "bun:test";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { batchSize } from "../../src/protocol/record-batch.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { afterKill, type FakeWorld, fakeWorld } from "./fake-world.ts";
import { DIRECTORIES, move, otherThan, placesOf, settledPlace } from "./log-dir-places.ts";
import { LOSSES, Mortal, settingsFor } from "./mortal.ts";

const SETTINGS = {
  "log.dirs": DIRECTORIES.join(","),
  "log.index.interval.bytes": "512",
  "log.flush.offset.checkpoint.interval.ms": "20",
  "log.segment.delete.delay.ms": "0",
  "replica.fetch.max.bytes": "400",
};
const RECORDS_BEFORE = 6;
const ROUNDS_MAX = 60;
/** More than a move takes. */
const OPERATIONS_MAX = 2000;

describe.each(Object.entries(LOSSES))("after %s", (loss, nextLife) => {
  test("at any step of a move, nothing is lost", () => {
    const settings = settingsFor(loss, SETTINGS);
    let count = 1;
    let moved = 0;
    for (; count < OPERATIONS_MAX; count++) {
      const life = new Life(count, settings, nextLife);
      if (!life.dieAt(count)) break;
      life.recover();
      if (life.wasMoved) moved++;
    }
    // The move took that many operations, and did not die of the last one.
    expect(count).toBeGreaterThan(30);
    expect(count).toBeLessThan(OPERATIONS_MAX);
    expect(moved).toBeGreaterThan(10);
  }, 60_000);
});

class Life {
  wasMoved = false;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #machine: Mortal;
  readonly #acknowledged = new Map<number, string>();
  #valueCount = 0;
  #topicId = "";
  #source = "";

  constructor(
    seed: number,
    settings: Readonly<Record<string, string>>,
    loss: (world: FakeWorld) => FakeWorld,
  ) {
    this.#machine = new Mortal(fakeWorld(seed), loss);
    this.#settings = settings;
  }

  /** False when the move was over before. */
  dieAt(operation: number): boolean {
    const broker = startBroker(this.#settings, this.#machine.world);
    this.#topicId = broker.wait(makeTopic(broker.asker, "t"));
    for (let count = 0; count < RECORDS_BEFORE; count++) broker.wait(this.#produce(broker));
    const [place] = placesOf(broker);
    this.#source = place!.path;
    this.#machine.dieAt(operation);
    void move(broker, this.#target).catch(() => {});
    for (let round = 0; round < ROUNDS_MAX && this.#machine.next === null; round++) {
      if (round % 6 === 0) void this.#produce(broker).catch(() => {});
      this.#machine.world.clock.advance(1);
    }
    return this.#machine.next !== null;
  }

  recover(): void {
    const broker = startBroker(this.#settings, this.#machine.next!);
    this.#verify(broker);
    broker.wait(this.#produce(broker));
    expect(settledPlace(broker, ROUNDS_MAX)).not.toBeNull();
    const [place] = placesOf(broker);
    this.wasMoved = place!.path === this.#target;
    this.#verify(broker);
    broker.stop();
    const again = startBroker(this.#settings, afterKill(broker.world));
    expect(placesOf(again)).toEqual([place!]);
    this.#verify(again);
    const topic = again.node.image.topics.byName("t")!;
    const directory = again.node.logs.directories.find(({ path }) => path === place!.path)!;
    expect(topic.partitions[0]!.directories).toEqual([directory.id!]);
    again.world.clock.advance(100);
    for (const path of DIRECTORIES) {
      const names = again.world.disk.list(path).filter((name) => name.startsWith("t-0"));
      expect(names).toEqual(path === place!.path ? ["t-0"] : []);
    }
    again.stop();
  }

  get #target(): string {
    return otherThan(this.#source);
  }

  async #produce(broker: TestBroker): Promise<void> {
    const value = `value ${this.#valueCount++} `.padEnd(200, ".");
    const response = await broker.asker.quietly(produce, 9, {
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: "t", partitionData: [{ index: 0, records: batchOf(value) }] }],
    });
    const { errorCode, baseOffset } = response.responses[0]!.partitionResponses[0]!;
    if (errorCode === 0) this.#acknowledged.set(baseOffset, value);
  }

  #verify(broker: TestBroker): void {
    const found = new Map<number, string>();
    const end = broker.node.partitions.find("t", 0)!.log.logEndOffset;
    for (let offset = 0; offset < end; offset++) {
      const response = broker.wait(
        broker.asker.quietly(fetch, 13, {
          maxWaitMs: 0,
          minBytes: 0,
          maxBytes: 100_000,
          sessionId: 0,
          sessionEpoch: -1,
          forgottenTopicsData: [],
          topics: [
            {
              topicId: this.#topicId,
              partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 100_000 }],
            },
          ],
        }),
      );
      const { errorCode, records } = response.responses[0]!.partitions[0]!;
      expect(errorCode).toBe(0);
      const last = take(records ?? Buffer.alloc(0), found);
      if (last < offset) break;
      offset = last;
    }
    for (const [offset, value] of this.#acknowledged) expect(found.get(offset)).toBe(value);
  }
}

function batchOf(value: string): Buffer {
  return buildBatch({ records: [{ timestamp: 1, key: null, value: Buffer.from(value) }] });
}

/** Returns the last offset; -1 when there is none. */
function take(bytes: Buffer, found: Map<number, string>): number {
  let last = -1;
  for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
    for (const { offset, value } of readRecords(bytes, at)) {
      found.set(offset, value?.toString() ?? "");
      last = offset;
    }
  }
  return last;
}
