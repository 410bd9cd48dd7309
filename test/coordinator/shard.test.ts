import { describe, expect, test } from "bun:test";
import type { Logger } from "../../src/base/logger.ts";
import { createLogger } from "../../src/base/logger.ts";
import { DiskError } from "../../src/base/world.ts";
import { answered, type Effects, type Outcome } from "../../src/coordinator/outcome.ts";
import type { RecordCodec } from "../../src/coordinator/record-codec.ts";
import { CoordinatorRuntime } from "../../src/coordinator/runtime.ts";
import type { CoordinatorState, ShardContext } from "../../src/coordinator/shard.ts";
import { CompressionType } from "../../src/protocol/compression.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { compressionOf, recordCount } from "../../src/protocol/record-batch.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { FakeCoordinatorLog } from "./fake-coordinator-log.ts";

/** The simplest coordinator: it remembers words, in the order of the log. */
class Words implements CoordinatorState<string> {
  readonly words: string[] = [];
  readonly offsets: number[] = [];
  events: string[] = [];

  constructor(readonly context: ShardContext<string>) {}

  apply(record: string, offset: number): void {
    this.words.push(record);
    this.offsets.push(offset);
  }

  endTransaction(): void {}

  loaded(): void {
    this.events.push("loaded");
  }

  unloaded(): void {
    this.events.push("unloaded");
  }
}

const wordCodec: RecordCodec<string> = {
  encode: (word) => ({ key: Buffer.from(word), value: Buffer.from([1]) }),
  decode: (key) => (key.toString() === "?" ? "unknown" : key.toString()),
};

function start({ log = new FakeCoordinatorLog(), compression = 0 as CompressionType } = {}) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const logger: Logger = createLogger(clock, "info", (line) => void lines.push(line));
  const states: Words[] = [];
  const runtime = new CoordinatorRuntime<Words, string>({
    topic: "words",
    clock,
    logger,
    codec: wordCodec,
    createState: (context) => {
      const state = new Words(context);
      states.push(state);
      return state;
    },
    commitTimeoutMs: 5_000,
    loadSizeMax: 1_000,
    compression,
    baseSequence: 0,
    appendLingerMs: () => -1,
    partitionCount: () => 1,
    stoppedError: ErrorCode.NOT_COORDINATOR,
  });
  const run = <T>(operation: (state: Words) => Outcome<string, T>): Answer<T | number> => {
    clock.settle();
    return answerOf(
      clock,
      runtime.run<T | number>(0, operation, (error) => error),
    );
  };
  const write = (...records: string[]): Answer<string | number> =>
    run(() => ({ records, response: records.join(" ") }));
  const read = (): Answer<string | number> => run((state) => answered(state.words.join(" ")));
  return { clock, log, lines, states, runtime, run, write, read };
}

interface Answer<T> {
  readonly value: T | "waits";
}

function answerOf<T>(clock: FakeClock, promise: Promise<T>): Answer<T> {
  let value: T | "waits" = "waits";
  promise.then((answer) => (value = answer));
  clock.settle();
  return {
    get value() {
      clock.settle();
      return value;
    },
  };
}

function started(options?: Parameters<typeof start>[0]) {
  const all = start(options);
  all.runtime.elected(0, 1, all.log);
  all.clock.settle();
  return all;
}

