/** Brokers that copy a partition from each other, told by the test who leads. */
import { describe, expect, test } from "bun:test";
import { MetricsText } from "../../src/base/metrics-text.ts";
import { brokerFamilies } from "../../src/broker/metrics/broker-families.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { deleteRecords } from "../../src/protocol/messages/21-delete-records.ts";
import { alterReplicaLogDirs } from "../../src/protocol/messages/34-alter-replica-log-dirs.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { FAKE_WALL_MS } from "../sim/fake-clock.ts";
import { Neighbours } from "./neighbours.ts";

describe("a partition with three replicas", () => {
  test("has every record on all of them before acks=all is answered", () => {
    const { brokers, logOf } = replicated();
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    expect([1, 2, 3].map((id) => logOf(id).logEndOffset)).toEqual([1, 1, 1]);
    expect([...leaderOf(brokers).registration.isr].sort()).toEqual([1, 2, 3]);
    const bytes = [1, 2, 3].map((id) => bytesOf(brokers, id));
    expect(bytes[1]).toEqual(bytes[0]!);
    expect(bytes[2]).toEqual(bytes[0]!);
    brokers.client.clock.advance(1000);
    expect([1, 2, 3].map((id) => logOf(id).highWatermark)).toEqual([1, 1, 1]);
    brokers.stop();
  });

  test("waits for a replica that is in sync, and goes on without it when it lags for too long", () => {
    const { brokers, logOf } = replicated();
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    brokers.client.wire.cut("10.0.0.1", "10.0.0.3");
    const written = writing(brokers, "b", 60_000);
    brokers.client.clock.advance(20_000);
    expect([logOf(1).highWatermark, logOf(2).logEndOffset]).toEqual([1, 2]);
    expect(brokers.wait(written)).toBe(ErrorCode.NONE);
    expect([...leaderOf(brokers).registration.isr].sort()).toEqual([1, 2]);
    brokers.client.wire.heal("10.0.0.1", "10.0.0.3");
    brokers.client.clock.advanceUntil(() => leaderOf(brokers).registration.isr.length === 3);
    expect(logOf(3).logEndOffset).toBe(2);
    const leader = toldBy(brokers, 1);
    const { length } = bytesOf(brokers, 1);
    // Two came at the start, and one again.
    expect(leader).toContain("kafka_server_replicamanager_isrshrinks_total 1\n");
    expect(leader).toContain("kafka_server_replicamanager_isrexpands_total 3\n");
    expect(leader).toContain("kafka_server_replicamanager_failedisrupdates_total 0\n");
    expect(leader).toContain("kafka_server_brokertopicmetrics_replicationbytesin_total 0\n");
    const taken = "kafka_server_brokertopicmetrics_replicationbytesin_total";
    expect(toldBy(brokers, 2)).toContain(`${taken} ${length}\n`);
    const lag = 'kafka_server_replicafetchermanager_maxlag{clientId="Replica"}';
    expect(toldBy(brokers, 2)).toContain(`${lag} 0\n`);
    const client = 'clientId="ReplicaFetcherThread-0-1"';
    const consumerLag = "kafka_server_fetcherlagmetrics_consumerlag";
    expect(toldBy(brokers, 2)).toContain(`${consumerLag}{${client},topic="t",partition="0"} 0\n`);
    const fetched = `kafka_server_fetcherstats_bytes_total{${client},brokerHost="10.0.0.1",brokerPort="9092"} ${length}\n`;
    expect(toldBy(brokers, 2)).toContain(fetched);
    brokers.stop();
  });

  test("commits nothing once too few are in sync, and takes no more", () => {
    const { brokers, logOf } = replicated([1, 2, 3], { "min.insync.replicas": "3" });
    brokers.client.wire.cut("10.0.0.1", "10.0.0.3");
    expect(brokers.wait(writing(brokers, "a", 60_000))).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(leaderOf(brokers).registration.isr.length).toBe(2);
    expect([logOf(1).logEndOffset, logOf(1).highWatermark]).toEqual([1, 0]);
    expect(write(brokers, "b")).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    brokers.client.wire.heal("10.0.0.1", "10.0.0.3");
    brokers.client.clock.advanceUntil(() => logOf(1).highWatermark === 1);
    expect(write(brokers, "c")).toBe(ErrorCode.NONE);
    brokers.stop();
  });

  test("does not take a quiet follower for one that lags", () => {
    const { brokers } = replicated();
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    brokers.client.clock.advance(300_000);
    const written = writing(brokers, "b", 1000);
    leaderOf(brokers).maybeShrinkIsr(brokers.client.clock.monotonicMs());
    expect(leaderOf(brokers).maximalIsr.length).toBe(3);
    expect(brokers.wait(written)).toBe(ErrorCode.NONE);
    expect(leaderOf(brokers).registration.isr.length).toBe(3);
    brokers.stop();
  });

  test("has nothing left of an old leader's that nobody else had", () => {
    const { brokers, topicId, logOf } = replicated();
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    brokers.client.wire.cut("10.0.0.1", "10.0.0.2");
    brokers.client.wire.cut("10.0.0.1", "10.0.0.3");
    for (const value of ["lost", "lost too"]) void writing(brokers, value, 500).catch(() => {});
    brokers.client.clock.advance(100);
    expect(logOf(1).logEndOffset).toBe(3);
    elect(brokers, topicId, 2, [2, 3]);
    expect(write(brokers, "b", 2)).toBe(ErrorCode.NONE);
    brokers.client.wire.heal("10.0.0.1", "10.0.0.2");
    brokers.client.wire.heal("10.0.0.1", "10.0.0.3");
    brokers.client.clock.advanceUntil(() => logOf(1).logEndOffset === 2);
    brokers.client.clock.advance(1000);
    expect(bytesOf(brokers, 1)).toEqual(bytesOf(brokers, 2));
    expect(bytesOf(brokers, 3)).toEqual(bytesOf(brokers, 2));
    brokers.stop();
  });

  test("loses a replica that moved away, with its log, and gets a new one", () => {
    const { brokers, topicId, logOf } = replicated([1, 2]);
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    move(brokers, topicId, [1, 3]);
    expect(brokers.broker(2).partitions.find("t", 0)).toBeNull();
    expect(brokers.broker(2).logs.get("t", 0)).toBeNull();
    brokers.client.clock.advanceUntil(() => leaderOf(brokers).registration.isr.includes(3));
    expect(logOf(3).logEndOffset).toBe(1);
    move(brokers, topicId, [1, 2]);
    brokers.client.clock.advanceUntil(() => leaderOf(brokers).registration.isr.includes(2));
    expect(bytesOf(brokers, 2)).toEqual(bytesOf(brokers, 1));
    brokers.stop();
  });

  test("has records deleted when they are on all replicas", () => {
    const { brokers, logOf } = replicated();
    for (const value of ["a", "b", "c"]) expect(write(brokers, value)).toBe(ErrorCode.NONE);
    brokers.client.clock.advance(1000);
    const topics = [{ name: "t", partitions: [{ partitionIndex: 0, offset: 2 }] }];
    const { topics: answers } = brokers.ask(1, deleteRecords, 2, { topics, timeoutMs: 30_000 });
    expect(answers[0]!.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 2 });
    expect([1, 2, 3].map((id) => logOf(id).logStartOffset)).toEqual([2, 2, 2]);
    brokers.client.wire.cut("10.0.0.1", "10.0.0.3");
    const late = [{ name: "t", partitions: [{ partitionIndex: 0, offset: 3 }] }];
    const { topics: refused } = brokers.ask(1, deleteRecords, 2, { topics: late, timeoutMs: 500 });
    expect(refused[0]!.partitions[0]).toMatchObject({
      errorCode: ErrorCode.REQUEST_TIMED_OUT,
      lowWatermark: 2,
    });
    brokers.stop();
  });
});

