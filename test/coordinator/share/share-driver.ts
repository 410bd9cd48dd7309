/** A share coordinator on a fake log and a fake clock, with one partition of its topic. */
import { silentLogger } from "../../../src/base/logger.ts";
import type { ShareConfig } from "../../../src/coordinator/share/share-config.ts";
import type { ShareStateBatch } from "../../../src/coordinator/share/persister.ts";
import { ShareCoordinator } from "../../../src/coordinator/share/share-coordinator.ts";
import { shareStateRecordCodec } from "../../../src/coordinator/share/share-records.ts";
import { CompressionType } from "../../../src/protocol/compression.ts";
import { readRecords } from "../../../src/protocol/record.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";

export const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAABA";
export const OTHER_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAACA";
export const KEY = { groupId: "g", topicId: TOPIC_ID, partition: 0 };
export const OTHER_KEY = { groupId: "g", topicId: OTHER_TOPIC_ID, partition: 0 };

const CONFIG: ShareConfig = {
  shareCoordinatorAppendLingerMs: -1,
  shareCoordinatorColdPartitionSnapshotIntervalMs: 300_000,
  shareCoordinatorLoadBufferSize: 5_242_880,
  shareCoordinatorSnapshotUpdateRecordsPerSnapshot: 3,
  shareCoordinatorStateTopicCompressionCodec: CompressionType.NONE,
  shareCoordinatorStateTopicPruneIntervalMs: 60_000,
  shareCoordinatorWriteTimeoutMs: 5_000,
};

export interface DriverOptions {
  readonly log?: FakeCoordinatorLog;
  readonly clock?: FakeClock;
  readonly config?: Partial<ShareConfig>;
}

export class ShareDriver {
  readonly clock: FakeClock;
  readonly log: FakeCoordinatorLog;
  readonly coordinator: ShareCoordinator;
  readonly #config: Partial<ShareConfig>;

  constructor(options: DriverOptions = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.log = options.log ?? new FakeCoordinatorLog();
    this.#config = options.config ?? {};
    this.coordinator = new ShareCoordinator({
      clock: this.clock,
      logger: silentLogger,
      config: { ...CONFIG, ...this.#config },
      hasPartition: (topicId, partition) => topicId !== "gone" && partition < 3,
      partitionCount: () => 1,
    });
    this.coordinator.runtime.elected(0, 0, this.log);
  }

  static async loaded(options: DriverOptions = {}): Promise<ShareDriver> {
    const driver = new ShareDriver(options);
    await driver.settle();
    return driver;
  }

  /** The node dies, and another reads what is in the log. */
  async restarted(): Promise<ShareDriver> {
    this.coordinator.stop();
    const log = this.log.reopened();
    return ShareDriver.loaded({ log, clock: this.clock, config: this.#config });
  }

  /** Turns of the event loop until nothing more happens by itself. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) {
      this.clock.advance(0);
      await Promise.resolve();
    }
  }

  async answer<T>(asked: Promise<T>): Promise<T> {
    await this.settle();
    return asked;
  }

  initialize(key = KEY, startOffset = 0, stateEpoch = 0) {
    return this.answer(this.coordinator.initialize(key, stateEpoch, startOffset));
  }

  write(stateBatches: readonly ShareStateBatch[], key = KEY, startOffset = -1) {
    const epochs = { stateEpoch: 0, leaderEpoch: -1 };
    const written = { ...epochs, startOffset, deliveryCompleteCount: 0, stateBatches };
    return this.answer(this.coordinator.write(key, written));
  }

  read(key = KEY, leaderEpoch = -1) {
    return this.answer(this.coordinator.read(key, leaderEpoch));
  }

  /** "snapshot 0", "update 0": the records of the log with their snapshot epochs. */
  records(): string[] {
    const records = this.log.batches.flatMap((batch) => readRecords(batch, 0));
    return records.map(({ key, value }) => {
      const record = shareStateRecordCodec.decode(key!, value);
      if (typeof record === "string") return record;
      if (record.type === "update") return `update ${record.update.snapshotEpoch}`;
      return record.state === null ? "tombstone" : `snapshot ${record.state.snapshotEpoch}`;
    });
  }
}

export function acknowledged(firstOffset: number, lastOffset = firstOffset): ShareStateBatch {
  return { firstOffset, lastOffset, deliveryState: 2, deliveryCount: 1 };
}