describe("an operation", () => {
  test("is applied at once and answered when it is committed", () => {
    const { log, states, write } = started();
    log.commitsAtOnce = false;
    const answer = write("a", "b");
    expect(states[0]!.words).toEqual(["a", "b"]);
    expect(answer.value).toBe("waits");
    log.commit();
    expect(answer.value).toBe("a b");
  });

  test("that only reads waits for what it has seen to be committed", () => {
    const { log, write, read } = started();
    log.commitsAtOnce = false;
    write("a");
    const answer = read();
    expect(answer.value).toBe("waits");
    log.commit();
    expect(answer.value).toBe("a");
    expect(read().value).toBe("a");
  });

  test("waits for its own batch and those before it, and for none behind", () => {
    const { log, write } = started();
    log.commitsAtOnce = false;
    const [a, b] = [write("a"), write("b")];
    log.commit(1);
    expect([a.value, b.value]).toEqual(["a", "waits"]);
    log.commit(2);
    expect(b.value).toBe("b");
  });

  test("shares a batch with all others of its turn", () => {
    const { clock, log, runtime } = started();
    for (const word of ["a", "b", "c"]) {
      void runtime.run<unknown>(
        0,
        () => ({ records: [word], response: 0 }),
        (error) => error,
      );
    }
    expect(log.batches).toHaveLength(0);
    clock.settle();
    expect(log.batches.map((batch) => recordCount(batch, 0))).toEqual([3]);
  });

  test("may answer later than its records are committed, and never earlier", () => {
    const { clock, log, run } = started();
    log.commitsAtOnce = false;
    const early = Promise.withResolvers<string>();
    const answer = run(() => ({ records: ["a"], response: early.promise }));
    early.resolve("done");
    expect(answer.value).toBe("waits");
    log.commit();
    expect(answer.value).toBe("done");
    const late = Promise.withResolvers<string>();
    const other = run(() => answered(late.promise));
    clock.advance(60_000);
    expect(other.value).toBe("waits");
    late.resolve("now");
    expect(other.value).toBe("now");
  });

  test("is told when its records are applied", () => {
    const { run } = started();
    const seen: string[] = [];
    run((state) => ({
      records: ["a"],
      applied: () => seen.push(state.words.join()),
      response: 0,
    }));
    expect(seen).toEqual(["a"]);
  });

  test("knows the offsets that its records have in the log", () => {
    const { log, states, write } = started();
    write("a", "b");
    write("c");
    expect(states[0]!.offsets).toEqual([0, 1, 2]);
    const offsets = log.batches.flatMap((batch) =>
      readRecords(batch, 0).map(({ offset }) => offset),
    );
    expect(offsets).toEqual([0, 1, 2]);
  });
});

describe("the log refuses", () => {
  test("because this node may not write now: nothing is applied, nobody is dropped", () => {
    const { log, states, run, read } = started();
    log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    const refused: number[] = [];
    const answer = run(() => ({
      records: ["a"],
      refused: (error) => refused.push(error),
      response: "x",
    }));
    expect(answer.value).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(refused).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE]);
    log.refused = ErrorCode.NONE;
    expect(read().value).toBe("");
    expect(states).toHaveLength(1);
  });

  test("an atomic operation that is larger than a batch may be", () => {
    const { log, write, read } = started();
    log.batchSizeMax = 200;
    expect(write("a".repeat(100), "b".repeat(100)).value).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(read().value).toBe("");
    expect(write("small").value).toBe("small");
  });

  test("one record that is too large, even where records may be spread", () => {
    const { log, run, read } = started();
    log.batchSizeMax = 200;
    const records = ["a", "b".repeat(200)];
    const answer = run(() => ({ records, isAtomic: false, response: "x" }));
    expect(answer.value).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(read().value).toBe("");
  });
});

describe("a batch", () => {
  test("is closed before it would be too large", () => {
    const { clock, log, runtime } = started();
    log.batchSizeMax = 300;
    for (let index = 0; index < 5; index++) {
      const records = [`${index}`.repeat(60)];
      void runtime.run<unknown>(
        0,
        () => ({ records, response: 0 }),
        (error) => error,
      );
    }
    clock.settle();
    expect(log.batches.map((batch) => recordCount(batch, 0))).toEqual([2, 2, 1]);
  });

  test("takes as many records as there are where an operation need not be atomic", () => {
    const { log, run, read } = started();
    log.batchSizeMax = 300;
    const records = Array.from({ length: 7 }, (_, index) => `${index}`.repeat(60));
    const answer = run(() => ({ records, isAtomic: false, response: "done" }));
    expect(answer.value).toBe("done");
    expect(log.batches.length).toBeGreaterThan(2);
    expect(read().value).toBe(records.join(" "));
  });

  test("is compressed as the setting says, and may then hold more", () => {
    const all = started({ compression: CompressionType.GZIP });
    all.log.batchSizeMax = 300;
    const word = "a".repeat(2_000);
    expect(all.write(word).value).toBe(word);
    expect(compressionOf(all.log.batches[0]!, 0)).toBe(CompressionType.GZIP);
    const again = started({ log: all.log.reopened() });
    expect(again.read().value).toBe(word);
    // What cannot be compressed enough is refused all the same.
    const noise = Array.from({ length: 2_000 }, (_, index) =>
      String.fromCharCode((33 + ((index * 7919) % 90)) ^ (index % 7)),
    );
    expect(all.write(noise.join("")).value).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
  });
});

