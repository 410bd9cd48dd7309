import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../../src/base/logger.ts";
import { NodeError } from "../../../src/client/node-error.ts";
import { LeaderFetcher } from "../../../src/partition/replication/leader-fetcher.ts";
import { DiskError } from "../../../src/base/world.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import type { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import type { Input, Value } from "../../../src/protocol/schema.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { FakeLeader, FakeReplica } from "./fake-replica.ts";

const BACKOFF_MS = 1000;

describe("a fetcher", () => {
  test("names all partitions once, and then those that have moved", () => {
    const { fetcher, leader, clock } = setUp();
    const [a, b] = [new FakeReplica("a"), new FakeReplica("b")];
    a.lastEpoch = 0;
    a.end = 7;
    fetcher.add(a, 0);
    fetcher.add(b, 0);
    clock.settle();
    expect(named(leader)).toEqual(["a-0@7/0", "b-0@0/-1"]);
    // It waits for nothing, so that there is a session soon.
    expect(lastRequest(leader)).toMatchObject({ sessionId: 0, sessionEpoch: 0, maxWaitMs: 0 });
    answer(leader, [of(a, { records: "xyz", highWatermark: 9 }), of(b, {})]);
    expect(a).toMatchObject({ end: 10, highWatermark: 9 });
    expect(named(leader)).toEqual(["a-0@10/0"]);
    const incremental = { sessionId: SESSION, sessionEpoch: 1, maxWaitMs: 500 };
    expect(lastRequest(leader)).toMatchObject(incremental);
    answer(leader, []);
    expect(named(leader)).toEqual([]);
    expect(lastRequest(leader)).toMatchObject({ sessionId: SESSION, sessionEpoch: 2 });
    expect(fetcher).toMatchObject({ receivedBytes: 3, answerCount: 2, lagMax: 0 });
  });

  test("asks for what it wanted to, though a partition left before the connection stood", () => {
    const { fetcher, leader, clock } = setUp();
    const [a, b] = [new FakeReplica("a"), new FakeReplica("b")];
    const { promise, resolve } = Promise.withResolvers<void>();
    leader.opened = promise;
    fetcher.add(a, 0);
    fetcher.add(b, 0);
    clock.settle();
    fetcher.remove(a);
    leader.opened = null;
    resolve();
    clock.settle();
    expect(named(leader)).toEqual(["a-0@0/-1", "b-0@0/-1"]);
    answer(leader, [of(a, { records: "x" }), of(b, {})]);
    expect(a.end).toBe(0);
    expect(forgotten(leader)).toEqual([a.topicId]);
  });

  test("says who it is, and how much it takes", () => {
    const { fetcher, leader, clock } = setUp();
    fetcher.add(new FakeReplica("a"), 0);
    clock.settle();
    expect(lastRequest(leader)).toMatchObject({
      replicaState: { replicaId: 2, replicaEpoch: 77 },
      minBytes: 1,
      maxBytes: 1000,
      isolationLevel: 0,
      topics: [{ partitions: [{ partitionMaxBytes: 100, currentLeaderEpoch: 0 }] }],
    });
  });

  test("asks on in the very call in which the records came", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    fetcher.add(a, 0);
    clock.settle();
    const { length } = leader.asked;
    answer(leader, [of(a, { records: "x" })]);
    expect(leader.asked.length).toBe(length + 1);
  });

  test("does not promise what flush.messages has not made safe yet", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    const { promise, resolve } = Promise.withResolvers<void>();
    a.flushed = promise;
    fetcher.add(a, 0);
    clock.settle();
    answer(leader, [of(a, { records: "x" })]);
    clock.settle();
    expect(leader.asked.length).toBe(1);
    resolve();
    clock.settle();
    expect(named(leader)).toEqual(["a-0@1/0"]);
  });

  test("goes on with the others where one cannot be made safe", () => {
    const { fetcher, leader, clock } = setUp();
    const [a, b] = [new FakeReplica("a"), new FakeReplica("b")];
    const { promise, reject } = Promise.withResolvers<void>();
    a.flushed = promise;
    fetcher.add(a, 0);
    fetcher.add(b, 0);
    clock.settle();
    answer(leader, [of(a, { records: "x" }), of(b, { records: "x" })]);
    reject(new DiskError("EIO", "a", "sync"));
    clock.settle();
    expect(named(leader)).toEqual(["b-0@1/0"]);
    clock.advance(60_000);
    answer(leader, [of(b, { records: "x" })]);
    clock.settle();
    expect(named(leader)).toEqual(["b-0@2/0"]);
  });

  test("leaves out one that fails, and asks for it again later; the others go on", () => {
    const { fetcher, leader, clock } = setUp();
    const [a, b] = [new FakeReplica("a"), new FakeReplica("b")];
    fetcher.add(a, 0);
    fetcher.add(b, 0);
    clock.settle();
    clock.advance(0.25);
    answer(leader, [of(a, { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }), of(b, {})]);
    clock.advance(0.25);
    answer(leader, []);
    expect(named(leader)).toEqual([]);
    // It shall not wait at the leader for longer than a has to.
    expect(lastRequest(leader).maxWaitMs).toBe(10);
    clock.advance(5);
    answer(leader, [of(b, { records: "x" })]);
    expect(named(leader)).toEqual(["b-0@1/0"]);
    clock.advance(5);
    answer(leader, [of(b, { records: "x" })]);
    expect(named(leader).sort()).toEqual(["a-0@0/-1", "b-0@2/0"]);
  });

  test("waits twice as long after each failure, up to the backoff", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    fetcher.add(a, 0);
    clock.settle();
    const waitsMs: number[] = [];
    for (let count = 0; count < 10; count++) {
      answer(leader, [of(a, { errorCode: ErrorCode.UNKNOWN_TOPIC_ID })]);
      const { length } = leader.asked;
      const startMs = clock.monotonicMs();
      clock.advanceUntil(() => leader.asked.length > length);
      waitsMs.push(clock.monotonicMs() - startMs);
    }
    expect(waitsMs).toEqual([10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
  });

  test("does not ask again for one whose leader knows a later epoch, until it does too", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    fetcher.add(a, 0);
    clock.settle();
    answer(leader, [of(a, { errorCode: ErrorCode.FENCED_LEADER_EPOCH })]);
    expect(fetcher.failedCount).toBe(1);
    const { length } = leader.asked;
    clock.advance(60_000);
    expect(leader.asked.length).toBe(length);
    a.leaderEpoch = 1;
    fetcher.add(a, 1);
    clock.settle();
    expect(named(leader)).toEqual(["a-0@0/-1"]);
    expect(fetcher.failedCount).toBe(0);
  });

  test("fetches batches again that came damaged", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    fetcher.add(a, 0);
    clock.settle();
    a.appendError = ErrorCode.CORRUPT_MESSAGE;
    answer(leader, [of(a, { records: "x" })]);
    a.appendError = ErrorCode.NONE;
    clock.advance(10);
    expect(named(leader)).toEqual(["a-0@0/-1"]);
  });

  test("cuts what the leader does not have, and goes on from there", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    Object.assign(a, { end: 9, lastEpoch: 3 });
    fetcher.add(a, 0);
    clock.settle();
    answer(leader, [of(a, { divergingEpoch: { epoch: 2, endOffset: 4 }, records: "" })]);
    clock.settle();
    expect(a.calls).toEqual(["cut to 4"]);
    expect(named(leader)).toEqual(["a-0@4/3"]);
  });

  test("aligns itself with a leader whose log lies elsewhere", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    a.end = 9;
    fetcher.add(a, 0);
    clock.settle();
    answer(leader, [of(a, { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE })]);
    expect(leader.asked.slice(-2).map(({ name }) => name)).toEqual(["ListOffsets", "ListOffsets"]);
    for (const [index, offset] of [20, 15].entries()) {
      const partitions = [{ partitionIndex: 0, errorCode: 0, offset }];
      leader.asked
        .at(index - 2)!
        .answer({ throttleTimeMs: 0, topics: [{ name: "a", partitions }] });
    }
    clock.settle();
    expect(a.calls).toEqual(["align with 15 to 20"]);
    expect(named(leader)).toEqual(["a-0@15/-1"]);
  });

  test("drops an answer about a partition that has moved on, and one that left", () => {
    const { fetcher, leader, clock } = setUp();
    const [a, b] = [new FakeReplica("a"), new FakeReplica("b")];
    fetcher.add(a, 0);
    fetcher.add(b, 0);
    clock.settle();
    a.leaderEpoch = 1;
    fetcher.add(a, 1);
    fetcher.remove(b);
    answer(leader, [of(a, { records: "x" }), of(b, { records: "x" })]);
    expect([a.end, b.end]).toEqual([0, 0]);
    expect(lastRequest(leader).topics[0]).toMatchObject({ topicId: a.topicId });
    expect(forgotten(leader)).toEqual([b.topicId]);
  });

  test("does not let a new partition wait behind a fetch that waits", () => {
    const { fetcher, leader, clock } = setUp();
    fetcher.add(new FakeReplica("a"), 0);
    clock.settle();
    answer(leader, [of(new FakeReplica("a"), {})]);
    fetcher.add(new FakeReplica("b"), 0);
    clock.advance(10);
    expect(leader.connectionCount).toBe(2);
    expect(named(leader).sort()).toEqual(["a-0@0/-1", "b-0@0/-1"]);
    // The leader gives up the session that nobody will use any more.
    expect(lastRequest(leader)).toMatchObject({ sessionId: SESSION, sessionEpoch: 0 });
  });

  test("takes all new partitions at once, where they come one after the other", () => {
    const { fetcher, leader, clock } = setUp();
    fetcher.add(new FakeReplica("f"), 0);
    clock.settle();
    answer(leader, [of(new FakeReplica("f"), {})]);
    for (let index = 0; index < 1000; index++) {
      fetcher.add(new FakeReplica("a", index), 0);
      clock.advance(1);
    }
    expect(leader.connectionCount).toBe(1);
    clock.advance(101);
    expect(leader.connectionCount).toBe(2);
    expect(named(leader).length).toBe(1001);
  });

  test("lets the first fetch of a connection come to its end, which waits for nothing", () => {
    const { fetcher, leader, clock } = setUp();
    const [a, b] = [new FakeReplica("a"), new FakeReplica("b")];
    fetcher.add(a, 0);
    clock.settle();
    fetcher.add(b, 0);
    clock.advance(200);
    expect(leader.connectionCount).toBe(1);
    answer(leader, [of(a, {})]);
    expect(lastRequest(leader)).toMatchObject({ sessionEpoch: 1, maxWaitMs: 500 });
    expect(named(leader)).toEqual(["b-0@0/-1"]);
  });

  test("does not ask again and again where the leader gives no session", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    fetcher.add(a, 0);
    clock.settle();
    answer(leader, [of(a, {})], { errorCode: ErrorCode.NONE, sessionId: 0 });
    expect(lastRequest(leader)).toMatchObject({ sessionEpoch: 0, maxWaitMs: 500 });
  });

  test("begins anew when the leader does not know its session, or did not answer", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    fetcher.add(a, 0);
    clock.settle();
    answer(leader, [of(a, { records: "x" })]);
    answer(leader, [], { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0 });
    expect(lastRequest(leader)).toMatchObject({ sessionId: 0, sessionEpoch: 0 });
    expect(named(leader)).toEqual(["a-0@1/0"]);
    answer(leader, [of(a, {})]);
    leader.asked.at(-1)!.fail(new NodeError("timedOut", "no answer"));
    clock.advance(10);
    expect(lastRequest(leader)).toMatchObject({ sessionId: SESSION, sessionEpoch: 0 });
    expect(named(leader)).toEqual(["a-0@1/0"]);
  });

  test("asks in full each time where the leader gives no session", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    fetcher.add(a, 0);
    clock.settle();
    answer(leader, [of(a, {})], { sessionId: 0 });
    expect(named(leader)).toEqual(["a-0@0/-1"]);
    expect(lastRequest(leader)).toMatchObject({ sessionId: 0, sessionEpoch: 0 });
  });

  test("holds back what is throttled, but not who is in sync", () => {
    const throttle = { isExceeded: true, received: 0 };
    const { fetcher, leader, clock } = setUp(throttle);
    const [a, b] = [new FakeReplica("a"), new FakeReplica("b")];
    fetcher.add(a, 0);
    clock.settle();
    expect(leader.asked.length).toBe(0);
    throttle.isExceeded = false;
    clock.advance(100);
    fetcher.add(b, 0);
    clock.advance(10);
    answer(leader, [of(a, { records: "x", highWatermark: 50 }), of(b, { highWatermark: 0 })]);
    throttle.isExceeded = true;
    answer(leader, [of(a, { records: "x", highWatermark: 50 }), of(b, { records: "x" })]);
    expect(named(leader)).toEqual(["b-0@1/0"]);
    expect(forgotten(leader)).toEqual([a.topicId]);
    expect(throttle.received).toBe(3);
  });

  test("asks for nothing any more when it is closed", () => {
    const { fetcher, leader, clock } = setUp();
    const a = new FakeReplica("a");
    fetcher.add(a, 0);
    clock.settle();
    fetcher.close();
    clock.advance(10_000);
    expect(leader.asked.length).toBe(1);
  });
});

