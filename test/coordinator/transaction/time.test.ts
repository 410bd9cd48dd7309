import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { T0, TransactionDriver } from "./transaction-driver.ts";

const DAY_MS = 86_400_000;

function start(options = {}): TransactionDriver {
  return new TransactionDriver(options).start();
}

/** A transaction that is open, of a producer with this timeout. */
function open(driver: TransactionDriver, transactionTimeoutMs: number, transactionalId = "tx") {
  const request = { transactionalId, transactionTimeoutMs };
  const producer = driver.now(driver.init(null, request));
  driver.now(driver.add(producer, [T0], driver.version, transactionalId));
  return producer;
}

describe("a transaction past its timeout", () => {
  test.each([0, 2])("is aborted, and its producer shut out: version %d", (version) => {
    const driver = start({ version });
    const producer = open(driver, 15_000);
    driver.clock.advance(15_000);
    expect(driver.state()).toBe("Ongoing 100/0 t-0");
    driver.clock.advance(10_000);
    expect(driver.state()).toBe("CompleteAbort 100/1");
    expect(driver.partitions.written).toEqual(["abort 100/1 t-0"]);
    expect(driver.now(driver.add(producer))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.end(producer, "commit", 0))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.init())).toBe("100/2");
  });

  test("with epochs for each transaction: the old producer is told that it was aborted", () => {
    const driver = start();
    const producer = open(driver, 1_000);
    driver.clock.advance(20_000);
    // What it takes for its own abort that comes again; a commit cannot be.
    expect(driver.now(driver.end(producer, "abort"))).toBe("100/1");
    expect(driver.now(driver.end(producer, "commit"))).toBe("INVALID_TXN_STATE");
  });

  test("is counted from its first partition, not from the producer's start or its last one", () => {
    const driver = start();
    const producer = driver.now(driver.init(null, { transactionTimeoutMs: 25_000 }));
    driver.clock.advance(100_000);
    driver.now(driver.add(producer, [T0]));
    driver.clock.advance(20_000);
    driver.now(driver.add(producer, [{ topic: "t", partition: 1 }]));
    expect(driver.state()).toStartWith("Ongoing");
    driver.clock.advance(20_000);
    expect(driver.state()).toBe("CompleteAbort 100/1");
  });

  test("is aborted after a restart, too, with the time that it had taken before", () => {
    const driver = start();
    open(driver, 30_000);
    driver.clock.advance(25_000);
    const next = driver.restarted();
    next.clock.advance(9_000);
    expect(next.state()).toBe("Ongoing 100/0 t-0");
    next.clock.advance(2_000);
    expect(next.state()).toBe("CompleteAbort 100/1");
  });

  test("is not when the wall clock jumps", () => {
    const driver = start();
    open(driver, 60_000);
    driver.clock.jumpWall(DAY_MS);
    driver.clock.advance(30_000);
    expect(driver.state()).toBe("Ongoing 100/0 t-0");
    driver.clock.jumpWall(-10 * DAY_MS);
    driver.clock.advance(41_000);
    expect(driver.state()).toBe("CompleteAbort 100/1");
  });

  test("gets a new producer id where the epochs are used up", () => {
    const driver = start();
    let producer = driver.now(driver.init(null, { transactionTimeoutMs: 1_000 }));
    const again = { transactionTimeoutMs: 1_000 };
    while (!producer.endsWith("/32766")) producer = driver.now(driver.init(null, again));
    driver.now(driver.add(producer));
    driver.producerIdError = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    driver.clock.advance(20_000);
    expect(driver.state()).toBe("Ongoing 100/32766 t-0");
    driver.producerIdError = ErrorCode.NONE;
    driver.clock.advance(10_000);
    expect(driver.state()).toBe("CompleteAbort 101/0");
    expect(driver.partitions.written).toEqual(["abort 100/32767 t-0"]);
  });

  test("is aborted when the log can take it", () => {
    const driver = start();
    open(driver, 1_000);
    driver.log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    driver.clock.advance(30_000);
    driver.log.refused = ErrorCode.NONE;
    expect(driver.state()).toBe("Ongoing 100/0 t-0");
    driver.clock.advance(10_000);
    expect(driver.state()).toBe("CompleteAbort 100/1");
  });

  test("one among thousands, each in its time", () => {
    const driver = start();
    for (let index = 0; index < 2_000; index++) {
      open(driver, index % 2 === 0 ? 5_000 : 100_000, `tx-${index}`);
    }
    driver.clock.advance(20_000);
    expect(driver.partitions.written.length).toBe(1_000);
    expect(driver.state("tx-0")).toStartWith("CompleteAbort");
    expect(driver.state("tx-1")).toStartWith("Ongoing");
  });
});

describe("a transactional id that nobody uses", () => {
  test("is forgotten after transactional.id.expiration.ms, for good", () => {
    const driver = start();
    driver.now(driver.init());
    driver.clock.advance(7 * DAY_MS - 1);
    expect(driver.state()).toBe("Empty 100/0");
    driver.clock.advance(3_600_000);
    expect(driver.state()).toBe("TRANSACTIONAL_ID_NOT_FOUND");
    expect(driver.history.at(-1)).toBe("tombstone");
    expect(driver.now(driver.add("100/0"))).toBe("INVALID_PRODUCER_ID_MAPPING");
    const next = driver.restarted();
    expect(next.state()).toBe("TRANSACTIONAL_ID_NOT_FOUND");
    expect(next.now(next.init())).toBe("101/0");
  });

  test("is kept while it is used, open, or not yet brought to its end", () => {
    const driver = start({ config: { transactionalIdExpirationMs: 10 * 3_600_000 } });
    driver.now(driver.init(null, { transactionalId: "used" }));
    open(driver, 900_000, "done");
    driver.now(driver.end("101/0", "commit", 2, "done"));
    driver.partitions.isHeld = true;
    open(driver, 900_000, "ending");
    driver.now(driver.end("102/0", "commit", 2, "ending"));
    for (let hour = 0; hour < 12; hour++) {
      driver.clock.advance(3_600_000);
      driver.now(driver.init(null, { transactionalId: "used" }));
    }
    expect(driver.state("used")).toBe("Empty 100/12");
    expect(driver.state("done")).toBe("TRANSACTIONAL_ID_NOT_FOUND");
    expect(driver.state("ending")).toBe("PrepareCommit 102/1 t-0");
  });

  test("goes with many others, in batches that the log takes", () => {
    const driver = start({ config: { transactionalIdExpirationMs: 3_600_000 } });
    for (let index = 0; index < 5_000; index++) {
      driver.now(driver.init(null, { transactionalId: `an-id-that-is-not-short-${index}` }));
    }
    driver.log.batchSizeMax = 2_000;
    driver.clock.advance(8_000_000);
    expect(
      driver.now(
        driver.coordinator.list({
          stateFilters: [],
          producerIdFilters: [],
          durationFilter: -1,
          transactionalIdPattern: null,
        }),
      ).transactionStates,
    ).toEqual([]);
    const tombstones = driver.records.filter(({ metadata }) => metadata === null);
    expect(tombstones.length).toBe(5_000);
  });
});

test("a coordinator that has stopped leaves no timer behind", () => {
  const driver = start();
  open(driver, 1_000);
  driver.coordinator.stop();
  driver.clock.settle();
  expect(driver.clock.timerCount).toBe(0);
});