describe("an append that fails", () => {
  test("fails all that waits for it, and the state is read from the log again", () => {
    const { clock, log, states, write, read } = started();
    write("kept");
    log.commitsAtOnce = false;
    const [a, b, seen] = [write("a"), write("b"), read()];
    log.loseUncommitted(ErrorCode.UNKNOWN_SERVER_ERROR);
    log.commitsAtOnce = true;
    expect([a.value, b.value, seen.value]).toEqual([-1, -1, -1]);
    expect(states[0]!.events).toEqual(["loaded", "unloaded"]);
    clock.settle();
    expect(states).toHaveLength(2);
    expect(read().value).toBe("kept");
    expect(write("c").value).toBe("c");
    expect(states[1]!.words).toEqual(["kept", "c"]);
  });

  test("for a storage error sends clients to another coordinator", () => {
    const { log, write } = started();
    log.commitsAtOnce = false;
    const a = write("a");
    log.loseUncommitted(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(a.value).toBe(ErrorCode.NOT_COORDINATOR);
  });

  test("for an error of the disk is the same", () => {
    const { clock, log, write, read } = started();
    log.commitsAtOnce = false;
    const a = write("a");
    log.throwAtWaiting(new DiskError("EIO", "/data/words-0/0.log", "write"));
    log.commit();
    expect(a.value).toBe(ErrorCode.NOT_COORDINATOR);
    clock.settle();
    expect(read().value).toBe("a");
  });

  test("for want of leadership waits to be told who leads", () => {
    const { clock, log, states, runtime, write, read } = started();
    log.commitsAtOnce = false;
    const a = write("a");
    log.loseUncommitted(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    clock.advance(60_000);
    expect([a.value, read().value]).toEqual([ErrorCode.NOT_COORDINATOR, ErrorCode.NOT_COORDINATOR]);
    expect(states).toHaveLength(1);
    runtime.elected(0, 3, log);
    expect(read().value).toBe("");
    expect(states).toHaveLength(2);
  });

  test("after which the records turn out to be in the log is what the log says", () => {
    const { clock, log, read, write } = started();
    log.commitsAtOnce = false;
    expect(write("a").value).toBe("waits");
    log.failWaiting(ErrorCode.UNKNOWN_SERVER_ERROR);
    clock.settle();
    // They are in the log, and not committed: a reader must not see them yet.
    const seen = read();
    expect(seen.value).toBe("waits");
    log.commit();
    expect(seen.value).toBe("a");
  });

  test("behind somebody else's write is not even tried: the state is read again", () => {
    const { log, read, write, clock } = started();
    write("a");
    log.write(buildBatch({ records: [{ timestamp: 0, key: Buffer.from("b"), value: null }] }));
    expect(write("c").value).toBe(ErrorCode.NOT_COORDINATOR);
    clock.settle();
    expect(read().value).toBe("a b");
  });

  test("behind somebody else's write ends an operation of many batches as well", () => {
    const { clock, log, read, run } = started();
    log.write(buildBatch({ records: [{ timestamp: 0, key: Buffer.from("b"), value: null }] }));
    log.batchSizeMax = 200;
    const records = ["c", "d", "e"].map((word) => word.repeat(80));
    const answer = run(() => ({ records, isAtomic: false, response: "done" }));
    expect(answer.value).toBe(ErrorCode.NOT_COORDINATOR);
    clock.settle();
    expect(read().value).toBe("b");
    expect(log.batches).toHaveLength(1);
  });
});

test("an answer does not wait longer than the commit timeout; its records may be committed later", () => {
  const { clock, log, write, read } = started();
  log.commitsAtOnce = false;
  const a = write("a");
  clock.advance(3_000);
  const b = write("b");
  clock.advance(1_999);
  expect(a.value).toBe("waits");
  clock.advance(1);
  expect([a.value, b.value]).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE, "waits"]);
  clock.advance(3_000);
  expect(b.value).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  log.commit();
  expect(read().value).toBe("a b");
});