const SESSION = 123;

type Response = Input<typeof fetch.response>;
type Answer = Response["responses"][number]["partitions"][number];

function setUp(throttle = { isExceeded: false, received: 0 }) {
  const clock = new FakeClock();
  const leader = new FakeLeader();
  const fetcher = new LeaderFetcher({
    clock,
    logger: silentLogger,
    leaderId: 1,
    address: "leader:9092",
    follower: () => ({ brokerId: 2, brokerEpoch: 77 }),
    connect: () => leader.connect(),
    limits: () => ({
      maxWaitMs: 500,
      minBytes: 1,
      responseBytesMax: 1000,
      partitionBytesMax: 100,
    }),
    backoffMs: () => BACKOFF_MS,
    timeoutMs: () => 30_000,
    quota: {
      holdsBack: () => throttle.isExceeded,
      record: (_, size) => (throttle.received += size),
    },
  });
  return { clock, leader, fetcher };
}

function of(
  { topicId, index }: FakeReplica,
  { records, ...rest }: Partial<Omit<Answer, "records">> & { readonly records?: string },
): Response["responses"][number] {
  const answer = {
    partitionIndex: index,
    errorCode: 0,
    highWatermark: 0,
    abortedTransactions: [],
    records: Buffer.from(records ?? ""),
    ...rest,
  };
  return { topicId, partitions: [answer] };
}

function answer(
  leader: FakeLeader,
  responses: Response["responses"],
  rest: { readonly errorCode?: number; readonly sessionId?: number } = {},
): void {
  const response = { throttleTimeMs: 0, errorCode: 0, sessionId: SESSION, responses, ...rest };
  leader.asked.at(-1)!.answer(response);
}

function lastRequest(leader: FakeLeader): Value<typeof fetch.request> {
  return leader.asked.at(-1)!.request as Value<typeof fetch.request>;
}

function named(leader: FakeLeader): string[] {
  return lastRequest(leader).topics.flatMap(({ topicId, partitions }) =>
    partitions.map(({ partition, fetchOffset, lastFetchedEpoch }) => {
      return `${topicId.at(-2)}-${partition}@${fetchOffset}/${lastFetchedEpoch}`;
    }),
  );
}

function forgotten(leader: FakeLeader): string[] {
  return lastRequest(leader).forgottenTopicsData.map(({ topicId }) => topicId);
}
