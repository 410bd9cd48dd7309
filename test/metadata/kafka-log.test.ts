/** Metadata logs and a snapshot that Apache Kafka 4.3.1 wrote: see fixtures/README.md. */
import { describe, expect, test } from "bun:test";
import { ConfigResourceType } from "../../src/metadata/configs-image.ts";
import { MetadataDelta } from "../../src/metadata/delta.ts";
import { MetadataImage } from "../../src/metadata/image.ts";
import { decodeRecord, encodeRecord, type NewRecord } from "../../src/metadata/record.ts";
import { Replay } from "../../src/metadata/replay.ts";
import { parseSnapshot } from "../../src/raft/snapshot-reader.ts";
import { CLUSTER_ID, batchesOf, contentsOf, readFixture } from "./controller-harness.ts";

const DYNAMIC_LOG = ["kafka-dynamic", "__cluster_metadata-0", "00000000000000000000.log"];
const STATIC_LOG = ["kafka-static", "__cluster_metadata-0", "00000000000000000000.log"];
const SNAPSHOT = [
  "kafka-dynamic",
  "__cluster_metadata-0",
  "00000000000000000063-0000000002.checkpoint",
];

describe("the log of a Kafka with dynamic voters", () => {
  const replay = replayed(readFixture(...DYNAMIC_LOG));
  const { image } = replay;

  test("gives its topics", () => {
    expect([...image.topics.values()].map((topic) => topic.name)).toEqual([
      "events",
      "__consumer_offsets",
    ]);
    const topic = image.topics.byName("events");
    expect(topic?.partitions.length).toBe(4);
    expect(topic?.partitions[3]).toEqual({
      replicas: [1],
      directories: ["HkOn8O4QRNSckfqH1iQoyQ"],
      isr: [1],
      removingReplicas: [],
      addingReplicas: [],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      leader: 1,
      leaderRecoveryState: 0,
      leaderEpoch: 2,
      partitionEpoch: 2,
    });
    expect(image.topics.byId(topic!.id)).toBe(topic);
    expect(image.topics.byName("gone")).toBeNull();
    expect(image.topics.partitionCount).toBe(6);
  });

  test("gives its settings", () => {
    const { TOPIC, BROKER, GROUP, CLIENT_METRICS } = ConfigResourceType;
    expect(Object.fromEntries(image.configs.of(TOPIC, "events"))).toEqual({
      "retention.ms": "3600000",
      "min.insync.replicas": "1",
    });
    expect(image.configs.get(BROKER, "", "message.max.bytes")).toBe("2000000");
    expect(image.configs.get(BROKER, "1", "log.cleaner.threads")).toBe("2");
    expect(image.configs.get(GROUP, "readers", "consumer.session.timeout.ms")).toBe("46000");
    expect(image.configs.get(CLIENT_METRICS, "cm", "interval.ms")).toBe("30000");
  });

  test("gives its broker, its features and the rest", () => {
    const broker = image.cluster.broker(1);
    expect(broker?.epoch).toBe(50);
    expect(broker?.fenced).toBe(false);
    expect(broker?.directories).toEqual(["HkOn8O4QRNSckfqH1iQoyQ"]);
    expect(broker?.cordonedDirectories).toEqual([]);
    expect(image.cluster.endpoint(1, "PLAINTEXT")?.port).toBe(19392);
    expect(image.cluster.registrationOffsets.get(1)).toBe(50);
    expect(image.cluster.controllers.get(1)?.endpoints[0]?.port).toBe(19393);
    expect(Object.fromEntries(image.features)).toEqual({
      "metadata.version": 30,
      "eligible.leader.replicas.version": 1,
      "group.version": 1,
      "share.version": 1,
      "streams.version": 1,
      "transaction.version": 2,
    });
    expect(image.nextProducerId).toBe(1000);
    expect(image.security.scramCredential(1, "alice")?.iterations).toBe(4096);
    expect([...image.security.acls.values()].map((acl) => acl.principal)).toEqual(["User:alice"]);
    const entity = [
      { entityType: "user", entityName: "alice" },
      { entityType: "client-id", entityName: null },
    ];
    expect(image.clientQuotas.of(entity).get("producer_byte_rate")).toBe(1024);
  });

  test("and its snapshot say the same", () => {
    const fromSnapshot = new MetadataImage(CLUSTER_ID);
    for (const value of parseSnapshot(readFixture(...SNAPSHOT)).values) {
      fromSnapshot.apply(decodeRecord(value), 62, new MetadataDelta());
    }
    expect(inOrder(image)).toEqual(inOrder(fromSnapshot));
    expect(contentsOf(fromSnapshot).length).toBe(30);
  });

  test("holds records that are encoded to the same bytes again", () => {
    for (const batch of batchesOf(readFixture(...DYNAMIC_LOG))) {
      for (const value of batch.values) {
        const record = decodeRecord(value);
        expect(encodeRecord(record as NewRecord).equals(value)).toBe(true);
      }
    }
  });
});

describe("the log of a Kafka with static voters that was stopped", () => {
  const { image, transactionOffset } = replayed(readFixture(...STATIC_LOG));

  test("leaves partitions without a leader, but eligible replicas", () => {
    const partitions = image.topics.byName("events")?.partitions ?? [];
    expect(partitions.length).toBe(3);
    for (const { leader, isr, eligibleLeaderReplicas, lastKnownElr } of partitions) {
      expect({ leader, isr, eligibleLeaderReplicas, lastKnownElr }).toEqual({
        leader: -1,
        isr: [],
        eligibleLeaderReplicas: [1],
        lastKnownElr: [1],
      });
    }
    expect(image.cluster.broker(1)?.fenced).toBe(true);
    expect(image.cluster.broker(1)?.inControlledShutdown).toBe(true);
    expect(transactionOffset).toBe(-1);
  });
});

describe("an image", () => {
  test("and its clone change apart", () => {
    const { image } = replayed(readFixture(...DYNAMIC_LOG));
    const before = contentsOf(image);
    const copy = image.clone();
    expect(contentsOf(copy)).toEqual(before);
    const topicId = copy.topics.byName("events")!.id;
    const remove = { name: "RemoveTopicRecord", version: 0, value: { topicId } } as const;
    copy.apply(decodeRecord(encodeRecord(remove)), 63, new MetadataDelta());
    expect(copy.topics.byName("events")).toBeNull();
    expect(copy.configs.of(ConfigResourceType.TOPIC, "events").size).toBe(0);
    expect(contentsOf(image)).toEqual(before);
  });
});

/** Neither records nor the features of a node have an order. */
function inOrder(image: MetadataImage): string[] {
  const records = contentsOf(image).map(({ name, value }) =>
    "features" in value
      ? JSON.stringify([name, { ...value, features: value.features.map((f) => f.name).sort() }])
      : JSON.stringify([name, value]),
  );
  return records.sort();
}

function replayed(log: Buffer): Replay {
  const replay = new Replay(new MetadataImage(CLUSTER_ID));
  for (const batch of batchesOf(log)) {
    for (const [index, value] of batch.values.entries()) {
      replay.replay(decodeRecord(value), batch.baseOffset + index);
    }
  }
  return replay;
}