describe("loading", () => {
  test("is under way: COORDINATOR_LOAD_IN_PROGRESS", () => {
    const log = new FakeCoordinatorLog();
    log.write(buildBatch({ records: [{ timestamp: 0, key: Buffer.from("a"), value: null }] }));
    log.holdsReads = true;
    const { read } = started({ log });
    expect(read().value).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    log.releaseReads();
    expect(read().value).toBe("a");
  });

  test("reads a long log in pieces, and what is appended meanwhile", () => {
    const before = started();
    const words = Array.from({ length: 50 }, (_, index) => `word${index}`.padEnd(90, "."));
    for (const word of words) before.write(word);
    const log = before.log.reopened();
    const { clock, read } = started({ log });
    log.write(buildBatch({ records: [{ timestamp: 0, key: Buffer.from("late"), value: null }] }));
    clock.settle();
    expect(read().value).toBe([...words].join(" "));
    const again = started({ log: log.reopened() });
    expect(again.read().value).toBe([...words, "late"].join(" "));
    expect(log.readCount).toBeGreaterThan(5);
  });

  test("begins at the start of the log, within a batch if need be", () => {
    const before = started();
    before.write("a", "b", "c");
    before.write("d");
    const log = before.log.reopened();
    log.logStartOffset = 2;
    expect(started({ log }).read().value).toBe("c d");
  });

  test("ends where compaction left nothing, though the log goes on", () => {
    const log = new FakeCoordinatorLog();
    const { write } = started({ log });
    write("a", "b");
    // Behind it there were tombstones, and all of them are gone.
    log.logEndOffset = 9;
    log.commit();
    const again = started({ log: log.reopened() });
    expect(again.read().value).toBe("a b");
    expect(again.write("c").value).toBe("c");
    expect(again.log.batches.length).toBe(2);
  });

  test("passes over records of a type that it does not know, and says so", () => {
    const before = started();
    before.write("a", "?", "b");
    const { read, lines } = started({ log: before.log.reopened() });
    expect(read().value).toBe("a b");
    expect(lines.filter((line) => line.includes("unknown type"))).toHaveLength(1);
  });

  test("that fails is tried again after a while", () => {
    const before = started();
    before.write("a");
    const log = before.log.reopened();
    log.readError = ErrorCode.KAFKA_STORAGE_ERROR;
    const { clock, read, lines } = started({ log });
    expect(read().value).toBe(ErrorCode.NOT_COORDINATOR);
    expect(lines.filter((line) => line.includes("cannot be loaded"))).toHaveLength(1);
    log.readError = null;
    clock.advance(5_000);
    expect(read().value).toBe("a");
  });

  test("of bytes that are no records fails, and tells why", () => {
    const log = new FakeCoordinatorLog();
    log.write(buildBatch({ records: [{ timestamp: 0, key: null, value: null }] }));
    const { read, lines } = started({ log });
    expect(read().value).toBe(ErrorCode.NOT_COORDINATOR);
    expect(lines.at(-1)).toContain("words-0: cannot be loaded: record 0 has no key");
  });

  test("of a damaged batch fails: nobody is told an older state", () => {
    const before = started();
    before.write("a");
    before.write("b");
    const log = before.log.reopened();
    const batch = log.batches[0]!;
    batch[batch.length - 1]! ^= 1;
    const { read, lines } = started({ log });
    expect(read().value).toBe(ErrorCode.NOT_COORDINATOR);
    expect(lines.at(-1)).toContain("words-0: cannot be loaded: a damaged batch at offset 0");
  });

  test("of what is not committed yet holds up reads until it is", () => {
    const before = started();
    before.write("a");
    const log = before.log.reopened();
    log.highWatermark = 0;
    log.commitsAtOnce = false;
    const { read } = started({ log });
    const answer = read();
    expect(answer.value).toBe("waits");
    log.commit();
    expect(answer.value).toBe("a");
  });

  test("is one at a time, in the order of the elections", () => {
    const { clock, runtime } = start();
    const logs = [0, 1, 2].map(() => {
      const log = new FakeCoordinatorLog();
      log.write(buildBatch({ records: [{ timestamp: 0, key: Buffer.from("a"), value: null }] }));
      log.holdsReads = true;
      return log;
    });
    logs.forEach((log, partition) => runtime.elected(partition, 1, log));
    clock.settle();
    expect(logs.map((log) => log.readCount)).toEqual([1, 0, 0]);
    logs[0]!.releaseReads();
    clock.settle();
    expect(logs.map((log) => log.readCount)).toEqual([1, 1, 0]);
  });
});

