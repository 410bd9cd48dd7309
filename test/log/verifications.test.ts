import { describe, expect, test } from "bun:test";
import type { Log } from "../../src/log/log.ts";
import { Verification, Verifications } from "../../src/log/verifications.ts";
import { buildEndTransactionMarker } from "../../src/protocol/control-record.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import { batchOf, hostOf, openTestLog } from "./log-fixture.ts";

const { NONE, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE } = ErrorCode;
const ID = 1000;

async function verifyingLog(): Promise<Log> {
  return openTestLog({ ...hostOf(fakeWorld()), verifiesTransactions: true });
}

interface Claim {
  readonly sequence?: number;
  readonly epoch?: number;
  readonly isTransactional?: boolean;
}

function produce(log: Log, verification: Verification | null, claim: Claim = {}): ErrorCode {
  const { sequence = 0, epoch = 0, isTransactional = true } = claim;
  const header = { producerId: ID, producerEpoch: epoch, baseSequence: sequence, isTransactional };
  const options = { leaderEpoch: 0, origin: "client", nowMs: 1000, verification } as const;
  return log.appendAsLeader(batchOf(header), options).errorCode;
}

function mark(log: Log, epoch: number, transactionVersion: number): ErrorCode {
  const bytes = buildEndTransactionMarker({
    isCommit: false,
    producerId: ID,
    producerEpoch: epoch,
    coordinatorEpoch: 0,
    timestamp: 1000,
  });
  const options = { leaderEpoch: 0, origin: "coordinator", nowMs: 1000 } as const;
  return log.appendAsLeader(bytes, { ...options, transactionVersion }).errorCode;
}

function started(log: Log, claim: Claim & { bumps?: boolean } = {}): Verification {
  const { sequence = 0, epoch = 0, bumps = false } = claim;
  const verification = log.startVerification(ID, sequence, epoch, bumps);
  if (!(verification instanceof Verification)) throw new Error("nothing to verify");
  return verification;
}

describe("the first batch of a transaction", () => {
  test("needs the verification that was started for it", async () => {
    const log = await verifyingLog();
    expect(produce(log, null)).toBe(INVALID_TXN_STATE);
    const verification = started(log);
    expect(produce(log, null)).toBe(INVALID_TXN_STATE);
    expect(produce(log, new Verification(0, 0, 0, false))).toBe(INVALID_TXN_STATE);
    expect(produce(log, verification)).toBe(NONE);
    // The transaction is open: those behind it are believed.
    expect(log.startVerification(ID, 1, 0, false)).toBeNull();
    expect(produce(log, null, { sequence: 1 })).toBe(NONE);
    expect(produce(log, null, { sequence: 2, isTransactional: false })).toBe(INVALID_TXN_STATE);
  });

  test("is refused when a marker came between the question and the answer", async () => {
    const log = await verifyingLog();
    const late = started(log);
    expect(mark(log, 0, 1)).toBe(NONE);
    expect(produce(log, late)).toBe(INVALID_TXN_STATE);
    // Nor does another beginning make the late answer good.
    started(log);
    expect(produce(log, late)).toBe(INVALID_TXN_STATE);
  });

  test("of the next epoch outlives the marker of the one before", async () => {
    const log = await verifyingLog();
    expect(produce(log, started(log, { bumps: true }))).toBe(NONE);
    const next = started(log, { epoch: 1, bumps: true });
    expect(mark(log, 1, 2)).toBe(NONE);
    expect(produce(log, next, { epoch: 1 })).toBe(NONE);
    expect(mark(log, 1, 2)).toBe(INVALID_PRODUCER_EPOCH);
    expect(mark(log, 2, 2)).toBe(NONE);
    expect(mark(log, 2, 2)).toBe(NONE);
  });

  test("of an old epoch is refused before the coordinator is asked", async () => {
    const log = await verifyingLog();
    expect(produce(log, started(log, { epoch: 3 }), { epoch: 3 })).toBe(NONE);
    expect(log.startVerification(ID, 0, 2, false)).toMatchObject({
      errorCode: INVALID_PRODUCER_EPOCH,
    });
    expect(produce(log, null, { epoch: 2 })).toBe(INVALID_PRODUCER_EPOCH);
  });

  test("is not overtaken by the one behind it, whose turn it is not", async () => {
    const log = await verifyingLog();
    const first = started(log, { sequence: 5 });
    const second = started(log, { sequence: 6 });
    expect(second).toBe(first);
    expect(produce(log, second, { sequence: 6 })).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(produce(log, first, { sequence: 5 })).toBe(NONE);
    expect(produce(log, null, { sequence: 6 })).toBe(NONE);
  });

  test("begins at 0 where each transaction has its own epoch", async () => {
    const log = await verifyingLog();
    const refused = started(log, { sequence: 5, bumps: true });
    expect(produce(log, refused, { sequence: 5 })).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
    const good = started(log, { sequence: 0, bumps: true });
    expect(produce(log, good)).toBe(NONE);
    expect(mark(log, 1, 2)).toBe(NONE);
    const next = started(log, { epoch: 1, sequence: 4, bumps: true });
    expect(produce(log, next, { epoch: 1, sequence: 4 })).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER);
  });

  test("may be retried, and is told where it lies", async () => {
    const log = await verifyingLog();
    expect(produce(log, started(log))).toBe(NONE);
    expect(mark(log, 0, 1)).toBe(NONE);
    // The answer to the first got lost; its transaction is over, and it is still the same batch.
    expect(produce(log, null)).toBe(NONE);
    expect(log.logEndOffset).toBe(2);
  });
});

describe("markers", () => {
  test("of the last epoch there is may end what should never have begun", async () => {
    const log = await verifyingLog();
    expect(produce(log, started(log, { epoch: 32767 }), { epoch: 32767 })).toBe(NONE);
    expect(mark(log, 32767, 2)).toBe(NONE);
    expect(log.state.producers.state.firstUndecidedOffset).toBe(-1);
  });
});

describe("verifications", () => {
  test("are limited in number, and given up in time", () => {
    const verifications = new Verifications();
    const first = verifications.start(0, 0, 0, true, 1);
    for (let id = 1; id < 10_001; id++) verifications.start(id, 0, 0, true, id);
    expect(verifications.count).toBe(10_000);
    expect(verifications.get(0)).toBeUndefined();
    expect(verifications.start(0, 0, 0, true, 20_000)).not.toBe(first);
    verifications.removeExpired(20_000, 10_500);
    expect(verifications.count).toBe(10_000 - 9_499);
  });
});
