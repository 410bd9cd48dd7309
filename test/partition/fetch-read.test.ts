import { expect, test } from "bun:test";
import {
  type FetchPosition,
  type PartitionRead,
  readPartition,
} from "../../src/partition/fetch-read.ts";
import { buildEndTransactionMarker } from "../../src/protocol/control-record.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { startBroker } from "../api/broker-kit.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { batchOf } from "../log/log-fixture.ts";

const READ_COMMITTED = 1;
const FROM_START: FetchPosition = {
  fetchOffset: 0,
  currentLeaderEpoch: -1,
  lastFetchedEpoch: -1,
};

/** One that has a transaction of two records, which was aborted. */
function arena() {
  const broker = startBroker({ "transaction.partition.verification.enable": "false" });
  broker.wait(makeTopic(broker.asker, "t"));
  const partition = broker.node.partitions.find("t", 0)!;
  const { log } = partition;
  const producer = { producerId: 5, producerEpoch: 0 };
  const batch = batchOf({ count: 2, baseSequence: 0, isTransactional: true, ...producer });
  const end = { isCommit: false, coordinatorEpoch: 0, timestamp: 1000 };
  const marker = buildEndTransactionMarker({ ...producer, ...end });
  expect(partition.append(batch, { origin: "client", nowMs: 1000 })).toMatchObject({
    errorCode: ErrorCode.NONE,
  });
  partition.append(marker, { origin: "coordinator", nowMs: 1000, transactionVersion: 1 });
  const read = () => {
    return readPartition(partition, FROM_START, READ_COMMITTED, 10_000, true) as PartitionRead;
  };
  return { broker, log, read };
}

test("a reader of what is committed is told what was aborted", () => {
  const { broker, read } = arena();
  const { errorCode, abortedTransactions, slice } = read();
  expect(errorCode).toBe(ErrorCode.NONE);
  expect(abortedTransactions).toMatchObject([{ producerId: 5, firstOffset: 0, lastOffset: 2 }]);
  slice!.release();
  broker.stop();
});

test("or gets nothing, where the disk does not tell: it would take that for committed", () => {
  const { broker, log, read } = arena();
  log.state.wasUsed = false;
  log.state.coolDown();
  broker.world.disk.inject({ operation: "read", path: /\.txnindex$/, code: "EIO" });
  expect(read()).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, slice: null });
  expect(log.failure?.code).toBe("EIO");
});
