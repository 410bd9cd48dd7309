import { describe, expect, test } from "bun:test";
import type { ListTransactionsRequest } from "../../../src/coordinator/transaction/transaction-listing.ts";
import { ErrorCode, errorName } from "../../../src/protocol/error-code.ts";
import { T0, T1, TransactionDriver, U0 } from "./transaction-driver.ts";

/** Ids in each state that can be seen. */
function start(): TransactionDriver {
  const driver = new TransactionDriver().start();
  const begin = (transactionalId: string): string => {
    const producer = driver.now(driver.init(null, { transactionalId }));
    driver.now(driver.add(producer, [T0, U0, T1], 2, transactionalId));
    return producer;
  };
  driver.now(driver.init(null, { transactionalId: "empty" }));
  begin("open");
  driver.now(driver.end(begin("committed"), "commit", 2, "committed"));
  driver.now(driver.end(begin("aborted"), "abort", 2, "aborted"));
  driver.partitions.errors.set("t-1", ErrorCode.NOT_LEADER_OR_FOLLOWER);
  driver.now(driver.end(begin("committing"), "commit", 2, "committing"));
  driver.now(driver.end(begin("aborting"), "abort", 2, "aborting"));
  return driver;
}

function list(driver: TransactionDriver, request: Partial<ListTransactionsRequest> = {}) {
  const { errorCode, unknownStateFilters, transactionStates } = driver.now(
    driver.coordinator.list({
      stateFilters: [],
      producerIdFilters: [],
      durationFilter: -1,
      transactionalIdPattern: null,
      ...request,
    }),
  );
  if (errorCode !== ErrorCode.NONE) return errorName(errorCode);
  const ids = transactionStates.map(({ transactionalId }) => transactionalId).sort();
  return [...unknownStateFilters.map((name) => `?${name}`), ...ids].join(" ");
}

const ALL = "aborted aborting committed committing empty open";

describe("ListTransactions", () => {
  test.each<[string, Partial<ListTransactionsRequest>, string]>([
    ["all", {}, ALL],
    ["a state", { stateFilters: ["Ongoing"] }, "open"],
    ["states", { stateFilters: ["PrepareCommit", "Empty"] }, "committing empty"],
    ["a state of nobody", { stateFilters: ["Dead"] }, ""],
    ["an unknown state", { stateFilters: ["ongoing", "ongoing", "Empty"] }, "?ongoing empty"],
    ["producers", { producerIdFilters: [100, 102, 999] }, "committed empty"],
    ["everything", { producerIdFilters: [100], stateFilters: ["Ongoing"] }, ""],
    ["no duration", { durationFilter: 0 }, "empty"],
    ["a pattern", { transactionalIdPattern: "(committ|abort)ing" }, "aborting committing"],
    ["a pattern of a part", { transactionalIdPattern: "commit" }, ""],
    ["an empty pattern", { transactionalIdPattern: "" }, ALL],
    ["no pattern", { transactionalIdPattern: "[" }, "INVALID_REGULAR_EXPRESSION"],
    [
      "a large pattern",
      { transactionalIdPattern: "\\pN{900}".repeat(100) },
      "INVALID_REGULAR_EXPRESSION",
    ],
  ])("by %s", (_what, request, wanted) => {
    expect(list(start(), request)).toBe(wanted);
  });

  test("by duration: what never began has begun long ago, as in Kafka", () => {
    const driver = start();
    driver.clock.advance(20);
    expect(list(driver, { durationFilter: 19 })).toBe(ALL);
    expect(list(driver, { durationFilter: 20 })).toBe("empty");
  });

  test("lets others work while a hostile pattern is matched", () => {
    const driver = new TransactionDriver().start();
    for (let index = 0; index < 200; index++) {
      driver.now(driver.init(null, { transactionalId: "a".repeat(200) + index }));
    }
    const started = driver.clock.monotonicMs();
    expect(list(driver, { transactionalIdPattern: "(?:a?){100}a{100}[0-9]*" })).not.toBe("");
    expect(driver.clock.monotonicMs()).toBe(started);
  });

  test("is not whole while a partition is read", () => {
    const driver = start();
    const log = driver.log.reopened();
    log.holdsReads = true;
    const next = driver.restarted({ log });
    expect(list(next)).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    log.releaseReads();
    next.clock.settle();
    expect(list(next)).toBe(ALL);
    next.coordinator.stop();
    expect(list(next)).toBe("COORDINATOR_NOT_AVAILABLE");
  });
});

test("DescribeTransactions tells what each has, and what still waits for its marker", () => {
  const driver = start();
  expect(driver.state("empty")).toBe("Empty 100/0");
  expect(driver.state("open")).toBe("Ongoing 101/0 t-0 t-1 u-0");
  expect(driver.state("committed")).toBe("CompleteCommit 102/1");
  expect(driver.state("aborted")).toBe("CompleteAbort 103/1");
  expect(driver.state("committing")).toBe("PrepareCommit 104/1 t-1");
  expect(driver.state("aborting")).toBe("PrepareAbort 105/1 t-1");
  expect(driver.state("nobody")).toBe("TRANSACTIONAL_ID_NOT_FOUND");
  expect(driver.state("")).toBe("INVALID_REQUEST");
  expect(driver.now(driver.coordinator.describe("empty"))).toMatchObject({
    transactionStartTimeMs: -1,
    transactionTimeoutMs: 60_000,
  });
  driver.coordinator.stop();
  expect(driver.state("open")).toBe("COORDINATOR_NOT_AVAILABLE");
});
