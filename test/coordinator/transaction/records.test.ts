import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  transactionRecordCodec,
  type TransactionRecord,
} from "../../../src/coordinator/transaction/transaction-records.ts";
import { transactionStateName } from "../../../src/coordinator/transaction/transaction-state.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { readRecords } from "../../../src/protocol/record.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";
import { TransactionDriver } from "./transaction-driver.ts";

/**
 * `__transaction_state-0` of Apache Kafka 4.3.1: ids that commit, abort, are fenced, expire, and one
 * whose transaction is open; in between transaction.version is 0.
 */
const KAFKA_LOG = readFileSync(join(import.meta.dir, "kafka-4.3.1-transaction-state.log"));

function decoded(key: Buffer, value: Buffer | null): TransactionRecord {
  const record = transactionRecordCodec.decode(key, value);
  if (typeof record === "string") throw new Error(`a record that is ${record}`);
  return record;
}

test("every record of Kafka's is read, and written again byte for byte", () => {
  const seen: string[] = [];
  for (const batch of FakeCoordinatorLog.of(KAFKA_LOG).batches) {
    for (const { key, value } of readRecords(batch, 0)) {
      const record = decoded(key!, value);
      expect(transactionRecordCodec.encode(record)).toEqual({ key: key!, value });
      const { transactionalId, metadata, version } = record;
      const state = metadata === null ? "tombstone" : transactionStateName(metadata.state);
      seen.push(`${transactionalId} ${state} v${version}`);
    }
  }
  expect(seen).toEqual([
    "expires Empty v1",
    "expires tombstone v0",
    "new Empty v1",
    "new Ongoing v1",
    "new Ongoing v1",
    "new PrepareCommit v1",
    "new CompleteCommit v1",
    "new Ongoing v1",
    "new PrepareAbort v1",
    "new CompleteAbort v1",
    "fenced Empty v1",
    "fenced Ongoing v1",
    "fenced PrepareAbort v1",
    "fenced CompleteAbort v1",
    "fenced Empty v1",
    "old Empty v1",
    "old Ongoing v1",
    "old PrepareCommit v1",
    "old CompleteCommit v1",
    "zero Empty v0",
    "zero Ongoing v0",
    "zero PrepareCommit v0",
    "zero CompleteCommit v0",
    "open Empty v1",
    "open Ongoing v1",
  ]);
});

test("Kafka's log is loaded", () => {
  const log = new FakeCoordinatorLog();
  for (const batch of FakeCoordinatorLog.of(KAFKA_LOG).batches) log.write(batch);
  const driver = new TransactionDriver({ log }).start();
  expect(driver.partitions.sent).toEqual([]);
  expect(driver.state("expires")).toBe("TRANSACTIONAL_ID_NOT_FOUND");
  expect(driver.state("new")).toBe("CompleteAbort 1/2");
  expect(driver.state("zero")).toBe("CompleteCommit 4/0");
  expect(driver.state("open")).toStartWith("Ongoing 5/0 t-1 t-15 t-2 t-3");
  expect(driver.now(driver.init(null, { transactionalId: "new" }))).toBe("1/3");
});

test("what is no record of a transaction is passed over, or stops the load with a reason", () => {
  const { decode } = transactionRecordCodec;
  const [batch] = FakeCoordinatorLog.of(KAFKA_LOG).batches;
  const { key, value } = readRecords(batch!, 0)[0]!;
  const withShort = (bytes: Buffer, short: number): Buffer => {
    const other = Buffer.from(bytes);
    other.writeInt16BE(short, 0);
    return other;
  };
  for (const version of [-1, 1, 99])
    expect(decode(withShort(key!, version), value)).toBe("unknown");
  for (const version of [-1, 2]) expect(decode(key!, withShort(value!, version))).toBe("unknown");
  for (let size = 0; size < key!.length; size++) {
    expect(() => decode(key!.subarray(0, size), value)).toThrow(ProtocolError);
  }
  for (let size = 0; size < value!.length; size++) {
    expect(() => decode(key!, value!.subarray(0, size))).toThrow(ProtocolError);
  }
});

test("bytes that anybody may have put there never do worse than that", () => {
  let seed = 1;
  const below = (bound: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % bound;
  };
  for (const batch of FakeCoordinatorLog.of(KAFKA_LOG).batches) {
    for (const { key, value } of readRecords(batch, 0)) {
      for (let count = 0; count < 200 && value !== null; count++) {
        const other = Buffer.from(value);
        for (let flips = below(4); flips >= 0; flips--) other[below(other.length)] = below(256);
        try {
          transactionRecordCodec.decode(key!, other);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }
  }
});