describe("a follower whose disk fails", () => {
  test("goes on with the partitions of its other directories, and is no more in sync", () => {
    const settings = { "log.dirs": "/data,/more", "replica.lag.time.max.ms": "2000" };
    const brokers = new Neighbours(2, settings);
    for (const name of ["t", "u"]) brokers.topic(name, [1], [1, 2]);
    const [t, u] = ["t", "u"].map((name) => brokers.broker(1).partitions.find(name, 0)!);
    const { clock } = brokers.client;
    const isr = (partition: typeof t) => [...partition!.registration.isr];
    clock.advanceUntil(() => isr(t).length === 2 && isr(u).length === 2);
    for (const [name, path] of Object.entries({ t: "/data", u: "/more" })) {
      expect(brokers.wait(writing(brokers, "a", 10_000, 1, name))).toBe(ErrorCode.NONE);
      const dirs = [{ path, topics: [{ name, partitions: [0] }] }];
      brokers.ask(2, alterReplicaLogDirs, 2, { dirs });
      const log = () => brokers.broker(2).logs.get(name, 0)!;
      clock.advanceUntil(() => log().directory.startsWith(path));
      expect(log().logEndOffset).toBe(1);
    }
    const { disk } = brokers.worlds.get(2)!;
    disk.inject({ operation: "write", path: /^\/more\/u-0/, code: "EIO" });
    expect(brokers.wait(writing(brokers, "a", 60_000, 1, "u"))).toBe(ErrorCode.NONE);
    expect(isr(u)).toEqual([1]);
    expect(brokers.broker(2).logs.get("u", 0)!.failure).not.toBeNull();
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    expect(isr(t)).toEqual([1, 2]);
    expect(brokers.broker(2).partitions.find("t", 0)!.log.logEndOffset).toBe(2);
    brokers.stop();
  });
});

