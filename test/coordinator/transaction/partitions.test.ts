import { describe, expect, test } from "bun:test";
import { ErrorCode, errorName } from "../../../src/protocol/error-code.ts";
import type { TransactionalOperation } from "../../../src/coordinator/transaction/participants.ts";
import { ID, producerOf, T0, T1, TransactionDriver, U0 } from "./transaction-driver.ts";

function start(options = {}): TransactionDriver {
  return new TransactionDriver(options).start();
}

function verified(
  driver: TransactionDriver,
  producer: string,
  partitions = [T0],
  operation: TransactionalOperation = "verify",
  transactionalId = ID,
): string {
  const write = { transactionalId, ...producerOf(producer), partitions };
  return driver.now(driver.coordinator.verify(write, operation)).map(errorName).join(" ");
}

describe("partitions", () => {
  test("begin a transaction, and are added to it", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.clock.advance(5_000);
    expect(driver.now(driver.add(producer, [T0]))).toBe("NONE");
    const { startTimestampMs } = driver.records.at(-1)!.metadata!;
    expect(startTimestampMs).toBe(driver.clock.wallMs());
    driver.clock.advance(5_000);
    expect(driver.now(driver.add(producer, [U0, T1]))).toBe("NONE");
    expect(driver.state()).toBe("Ongoing 100/0 t-0 t-1 u-0");
    expect(driver.records.at(-1)!.metadata).toMatchObject({
      startTimestampMs,
      lastUpdateTimestampMs: driver.clock.wallMs(),
    });
  });

  test("that are there already write nothing", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0, T1]));
    const { logEndOffset } = driver.log;
    expect(driver.now(driver.add(producer, [T1]))).toBe("NONE");
    expect(driver.now(driver.add(producer, []))).toBe("NONE");
    expect(driver.log.logEndOffset).toBe(logEndOffset);
  });

  test("none at all begin a transaction too, as in Kafka", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    expect(driver.now(driver.add(producer, []))).toBe("NONE");
    expect(driver.state()).toBe("Ongoing 100/0");
    expect(driver.now(driver.end(producer))).toBe("100/1");
    expect(driver.state()).toBe("CompleteCommit 100/1");
  });

  test("are refused to others", () => {
    const driver = start();
    expect(driver.now(driver.add("100/0"))).toBe("INVALID_PRODUCER_ID_MAPPING");
    driver.now(driver.init());
    expect(driver.now(driver.add("99/0"))).toBe("INVALID_PRODUCER_ID_MAPPING");
    expect(driver.now(driver.add("100/1"))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.add("100/-1"))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.add("100/0", [T0], 2, ""))).toBe("INVALID_REQUEST");
  });

  test("wait for the transaction before, whoever asks", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    driver.partitions.isHeld = true;
    driver.now(driver.end(producer));
    for (const asker of ["100/1", "100/0", "99/0"]) {
      expect(driver.now(driver.add(asker))).toBe("CONCURRENT_TRANSACTIONS");
    }
    driver.partitions.release();
    driver.clock.settle();
    expect(driver.now(driver.add("100/1"))).toBe("NONE");
  });

  test("may wait for the end of the transaction before; for nothing where none ends", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    expect(driver.peek(driver.coordinator.whenEnded(ID)).value).not.toBe("waits");
    expect(driver.peek(driver.coordinator.whenEnded("other")).value).not.toBe("waits");
    driver.partitions.isHeld = true;
    driver.now(driver.end(producer));
    const [one, other] = [0, 1].map(() => driver.peek(driver.coordinator.whenEnded(ID)));
    expect([one!.value, other!.value]).toEqual(["waits", "waits"]);
    driver.partitions.release();
    driver.clock.settle();
    expect([one!.value, other!.value]).toEqual([undefined, undefined]);
    driver.partitions.isHeld = true;
    driver.now(driver.add("100/1"));
    driver.now(driver.end("100/1"));
    const lost = driver.peek(driver.coordinator.whenEnded(ID));
    driver.coordinator.runtime.resigned(0, 2);
    driver.clock.settle();
    expect(lost.value).not.toBe("waits");
  });

  // KAFKA-17754: what was sent for one transaction comes late, on another connection, to the next.
  test("of an earlier transaction that come late do not get into the next one", () => {
    const driver = start();
    const first = driver.now(driver.init());
    driver.now(driver.add(first, [T0]));
    const second = driver.now(driver.end(first));
    driver.now(driver.add(second, [T1]));
    expect(driver.now(driver.add(first, [U0]))).toBe("PRODUCER_FENCED");
    expect(verified(driver, first, [T1], "add")).toBe("INVALID_PRODUCER_EPOCH");
    expect(driver.now(driver.end(first, "abort"))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.end(first, "commit"))).toBe("PRODUCER_FENCED");
    expect(driver.state()).toBe("Ongoing 100/1 t-1");
    expect(driver.now(driver.end(second))).toBe("100/2");
    expect(driver.partitions.written).toEqual(["commit 100/1 t-0", "commit 100/2 t-1"]);
  });

  // Redpanda #6018, #6019: the begin of a transaction was kept in memory only.
  test("are known to a coordinator that comes after a crash: its commit has all of them", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0]));
    driver.now(driver.add(producer, [U0]));
    const next = driver.restarted();
    expect(next.now(next.end(producer))).toBe("100/1");
    expect(next.partitions.written).toEqual(["commit 100/1 t-0", "commit 100/1 u-0"]);
  });

  test("whose record was lost are not in it, and their producer was never told that they are", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0]));
    driver.log.commitsAtOnce = false;
    const added = driver.peek(driver.add(producer, [U0]));
    const seen = driver.peek(
      driver.coordinator.verify(
        { transactionalId: ID, ...producerOf(producer), partitions: [U0] },
        "verifyAbortable",
      ),
    );
    expect(added.value).toBe("waits");
    expect(seen.value).toBe("waits");
    driver.log.loseUncommitted(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    driver.clock.settle();
    expect(added.value).toBe("NOT_COORDINATOR");
    expect(seen.value).toEqual([ErrorCode.NOT_COORDINATOR]);
    const next = driver.restarted();
    expect(next.state()).toBe("Ongoing 100/0 t-0");
  });

  test("so many that they fit into no record are refused, and the transaction goes on", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0]));
    driver.log.batchSizeMax = 1_000;
    const many = Array.from({ length: 1_000 }, (_, partition) => ({ topic: "m", partition }));
    expect(driver.now(driver.add(producer, many))).toBe("UNKNOWN_SERVER_ERROR");
    expect(driver.state()).toBe("Ongoing 100/0 t-0");
    expect(driver.now(driver.end(producer))).toBe("100/1");
  });
});

