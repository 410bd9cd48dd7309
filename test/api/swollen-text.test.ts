/**
 * Text that grows: bytes that are no UTF-8 become three bytes each when they are written again, and
 * what was short enough to be sent is too long for a record or an answer. It costs the connection,
 * or is answered with an error; it never stops the node, and leaves nothing behind.
 */
import { describe, expect, test } from "bun:test";
import { encode } from "../../src/protocol/compile.ts";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { joinGroup } from "../../src/protocol/messages/11-join-group.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import { createAcls } from "../../src/protocol/messages/30-create-acls.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { alterClientQuotas } from "../../src/protocol/messages/49-alter-client-quotas.ts";
import { alterUserScramCredentials } from "../../src/protocol/messages/51-alter-user-scram-credentials.ts";
import { updateFeatures } from "../../src/protocol/messages/57-update-features.ts";
import { consumerGroupHeartbeat } from "../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { requestHeader, requestHeaderVersion } from "../../src/protocol/messages/header.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { startBroker } from "./broker-kit.ts";
import { makeTopic } from "./scenarios/prepare.ts";

/** Sent as bytes 0xff. */
const LONG = "~".repeat(20_000);
const [TOPIC, USER, CLIENT_METRICS, GROUP] = [2, "user", 16, 32];
const timeoutMs = 5000;

type Case = readonly [name: string, frame: Buffer];
const set = (name: string, value: string) => ({ name, configOperation: 0, value });
const altered = (resourceType: number, resourceName: string, name: string, value: string) => ({
  resources: [{ resourceType, resourceName, configs: [set(name, value)] }],
  validateOnly: false,
});
const quotasOf = (entityName: string) => ({
  entries: [
    {
      entity: [{ entityType: USER, entityName }],
      ops: [{ key: "producer_byte_rate", value: 1000, remove: false }],
    },
  ],
  validateOnly: false,
});
const acl = (principal: string, host: string, resourceName: string) => ({
  creations: [
    {
      resourceType: TOPIC,
      resourceName,
      resourcePatternType: 3,
      principal,
      host,
      operation: 3,
      permissionType: 3,
    },
  ],
});
const heartbeat = {
  groupId: "g",
  memberId: "member",
  memberEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: 60_000,
  subscribedTopicNames: ["t"],
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: [],
};
const join = {
  groupId: "g",
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  memberId: "",
  groupInstanceId: null,
  protocolType: "consumer",
  protocols: [{ name: "range", metadata: Buffer.alloc(4) }],
  reason: null,
};
const committed = (groupId: string, metadata: string) => ({
  groupId,
  generationIdOrMemberEpoch: -1,
  memberId: "",
  groupInstanceId: null,
  topics: [
    {
      name: "t",
      partitions: [
        {
          partitionIndex: 0,
          committedOffset: 1,
          committedLeaderEpoch: -1,
          committedMetadata: metadata,
        },
      ],
    },
  ],
});
const topic = (name: string, configs: { name: string; value: string | null }[]) => ({
  topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }],
  timeoutMs,
  validateOnly: false,
});
const features = (feature: string) => ({
  timeoutMs,
  featureUpdates: [{ feature, maxVersionLevel: 1, upgradeType: 1 }],
  validateOnly: false,
});
const scram = (name: string) => ({
  deletions: [],
  upsertions: [
    {
      name,
      mechanism: 1,
      iterations: 4096,
      salt: Buffer.alloc(8),
      saltedPassword: Buffer.alloc(32),
    },
  ],
});
const producer = { transactionTimeoutMs: 1000, producerId: -1, producerEpoch: -1 };

