import { describe, expect, test } from "bun:test";
import {
  type FetchContext,
  type FetchPartitionAnswer,
  type FetchPartitionRequest,
  FetchSessions,
  type FetchSessionRequest,
} from "../../src/broker/fetch-sessions.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";

const EVICTION_MS = 120_000;

function sessionsOf(sessionsMax: number): FetchSessions {
  let next = 1;
  return new FetchSessions(sessionsMax, EVICTION_MS, () => next++);
}

function partition(topic: string, index: number, fetchOffset = 0): FetchPartitionRequest {
  return {
    topic,
    topicId: "",
    partition: index,
    currentLeaderEpoch: -1,
    fetchOffset,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    partitionMaxBytes: 1024,
  };
}

function request(
  sessionId: number,
  sessionEpoch: number,
  partitions: FetchPartitionRequest[],
  rest: Partial<FetchSessionRequest> = {},
): FetchSessionRequest {
  return {
    sessionId,
    sessionEpoch,
    usesTopicIds: false,
    isFollower: false,
    partitions,
    forgotten: [],
    ...rest,
  };
}

function partitionsOf(context: FetchContext): string[] {
  if (context.kind !== "incremental") throw new Error(`an incremental fetch, not ${context.kind}`);
  return [...context.session.news()].map((p) => `${p.topic}-${p.partition}@${p.fetchOffset}`);
}

describe("FetchSessions", () => {
  test("epoch -1 without a session is answered without one", () => {
    const context = sessionsOf(10).resolve(request(0, -1, [partition("a", 0)]), 0);
    expect(context.kind).toBe("sessionless");
  });

  test("a full fetch makes a session that later requests change", () => {
    const sessions = sessionsOf(10);
    const full = request(0, 0, [partition("a", 0), partition("a", 1), partition("b", 0)]);
    expect(sessions.resolve(full, 0).kind).toBe("full");
    const session = sessions.create(full, 0);
    expect(session?.id).toBe(1);
    const forgotten = [{ topic: "a", topicId: "", partition: 1 }];
    const next = request(1, 1, [partition("a", 0, 7), partition("c", 3)], { forgotten });
    expect(partitionsOf(sessions.resolve(next, 1))).toEqual(["a-0@7", "b-0@0", "c-3@0"]);
    expect(sessions.resolve(request(1, 2, []), 2).kind).toBe("incremental");
  });

  test("a wrong epoch, an unknown id and a change to topic ids are told apart", () => {
    const sessions = sessionsOf(10);
    const full = request(0, 0, [partition("a", 0)]);
    const id = sessions.create(full, 0)?.id ?? 0;
    const errorOf = (context: FetchContext) => (context.kind === "error" ? context.errorCode : 0);
    expect(errorOf(sessions.resolve(request(id, 5, []), 0))).toBe(
      ErrorCode.INVALID_FETCH_SESSION_EPOCH,
    );
    expect(errorOf(sessions.resolve(request(99, 1, []), 0))).toBe(
      ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    );
    expect(errorOf(sessions.resolve(request(id, 1, [], { usesTopicIds: true }), 0))).toBe(
      ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
    );
  });

  test("epoch -1 closes the session, and so does forgetting its last partition", () => {
    const sessions = sessionsOf(10);
    const first = sessions.create(request(0, 0, [partition("a", 0)]), 0)?.id ?? 0;
    const second = sessions.create(request(0, 0, [partition("a", 0)]), 0)?.id ?? 0;
    expect(sessions.resolve(request(first, -1, []), 0).kind).toBe("sessionless");
    const forgotten = [{ topic: "a", topicId: "", partition: 0 }];
    expect(sessions.resolve(request(second, 1, [], { forgotten }), 0).kind).toBe("sessionless");
    expect(sessions.size).toBe(0);
  });

  test("a partition that returned records goes to the end of the order", () => {
    const sessions = sessionsOf(10);
    const full = request(0, 0, [partition("a", 0), partition("a", 1), partition("a", 2)]);
    const session = sessions.create(full, 0)!;
    session.moveToEnd([...session.news()][0]!);
    expect([...session.news()].map((p) => p.partition)).toEqual([1, 2, 0]);
  });

  test("only what changed is answered again, and everything after an error", () => {
    const session = sessionsOf(10).create(request(0, 0, [partition("a", 0)]), 0)!;
    const [cached] = [...session.news()];
    const quiet = {
      errorCode: 0,
      highWatermark: 5,
      logStartOffset: 0,
      slice: null,
      divergingEpoch: null,
      preferredReadReplica: -1,
    };
    const mustRespond = (answer: FetchPartitionAnswer) => {
      const isChanged = cached?.mustRespond(answer);
      cached?.responded(answer);
      return isChanged;
    };
    expect(mustRespond(quiet)).toBe(true);
    expect(mustRespond(quiet)).toBe(false);
    expect(mustRespond({ ...quiet, slice: { size: 1 } })).toBe(true);
    expect(mustRespond({ ...quiet, preferredReadReplica: 3 })).toBe(true);
    expect(mustRespond({ ...quiet, logStartOffset: 2 })).toBe(true);
    expect(mustRespond({ ...quiet, errorCode: 6, logStartOffset: 2 })).toBe(true);
    expect(mustRespond({ ...quiet, logStartOffset: 2 })).toBe(true);
    expect(mustRespond({ ...quiet, logStartOffset: 2 })).toBe(false);
  });

  test("a full cache gives up a session unused for long, then a smaller old one, else none", () => {
    const sessions = sessionsOf(2);
    const small = request(0, 0, [partition("a", 0)]);
    const large = request(0, 0, [partition("a", 0), partition("a", 1)]);
    const first = sessions.create(small, 0)!;
    const second = sessions.create(large, 0)!;
    expect(sessions.create(large, EVICTION_MS)).toBeNull();
    // Both are old now; the first was used a moment ago, so the second goes.
    sessions.resolve(request(first.id, 1, []), EVICTION_MS);
    expect(sessions.create(small, EVICTION_MS + 1)).not.toBeNull();
    expect(sessions.resolve(request(second.id, 1, []), EVICTION_MS + 1).kind).toBe("error");
    expect(sessions.resolve(request(first.id, 2, []), EVICTION_MS + 1).kind).toBe("incremental");
  });

  test("a follower drives out a consumer, never the other way round", () => {
    const sessions = sessionsOf(1);
    const consumer = request(0, 0, [partition("a", 0), partition("a", 1)]);
    const follower = request(0, 0, [partition("a", 0)], { isFollower: true });
    sessions.create(consumer, 0);
    expect(sessions.create(follower, 1)).not.toBeNull();
    expect(sessions.create(consumer, 2)).toBeNull();
  });
});
