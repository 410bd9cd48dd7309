import { expect, test } from "bun:test";
import { PartitionCoordinatorLog } from "../../src/broker/coordinator-log.ts";
import type { Partition } from "../../src/partition/partition.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { startBroker } from "../api/broker-kit.ts";

test("what was gathered while enough replicas were in sync is not refused any more", () => {
  const broker = startBroker();
  broker.wait(makeTopic(broker.asker, "t", 1));
  const partition = broker.node.partitions.find("t", 0)!;
  let isEnough = true;
  const watched: Partition = Object.create(partition, {
    log: { get: () => partition.log },
    leaderError: { value: () => partition.leaderError() },
    append: { value: partition.append.bind(partition) },
    flushed: { value: partition.flushed.bind(partition) },
    whenCommitted: { value: partition.whenCommitted.bind(partition) },
    minIsrError: { value: () => (isEnough ? ErrorCode.NONE : ErrorCode.NOT_ENOUGH_REPLICAS) },
  });
  const log = new PartitionCoordinatorLog(watched, broker.world.clock);
  expect(log.refusal()).toBe(ErrorCode.NONE);
  isEnough = false;
  expect(log.refusal()).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
  const value = Buffer.from("v");
  const appended = log.append(buildBatch({ records: [{ timestamp: 1, key: value, value }] }));
  expect(appended).toBeInstanceOf(Promise);
  broker.wait(Promise.resolve(appended));
  expect(log.logEndOffset).toBe(1);
});