const CASES: readonly Case[] = [
  ["a topic's name", frameOf(createTopics, 7, topic(LONG, []))],
  [
    "a topic's setting",
    frameOf(createTopics, 7, topic("n", [{ name: "retention.ms", value: LONG }])),
  ],
  ["the name of one", frameOf(createTopics, 7, topic("n", [{ name: LONG, value: "1" }]))],
  ["a user with quotas", frameOf(alterClientQuotas, 1, quotasOf(LONG))],
  ["a user with SCRAM", frameOf(alterUserScramCredentials, 0, scram(LONG))],
  ["an ACL's principal", frameOf(createAcls, 3, acl(`User:${LONG}`, "*", "t"))],
  ["an ACL's host", frameOf(createAcls, 3, acl("User:u", LONG, "t"))],
  ["an ACL's resource", frameOf(createAcls, 3, acl("User:u", "*", LONG))],
  ["a feature", frameOf(updateFeatures, 1, features(LONG))],
  [
    "a changed setting",
    frameOf(incrementalAlterConfigs, 1, altered(TOPIC, "t", "retention.ms", LONG)),
  ],
  [
    "a list",
    frameOf(
      incrementalAlterConfigs,
      1,
      altered(TOPIC, "t", "leader.replication.throttled.replicas", LONG),
    ),
  ],
  [
    "client metrics",
    frameOf(incrementalAlterConfigs, 1, altered(CLIENT_METRICS, LONG, "interval.ms", "1000")),
  ],
  [
    "metrics of theirs",
    frameOf(incrementalAlterConfigs, 1, altered(CLIENT_METRICS, "m", "metrics", LONG)),
  ],
  [
    "a group with settings",
    frameOf(
      incrementalAlterConfigs,
      1,
      altered(GROUP, LONG, "consumer.session.timeout.ms", "50000"),
    ),
  ],
  ["a group's id", frameOf(joinGroup, 5, { ...join, groupId: LONG })],
  ["a static member", frameOf(joinGroup, 5, { ...join, groupInstanceId: LONG })],
  [
    "a protocol",
    frameOf(joinGroup, 5, { ...join, protocols: [{ name: LONG, metadata: Buffer.alloc(4) }] }),
  ],
  ["a kind of protocol", frameOf(joinGroup, 5, { ...join, protocolType: LONG })],
  ["a committing group", frameOf(offsetCommit, 8, committed(LONG, ""))],
  ["an offset's metadata", frameOf(offsetCommit, 8, committed("g", LONG))],
  ["a transactional id", frameOf(initProducerId, 4, { ...producer, transactionalId: LONG })],
  ["a new kind of group", frameOf(consumerGroupHeartbeat, 1, { ...heartbeat, groupId: LONG })],
  ["its member", frameOf(consumerGroupHeartbeat, 1, { ...heartbeat, memberId: LONG })],
  ["its rack", frameOf(consumerGroupHeartbeat, 1, { ...heartbeat, rackId: LONG })],
  [
    "its topics",
    frameOf(consumerGroupHeartbeat, 1, { ...heartbeat, subscribedTopicNames: [LONG] }),
  ],
  ["its pattern", frameOf(consumerGroupHeartbeat, 1, { ...heartbeat, subscribedTopicRegex: LONG })],
];

describe("text that grows when it is written again", () => {
  test.each(CASES)("%s", async (_, frame) => {
    const broker = startBroker();
    broker.wait(makeTopic(broker.asker, "t"));
    const before = broker.node.metadata.raft.log.endOffset;
    const connection = await broker.connect("broker");
    broker.wait(connection.exchange(frame).catch(() => null));
    broker.world.clock.settle();
    expect(broker.fatals).toEqual([]);
    broker.wait(makeTopic(broker.asker, "still-there"));
    expect(broker.node.image.topics.byName("still-there")).toBeDefined();
    expect(broker.node.metadata.raft.log.endOffset).toBeGreaterThan(before);
    broker.stop();
    startBroker({}, broker.world).stop();
  });
});

function frameOf<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): Buffer {
  const header = encode(requestHeader, requestHeaderVersion(api, version), {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: 1,
    clientId: "swollen",
  });
  const body = Buffer.from(encode(api.request, version, request));
  const long = Buffer.from(LONG);
  for (let at = 0; (at = body.indexOf(long, at)) !== -1; at += long.length) {
    body.fill(0xff, at, at + long.length);
  }
  return Buffer.concat([header, body]);
}
