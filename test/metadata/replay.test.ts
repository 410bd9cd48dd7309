import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import { MetadataDelta } from "../../src/metadata/delta.ts";
import { deltaOfAll } from "../../src/metadata/full-delta.ts";
import { MetadataImage } from "../../src/metadata/image.ts";
import { type NewRecord, decodeRecord, encodeRecord } from "../../src/metadata/record.ts";
import { Replay } from "../../src/metadata/replay.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { CLUSTER_ID } from "./controller-harness.ts";

const TOPIC_ID = "HkOn8O4QRNSckfqH1iQoyQ";
const begin: NewRecord = { name: "BeginTransactionRecord", version: 0, value: { name: "t" } };
const end: NewRecord = { name: "EndTransactionRecord", version: 0, value: {} };
const abort: NewRecord = { name: "AbortTransactionRecord", version: 0, value: {} };

describe("a metadata transaction", () => {
  test("takes effect at its end, as a whole", () => {
    const replay = replayOf(begin, topic("a"), topic("b", "CC7wURaHn9LdAh44tk7sHQ"));
    expect(replay.image.topics.size).toBe(0);
    expect(replay.transactionOffset).toBe(0);
    replay.replay(decodeRecord(encodeRecord(end)), 3);
    expect(replay.image.topics.size).toBe(2);
    expect(replay.transactionOffset).toBe(-1);
  });

  test("that is aborted never was", () => {
    const replay = replayOf(begin, topic("a"), abort, topic("b"));
    expect([...replay.image.topics.values()].map(({ name }) => name)).toEqual(["b"]);
  });

  test("that is closed without being open, or opened twice, is a log that cannot be", () => {
    expect(() => replayOf(end)).toThrow(AssertionError);
    expect(() => replayOf(abort)).toThrow(AssertionError);
    expect(() => replayOf(begin, begin)).toThrow(AssertionError);
  });
});

describe("a delta", () => {
  test("forgets a topic that came and went", () => {
    const image = new MetadataImage(CLUSTER_ID);
    const delta = new MetadataDelta();
    apply(image, delta, topic("a"), partition(0));
    apply(image, delta, remove());
    expect([...delta.createdTopics, ...delta.deletedTopics.keys()]).toEqual([]);
    expect(delta.changedPartitions.size).toBe(0);
  });

  test("keeps a deleted topic as it was, and its successor of the same name", () => {
    const image = new MetadataImage(CLUSTER_ID);
    apply(image, new MetadataDelta(), topic("a"), partition(0), partition(1));
    const delta = new MetadataDelta();
    const successor = "CC7wURaHn9LdAh44tk7sHQ";
    apply(image, delta, remove(), topic("a", successor));
    expect(delta.deletedTopics.get(TOPIC_ID)?.partitions.length).toBe(2);
    expect([...delta.createdTopics]).toEqual([successor]);
    expect(image.topics.byName("a")?.id).toBe(successor);
  });

  test("of everything names everything", () => {
    const image = new MetadataImage(CLUSTER_ID);
    const resource = { resourceType: 2, resourceName: "a" };
    const config = { ...resource, name: "retention.ms", value: "1" };
    apply(image, new MetadataDelta(), topic("a"), partition(0), {
      name: "ConfigRecord",
      version: 0,
      value: config,
    });
    const delta = deltaOfAll(image);
    expect([...delta.createdTopics]).toEqual([TOPIC_ID]);
    expect(delta.changedPartitions.get(TOPIC_ID)).toEqual(new Set([0]));
    expect([...delta.changedConfigs()]).toEqual([
      { resource: { type: 2, name: "a" }, keys: new Set(["retention.ms"]) },
    ]);
  });
});

describe("partitions of an image", () => {
  test("may come in any order within a batch", () => {
    const image = new MetadataImage(CLUSTER_ID);
    apply(image, new MetadataDelta(), topic("a"), partition(2), partition(0), partition(1));
    expect(image.topics.partitionCount).toBe(3);
    expect(image.topics.byName("a")?.partitions.every((each) => each.leader === 1)).toBe(true);
  });

  test("share what is alike", () => {
    const image = new MetadataImage(CLUSTER_ID);
    apply(image, new MetadataDelta(), topic("a"), partition(0), partition(1));
    const [first, second] = image.topics.byName("a")!.partitions;
    expect(first?.replicas).toBe(second!.replicas);
    expect(first?.directories).toBe(second!.directories);
  });

  test("must be of a topic that is known", () => {
    const image = new MetadataImage(CLUSTER_ID);
    expect(() => apply(image, new MetadataDelta(), partition(0))).toThrow(AssertionError);
    expect(() => apply(image, new MetadataDelta(), remove())).toThrow(AssertionError);
  });
});

describe("records", () => {
  test("that are unknown or damaged are refused", () => {
    const good = encodeRecord(topic("a"));
    const bad = [
      Buffer.alloc(0),
      Buffer.from([2, 2, 0]),
      Buffer.from([1, 99, 0]),
      Buffer.from([1, 2, 9]),
      good.subarray(0, good.length - 3),
      Buffer.concat([good, Buffer.from([0])]),
    ];
    for (const value of bad) expect(() => decodeRecord(value)).toThrow(ProtocolError);
  });
});

function replayOf(...records: NewRecord[]): Replay {
  const replay = new Replay(new MetadataImage(CLUSTER_ID));
  for (const [offset, record] of records.entries()) {
    replay.replay(decodeRecord(encodeRecord(record)), offset);
  }
  return replay;
}

function apply(image: MetadataImage, delta: MetadataDelta, ...records: NewRecord[]): void {
  for (const record of records) image.apply(decodeRecord(encodeRecord(record)), 0, delta);
}

function topic(name: string, topicId = TOPIC_ID): NewRecord {
  return { name: "TopicRecord", version: 0, value: { name, topicId } };
}

function remove(topicId = TOPIC_ID): NewRecord {
  return { name: "RemoveTopicRecord", version: 0, value: { topicId } };
}

function partition(partitionId: number): NewRecord {
  const value = {
    partitionId,
    topicId: TOPIC_ID,
    replicas: [1],
    isr: [1],
    removingReplicas: [],
    addingReplicas: [],
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: ["y8b_p5aCT3GDL9B6_XXnMg"],
  };
  return { name: "PartitionRecord", version: 2, value };
}