test("partitions are spread over the connections to their leader, and anew when there are others", () => {
  const brokers = new Neighbours(2, { "num.replica.fetchers": "2" });
  const leaders = Array.from({ length: 10 }, () => 1);
  brokers.topic("t", leaders, [1, 2]);
  const spread = () => {
    const { replication } = brokers.broker(2);
    return replication.fetchers().map(({ size }) => size);
  };
  const all = [...brokers.broker(1).partitions];
  brokers.client.clock.advanceUntil(() => all.every((each) => each.registration.isr.length === 2));
  expect(spread()).toEqual([5, 5]);
  configure(brokers, 4, "", "num.replica.fetchers", "1");
  expect(spread()).toEqual([10]);
  expect(write(brokers, "a")).toBe(ErrorCode.NONE);
  expect(brokers.broker(2).partitions.find("t", 0)!.log.logEndOffset).toBe(1);
  brokers.stop();
});

describe("a replica that catches up", () => {
  test("is throttled at its leader, until it is in sync", () => {
    const { brokers, topicId, logOf } = replicated([1]);
    const value = "x".repeat(100_000);
    for (let count = 0; count < 30; count++) expect(write(brokers, value)).toBe(ErrorCode.NONE);
    configure(brokers, 2, "t", "leader.replication.throttled.replicas", "*");
    configure(brokers, 4, "1", "leader.replication.throttled.rate", "100000");
    move(brokers, topicId, [1, 2]);
    brokers.client.clock.advance(3000);
    // The first fetch was answered before anything was counted.
    const { logEndOffset } = logOf(2);
    expect(logEndOffset).toBeGreaterThan(0);
    expect(logEndOffset).toBeLessThan(30);
    brokers.client.clock.advanceUntil(() => logOf(2).logEndOffset === 30, 120_000);
    brokers.client.clock.advanceUntil(() => leaderOf(brokers).registration.isr.length === 2);
    const startMs = brokers.client.clock.monotonicMs();
    for (let count = 0; count < 5; count++) expect(write(brokers, value)).toBe(ErrorCode.NONE);
    expect(brokers.client.clock.monotonicMs() - startMs).toBeLessThan(2500);
    brokers.stop();
  });

  test("is throttled where it is", () => {
    const { brokers, topicId, logOf } = replicated([1]);
    const value = "x".repeat(100_000);
    for (let count = 0; count < 30; count++) expect(write(brokers, value)).toBe(ErrorCode.NONE);
    configure(brokers, 2, "t", "follower.replication.throttled.replicas", "0:2");
    configure(brokers, 4, "2", "follower.replication.throttled.rate", "100000");
    move(brokers, topicId, [1, 2]);
    brokers.client.clock.advance(2000);
    expect(logOf(2).logEndOffset).toBeLessThan(30);
    brokers.client.clock.advanceUntil(() => logOf(2).logEndOffset === 30, 120_000);
    brokers.stop();
  });
});