describe("a write is verified (KIP-890)", () => {
  test("by what is in the transaction, and nothing is changed", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    expect(verified(driver, producer)).toBe("INVALID_TXN_STATE");
    driver.now(driver.add(producer, [T0]));
    const { logEndOffset } = driver.log;
    expect(verified(driver, producer, [T0, T1])).toBe("NONE INVALID_TXN_STATE");
    expect(verified(driver, producer, [T1, T0], "verifyAbortable")).toBe(
      "TRANSACTION_ABORTABLE NONE",
    );
    expect(verified(driver, producer, [])).toBe("");
    expect(driver.log.logEndOffset).toBe(logEndOffset);
  });

  test("of its own producer", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    for (const operation of ["verify", "verifyAbortable", "add"] as const) {
      const told = (asker: string, id = ID): string => verified(driver, asker, [T0], operation, id);
      expect(told("100/1")).toBe("INVALID_PRODUCER_EPOCH");
      expect(told("99/0")).toBe("INVALID_PRODUCER_ID_MAPPING");
      expect(told("100/0", "other")).toBe("INVALID_PRODUCER_ID_MAPPING");
      expect(told("100/0", "")).toBe("INVALID_REQUEST");
    }
  });

  test("when the transaction before has ended", () => {
    const driver = start({ version: 1 });
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0], 0));
    driver.partitions.isHeld = true;
    driver.now(driver.end(producer, "commit", 0));
    expect(verified(driver, producer)).toBe("CONCURRENT_TRANSACTIONS");
    driver.partitions.release();
    driver.clock.settle();
    expect(verified(driver, producer)).toBe("INVALID_TXN_STATE");
  });

  test("and added, where the client leaves that to the broker", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    expect(verified(driver, producer, [T0, U0], "add")).toBe("NONE NONE");
    expect(driver.state()).toBe("Ongoing 100/0 t-0 u-0");
    expect(driver.records.at(-1)!.metadata!.clientTransactionVersion).toBe(2);
  });
});

test("a transaction with 10,000 partitions is prompt, and its records are bounded", () => {
  const driver = start();
  const producer = driver.now(driver.init());
  const startNs = Bun.nanoseconds();
  const partitions = Array.from({ length: 10_000 }, (_, partition) => ({ topic: "m", partition }));
  for (let index = 0; index < 10_000; index += 500) {
    expect(driver.now(driver.add(producer, partitions.slice(index, index + 500)))).toBe("NONE");
  }
  // As produce requests of KIP-890 add them: one by one.
  const more = Array.from({ length: 200 }, (_, partition) => ({ topic: "n", partition }));
  for (const each of more) driver.now(driver.add(producer, [each]));
  expect(driver.now(driver.end(producer))).toBe("100/1");
  expect(driver.partitions.written.length).toBe(10_200);
  expect(driver.state()).toBe("CompleteCommit 100/1");
  const largest = Math.max(...driver.log.batches.map((batch) => batch.length));
  expect(largest).toBeLessThan(60_000);
  expect((Bun.nanoseconds() - startNs) / 1e6).toBeLessThan(10_000);
});
