/** Requests about very many: their answers are the same, and others have their turns in between. */
import { expect, test } from "bun:test";
import { Late, type Request } from "../../src/api/request.ts";
import { RequestContext } from "../../src/api/handler.ts";
import { produceHandler } from "../../src/api/00-produce.ts";
import { encode } from "../../src/protocol/compile.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { apiVersions } from "../../src/protocol/messages/18-api-versions.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { deleteRecords } from "../../src/protocol/messages/21-delete-records.ts";
import { offsetForLeaderEpoch } from "../../src/protocol/messages/23-offset-for-leader-epoch.ts";
import { describeLogDirs } from "../../src/protocol/messages/35-describe-log-dirs.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { describeTopicPartitions } from "../../src/protocol/messages/75-describe-topic-partitions.ts";
import { Reader } from "../../src/protocol/reader.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { batchOf } from "../log/log-fixture.ts";
import { someContext } from "../server/parts.ts";
import { startBroker, type TestBroker } from "./broker-kit.ts";

const TOPICS = ["a", "b", "c"];
const PARTITIONS = 600;
const INDEXES = Array.from({ length: PARTITIONS }, (_, index) => index);

const FETCHED = TOPICS.map((topic) => ({
  topic,
  partitions: INDEXES.map((partition) => ({
    partition,
    fetchOffset: 0,
    partitionMaxBytes: 1 << 20,
  })),
}));

function begin(): TestBroker {
  const broker = startBroker();
  for (const name of TOPICS) {
    const topic = { name, numPartitions: PARTITIONS, replicationFactor: 1 };
    const topics = [{ ...topic, assignments: [], configs: [] }];
    broker.wait(broker.asker.quietly(createTopics, 7, { topics, timeoutMs: 30_000 }));
  }
  return broker;
}

/** The answer to a request that takes its time, and whether others were answered meanwhile. */
function askLong<Q, QI, R, RI>(
  broker: TestBroker,
  api: Api<Q, QI, R, RI>,
  version: number,
  request: QI,
): { readonly answer: R; readonly isFair: boolean } {
  const { clock } = broker.world;
  clock.lookTakesMs = 1;
  const order: string[] = [];
  const long = broker.asker.quietly(api, version, request).finally(() => order.push("long"));
  for (let count = 0; count < 3; count++) {
    void broker.asker.quietly(apiVersions, 0, {}).then(() => order.push("short"));
  }
  const answer = broker.wait(long);
  clock.lookTakesMs = 0;
  return { answer, isFair: order.join() === "short,short,short,long" };
}

test("are answered as they would be at once", () => {
  const broker = begin();
  const same = <Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): R => {
    const expected = broker.wait(broker.asker.quietly(api, version, request));
    const { answer, isFair } = askLong(broker, api, version, request);
    expect(answer).toEqual(expected);
    expect([api.name, isFair]).toEqual([api.name, true]);
    return answer;
  };
  same(metadata, 12, { topics: null });
  same(metadata, 12, { topics: TOPICS.map((name) => ({ name })) });
  same(describeLogDirs, 4, { topics: null });
  same(describeTopicPartitions, 0, { topics: TOPICS.map((name) => ({ name })) });
  const topics = TOPICS.map((name) => ({
    name,
    partitions: INDEXES.map((partitionIndex) => ({ partitionIndex, timestamp: -1 })),
  }));
  same(listOffsets, 7, { replicaId: -1, topics });
  same(fetch, 12, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1 << 20,
    sessionId: 0,
    sessionEpoch: -1,
    topics: FETCHED,
  });
  same(incrementalAlterConfigs, 1, {
    validateOnly: false,
    resources: TOPICS.map((resourceName) => ({
      resourceType: 2,
      resourceName,
      configs: [{ name: "retention.ms", configOperation: 0, value: "86400000" }],
    })),
  });
  same(offsetForLeaderEpoch, 3, {
    topics: TOPICS.map((topic) => ({
      topic,
      partitions: INDEXES.map((partition) => ({ partition, leaderEpoch: 0 })),
    })),
  });
  broker.wait(broker.asker.quietly(findCoordinator, 6, { coordinatorKeys: ["g"] }));
  broker.world.clock.advance(1000);
  same(offsetCommit, 7, {
    groupId: "g",
    memberId: "",
    topics: TOPICS.map((name) => ({
      name,
      partitions: INDEXES.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: partitionIndex,
        // Of these, one has no room.
        committedMetadata: "m".repeat(partitionIndex === 7 ? 5000 : 10),
      })),
    })),
  });
  const { groups } = same(offsetFetch, 8, { groups: [{ groupId: "g", topics: null }] });
  const committed = groups![0]!.topics.flatMap(({ partitions }) => partitions);
  expect(committed.length).toBe(TOPICS.length * (PARTITIONS - 1));
  same(deleteRecords, 2, {
    timeoutMs: 1000,
    topics: TOPICS.map((name) => ({
      name,
      partitions: INDEXES.map((partitionIndex) => ({ partitionIndex, offset: 0 })),
    })),
  });
  broker.stop();
});

test("a fetch session of very many is made in parts of its own, whatever time they take", () => {
  const broker = begin();
  const { clock } = broker.world;
  const { soon } = clock;
  let breaks = 0;
  clock.soon = (callback) => {
    breaks++;
    soon.call(clock, callback);
  };
  const request = {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1 << 20,
    sessionId: 0,
    sessionEpoch: 0,
    topics: FETCHED,
  };
  const { sessionId } = broker.wait(broker.asker.quietly(fetch, 12, request));
  // Behind the request, before the answer, and before the session.
  expect(breaks).toBeGreaterThanOrEqual(3);
  breaks = 0;
  const next = { ...request, sessionId, sessionEpoch: 1, topics: [] };
  const { errorCode, responses } = broker.wait(broker.asker.quietly(fetch, 12, next));
  expect([errorCode, responses]).toEqual([0, []]);
  broker.stop();
});

test("produce to very many partitions, each once and in the order of its connection", () => {
  const broker = begin();
  const records = batchOf({ count: 3 });
  const body = encode(produce.request, 7, {
    acks: 1,
    timeoutMs: 1000,
    topicData: TOPICS.map((name) => ({
      name,
      partitionData: INDEXES.map((index) => ({ index, records })),
    })),
  });
  const requestOf = (): Request => ({
    apiKey: produce.key,
    apiVersion: 7,
    correlationId: 1,
    clientId: "test",
    body: new Reader(Buffer.from(body)),
    connection: someContext(),
    receivedMs: 0,
    size: body.length,
    holdsBack: false,
    errorCounts: new Float64Array(192),
    variant: 0,
    isFollowed: true,
  });
  const brief = requestOf();
  const outcome = produceHandler.respond(new RequestContext(brief, "broker"), broker.node);
  expect([outcome instanceof Late, outcome instanceof Promise, brief.holdsBack]).toEqual([
    false,
    false,
    false,
  ]);
  broker.world.clock.lookTakesMs = 1;
  const long = requestOf();
  const later = produceHandler.respond(new RequestContext(long, "broker"), broker.node);
  // Whatever stands behind it on its connection waits.
  expect([later instanceof Promise, long.holdsBack]).toEqual([true, true]);
  broker.wait(Promise.resolve(later));
  broker.world.clock.lookTakesMs = 0;
  for (const topic of TOPICS) {
    for (const index of INDEXES) {
      expect(broker.node.partitions.find(topic, index)?.log.logEndOffset).toBe(6);
    }
  }
  broker.stop();
});