describe("a fetch", () => {
  test("of a consumer is sent to the replica in its rack", () => {
    const selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    const { brokers, topicId } = replicated([1, 2, 3], { "replica.selector.class": selector });
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    const asked = (rackId: string, id = 1) => {
      const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000 };
      const answer = brokers.ask(id, fetch, 18, {
        maxWaitMs: 60_000,
        minBytes: 1,
        sessionEpoch: -1,
        topics: [{ topicId, partitions: [partition] }],
        forgottenTopicsData: [],
        rackId,
      });
      const { preferredReadReplica, records, errorCode } = answer.responses[0]!.partitions[0]!;
      return [errorCode, preferredReadReplica, records!.length > 0];
    };
    expect(asked("rack-3")).toEqual([0, 3, false]);
    expect(asked("rack-3", 3)).toEqual([0, -1, true]);
    expect(asked("rack-1")).toEqual([0, -1, true]);
    expect(asked("rack-9")).toEqual([0, -1, true]);
    brokers.stop();
  });

  test("of a broker that is no replica is refused, and of one that is not the leader's", () => {
    const { brokers, topicId } = replicated([1, 2]);
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    const asked = (replicaId: number, currentLeaderEpoch: number, id = 1, replicaEpoch = -1) => {
      const partition = { partition: 0, currentLeaderEpoch, fetchOffset: 0, partitionMaxBytes: 1 };
      const answer = brokers.ask(id, fetch, 18, {
        replicaState: { replicaId, replicaEpoch },
        maxWaitMs: 0,
        minBytes: 0,
        sessionEpoch: -1,
        topics: [{ topicId, partitions: [partition] }],
        forgottenTopicsData: [],
      });
      return answer.responses[0]!.partitions[0]!.errorCode;
    };
    expect(asked(3, 0)).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    expect(asked(3, -1)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(asked(2, 0)).toBe(ErrorCode.NONE);
    expect(asked(2, 1)).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    expect(asked(1, 0, 2)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    brokers.stop();
  });

  test("of a consumer may be answered by a follower, as far as it knows it is committed", () => {
    const { brokers, topicId } = replicated();
    expect(write(brokers, "a")).toBe(ErrorCode.NONE);
    brokers.client.clock.advance(1000);
    expect(read(brokers, topicId, 2, 0)).toMatchObject({ errorCode: 0, highWatermark: 1 });
    expect(read(brokers, topicId, 2, 0).records!.length).toBeGreaterThan(60);
    expect(read(brokers, topicId, 2, 5).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    brokers.stop();
  });
});

function toldBy(brokers: Neighbours, id: number): string {
  const out = new MetricsText("prometheus");
  for (const _ of brokerFamilies(brokers.broker(id))(out));
  return out.take();
}

function replicated(
  replicas: readonly number[] = [1, 2, 3],
  settings: Readonly<Record<string, string>> = {},
) {
  const brokers = new Neighbours(3, settings);
  const topicId = brokers.topic("t", [replicas[0]!], replicas);
  const isComplete = () => leaderOf(brokers).registration.isr.length === replicas.length;
  brokers.client.clock.advanceUntil(isComplete);
  const logOf = (id: number) => brokers.broker(id).partitions.find("t", 0)!.log;
  return { brokers, topicId, logOf };
}

function configure(
  brokers: Neighbours,
  resourceType: number,
  resourceName: string,
  name: string,
  text: string,
): void {
  const value = { resourceType, resourceName, name, value: text };
  brokers.tell(() => [{ name: "ConfigRecord", version: 0, value }]);
}

function leaderOf(brokers: Neighbours) {
  return brokers.broker(1).partitions.find("t", 0)!;
}

async function writing(
  brokers: Neighbours,
  value: string,
  timeoutMs: number,
  id = 1,
  name = "t",
): Promise<number> {
  const records = buildBatch({
    records: [{ timestamp: FAKE_WALL_MS, key: null, value: Buffer.from(value) }],
  });
  const answer = await brokers.asker(id).quietly(produce, 11, {
    transactionalId: null,
    acks: -1,
    timeoutMs,
    topicData: [{ name, partitionData: [{ index: 0, records }] }],
  });
  return answer.responses[0]!.partitionResponses[0]!.errorCode;
}

function write(brokers: Neighbours, value: string, id = 1): number {
  return brokers.wait(writing(brokers, value, 10_000, id));
}

function read(brokers: Neighbours, topicId: string, id: number, fetchOffset: number) {
  const partition = { partition: 0, fetchOffset, partitionMaxBytes: 10_000 };
  const answer = brokers.ask(id, fetch, 18, {
    maxWaitMs: 0,
    minBytes: 0,
    sessionEpoch: -1,
    topics: [{ topicId, partitions: [partition] }],
    forgottenTopicsData: [],
  });
  return answer.responses[0]!.partitions[0]!;
}

/** The segment as it lies there. */
function bytesOf(brokers: Neighbours, id: number): Buffer {
  const { disk } = brokers.worlds.get(id)!;
  return disk.peek("/data/t-0/00000000000000000000.log")!;
}

function elect(brokers: Neighbours, topicId: string, leader: number, isr: number[]): void {
  const value = { partitionId: 0, topicId, isr, leader };
  brokers.tell(() => [{ name: "PartitionChangeRecord", version: 1, value }]);
}

function move(brokers: Neighbours, topicId: string, replicas: number[]): void {
  const directories = replicas.map((id) => {
    return brokers.broker(id).image.cluster.broker(id)!.directories[0]!;
  });
  const value = { partitionId: 0, topicId, replicas, directories, isr: [1], leader: 1 };
  brokers.tell(() => [{ name: "PartitionChangeRecord", version: 1, value }]);
}