describe("leadership", () => {
  test("that this node does not have is NOT_COORDINATOR", () => {
    const { read, runtime, log, states } = start();
    expect(read().value).toBe(ErrorCode.NOT_COORDINATOR);
    runtime.elected(0, 5, log);
    expect(read().value).toBe("");
    runtime.resigned(0, 4);
    expect(read().value).toBe("");
    runtime.resigned(0, 6);
    expect(read().value).toBe(ErrorCode.NOT_COORDINATOR);
    expect(states[0]!.events).toEqual(["loaded", "unloaded"]);
  });

  test("that is lost fails what waits", () => {
    const { log, runtime, write } = started();
    log.commitsAtOnce = false;
    const a = write("a");
    runtime.resigned(0, null);
    expect(a.value).toBe(ErrorCode.NOT_COORDINATOR);
    // Nobody minds what becomes of it then.
    log.commit();
    expect(a.value).toBe(ErrorCode.NOT_COORDINATOR);
  });

  test("that is lost during a load ends the load", () => {
    const log = new FakeCoordinatorLog();
    log.write(buildBatch({ records: [{ timestamp: 0, key: Buffer.from("a"), value: null }] }));
    log.holdsReads = true;
    const { clock, runtime, read, states } = started({ log });
    runtime.resigned(0, null);
    log.releaseReads();
    clock.settle();
    expect(states[0]!.words).toEqual([]);
    expect(read().value).toBe(ErrorCode.NOT_COORDINATOR);
  });

  test("that goes on in a later epoch keeps the state", () => {
    const { runtime, log, states, write, read } = started();
    write("a");
    runtime.elected(0, 2, log);
    runtime.elected(0, 1, log);
    expect(read().value).toBe("a");
    expect(states).toHaveLength(1);
  });

  test("that comes back with another log reads that", () => {
    const { runtime, write, read, states } = started();
    write("a");
    runtime.elected(0, 2, new FakeCoordinatorLog());
    expect(read().value).toBe("");
    expect(states[0]!.events).toEqual(["loaded", "unloaded"]);
  });
});

describe("a deadline of a shard", () => {
  test("writes what it gives back", () => {
    const { clock, states, read } = started();
    const { context } = states[0]!;
    const effects: Effects<string> = { records: ["late"] };
    context.deadline(() => effects).set(1_000);
    clock.advance(1_000);
    expect(read().value).toBe("late");
  });

  test("is gone with its state", () => {
    const { clock, log, states, runtime } = started();
    states[0]!.context.deadline(() => ({ records: ["never"] })).set(1_000);
    runtime.stop();
    clock.advance(60_000);
    expect(log.batches).toHaveLength(0);
    expect(clock.timerCount).toBe(0);
  });
});

test("an operation on all shards answers for each", () => {
  const { clock, runtime } = started();
  const loading = new FakeCoordinatorLog();
  loading.write(buildBatch({ records: [{ timestamp: 0, key: Buffer.from("a"), value: null }] }));
  loading.holdsReads = true;
  runtime.elected(1, 1, loading);
  const answers = clock.await(
    runtime.runAll<number>(
      () => answered(7),
      (error) => error,
    ),
    0,
  );
  expect(answers).toEqual([7, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]);
});
