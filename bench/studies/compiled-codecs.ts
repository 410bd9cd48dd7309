/**
 * Compiled codecs beside the same work written by hand, on the two requests that carry records.
 *
 *   bun bench/studies/compiled-codecs.ts
 *
 * The hand-written ones keep the position in a local variable and check bounds once per struct; they
 * allocate the same objects, and encode into a buffer of their own where compiled ones share theirs.
 * What is printed is the best of rounds that take turns.
 */
import { utf8Slice, utf8Write } from "../../src/base/bytes.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { decoderOf, encode, encoderOf } from "../../src/protocol/compile.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { Reader } from "../../src/protocol/reader.ts";
import type { Input, Value } from "../../src/protocol/schema.ts";
import { Writer } from "../../src/protocol/writer.ts";
import { fetchResponse } from "../micro/samples.ts";

const ROUNDS = 15;
const ROUND_MS = 20;
const RECORDS_SIZE = 200;

/** What was made last, so that making it cannot be optimised away. */
let kept: unknown;

for (const partitionCount of [1, 10, 100]) {
  const bytes = encode(produce.request, 9, produceRequest(partitionCount));
  const decodeProduce = decoderOf(produce.request, 9);
  compare(`decode Produce v9, ${partitionCount} partitions`, {
    compiled: () => decodeProduce(new Reader(bytes)),
    byHand: () => decodeProduceByHand(bytes),
  });
  const response = fetchResponse(partitionCount, RECORDS_SIZE);
  const encodeFetch = encoderOf(fetch.response, 12);
  compare(`encode Fetch v12, ${partitionCount} partitions`, {
    compiled: () => {
      const writer = new Writer();
      encodeFetch(writer, response);
      return writer.parts();
    },
    byHand: () => encodeFetchByHand(response),
  });
  const fetchBytes = encode(fetch.request, 12, fetchRequest(partitionCount));
  const decodeFetch = decoderOf(fetch.request, 12);
  compare(`decode Fetch v12, ${partitionCount} partitions`, {
    compiled: () => decodeFetch(new Reader(fetchBytes)),
    byHand: () => decodeFetchByHand(fetchBytes),
  });
}

function compare(name: string, work: Record<"compiled" | "byHand", () => unknown>): void {
  const times = { compiled: [] as number[], byHand: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const who of ["compiled", "byHand"] as const) times[who].push(nanosecondsOf(work[who]));
  }
  const compiled = Math.min(...times.compiled);
  const byHand = Math.min(...times.byHand);
  const ratio = (compiled / byHand).toFixed(2);
  console.log(
    `${name.padEnd(34)} ${compiled.toFixed(0)} ns, by hand ${byHand.toFixed(0)}: ${ratio}`,
  );
}

function nanosecondsOf(work: () => unknown): number {
  const start = performance.now();
  let count = 0;
  let elapsed = 0;
  while (elapsed < ROUND_MS) {
    for (let repeat = 0; repeat < 50; repeat++) kept = work();
    count += 50;
    elapsed = performance.now() - start;
  }
  if (kept === undefined) throw new Error("nothing was made");
  return (elapsed * 1e6) / count;
}

function produceRequest(partitionCount: number): Input<typeof produce.request> {
  const partitionData = Array.from({ length: partitionCount }, (_, index) => ({
    index,
    records: Buffer.alloc(200, index),
  }));
  return { acks: -1, timeoutMs: 30_000, topicData: [{ name: "some-topic", partitionData }] };
}

function fetchRequest(partitionCount: number): Input<typeof fetch.request> {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => ({
    partition,
    currentLeaderEpoch: 3,
    fetchOffset: 1_000_000 + partition,
    partitionMaxBytes: 1 << 20,
  }));
  const topics = [{ topic: "some-topic", partitions }];
  return { maxWaitMs: 500, minBytes: 1, topics, sessionId: 7, sessionEpoch: 1 };
}

function decodeProduceByHand(bytes: Buffer): Value<typeof produce.request> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length;
  let at = 0;
  const uvarint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end || shift > 28) throw new Error("varint");
      const byte = view.getUint8(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const text = (): string | null => {
    const size = uvarint() - 1;
    if (size < 0) return null;
    if (size > end - at) throw new Error("end");
    at += size;
    return utf8Slice(bytes, at - size, at);
  };
  const skipTags = (): void => {
    for (let left = uvarint(); left > 0; left--) {
      uvarint();
      at += uvarint();
    }
  };
  const transactionalId = text();
  if (at + 6 > end) throw new Error("end");
  const acks = view.getInt16(at);
  const timeoutMs = view.getInt32(at + 2);
  at += 6;
  const topicCount = uvarint() - 1;
  if (topicCount < 0 || topicCount > end - at) throw new Error("count");
  const topicData: Value<typeof produce.request>["topicData"] = [];
  for (let topic = 0; topic < topicCount; topic++) {
    const name = text()!;
    const partitionData: (typeof topicData)[number]["partitionData"] = [];
    const partitionCount = uvarint() - 1;
    if (partitionCount < 0 || partitionCount > end - at) throw new Error("count");
    for (let partition = 0; partition < partitionCount; partition++) {
      if (at + 4 > end) throw new Error("end");
      const index = view.getInt32(at);
      at += 4;
      const size = uvarint() - 1;
      if (size > end - at) throw new Error("end");
      const records = size < 0 ? null : bytes.subarray(at, at + size);
      at += Math.max(0, size);
      skipTags();
      partitionData.push({ index, records });
    }
    skipTags();
    topicData.push({ name, topicId: ZERO_UUID, partitionData });
  }
  skipTags();
  return { transactionalId, acks, timeoutMs, topicData };
}

function decodeFetchByHand(bytes: Buffer): Value<typeof fetch.request> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length;
  let at = 0;
  const need = (size: number): void => {
    if (at + size > end) throw new Error("end");
  };
  const uvarint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= end || shift > 28) throw new Error("varint");
      const byte = view.getUint8(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const text = (): string => {
    const size = uvarint() - 1;
    need(size);
    at += size;
    return utf8Slice(bytes, at - size, at);
  };
  const int64 = (from: number): number =>
    view.getInt32(from) * 0x1_0000_0000 + view.getUint32(from + 4);
  need(21);
  const replicaId = view.getInt32(0);
  const maxWaitMs = view.getInt32(4);
  const minBytes = view.getInt32(8);
  const maxBytes = view.getInt32(12);
  const isolationLevel = view.getInt8(16);
  const sessionId = view.getInt32(17);
  const sessionEpoch = view.getInt32(21);
  at = 25;
  const topics: Value<typeof fetch.request>["topics"] = [];
  for (let left = uvarint() - 1; left > 0; left--) {
    const topic = text();
    const partitions: (typeof topics)[number]["partitions"] = [];
    for (let remaining = uvarint() - 1; remaining > 0; remaining--) {
      need(33);
      partitions.push({
        partition: view.getInt32(at),
        currentLeaderEpoch: view.getInt32(at + 4),
        fetchOffset: int64(at + 8),
        lastFetchedEpoch: view.getInt32(at + 16),
        logStartOffset: int64(at + 20),
        partitionMaxBytes: view.getInt32(at + 28),
        replicaDirectoryId: ZERO_UUID,
        highWatermark: 2 ** 63,
      });
      at += 32;
      if (uvarint() !== 0) throw new Error("tags");
    }
    if (uvarint() !== 0) throw new Error("tags");
    topics.push({ topic, topicId: ZERO_UUID, partitions });
  }
  const forgottenTopicsData: Value<typeof fetch.request>["forgottenTopicsData"] = [];
  if (uvarint() !== 1) throw new Error("forgotten topics");
  const rackId = text();
  if (uvarint() !== 0) throw new Error("tags");
  const replicaState = { replicaId: -1, replicaEpoch: -1 };
  return {
    clusterId: null,
    replicaId,
    replicaState,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    sessionId,
    sessionEpoch,
    topics,
    forgottenTopicsData,
    rackId,
  };
}

function encodeFetchByHand(response: Input<typeof fetch.response>): Buffer[] {
  let buffer = Buffer.allocUnsafeSlow(512);
  let view = new DataView(buffer.buffer);
  let at = 0;
  const room = (size: number): void => {
    if (at + size <= buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * buffer.length, at + size));
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
    view = new DataView(buffer.buffer);
  };
  const uvarint = (value: number): void => {
    let left = value;
    for (; left >= 0x80; left >>>= 7) buffer[at++] = (left & 0x7f) | 0x80;
    buffer[at++] = left;
  };
  const int64 = (value: number): void => {
    const high = Math.floor(value / 0x1_0000_0000);
    view.setInt32(at, high);
    view.setUint32(at + 4, value - high * 0x1_0000_0000);
    at += 8;
  };
  room(15);
  view.setInt32(0, response.throttleTimeMs ?? 0);
  view.setInt16(4, response.errorCode ?? 0);
  view.setInt32(6, response.sessionId ?? 0);
  at = 10;
  uvarint(response.responses.length + 1);
  for (const topic of response.responses) {
    const name = topic.topic ?? "";
    room(10 + 3 * name.length);
    uvarint(name.length + 1);
    at += utf8Write(buffer, name, at, 3 * name.length);
    uvarint(topic.partitions.length + 1);
    for (const partition of topic.partitions) {
      const { records } = partition;
      if (!(records instanceof Uint8Array)) throw new Error("records in memory");
      const size = records.length;
      room(60 + size);
      view.setInt32(at, partition.partitionIndex);
      view.setInt16(at + 4, partition.errorCode);
      at += 6;
      int64(partition.highWatermark);
      int64(partition.lastStableOffset ?? -1);
      int64(partition.logStartOffset ?? -1);
      uvarint(partition.abortedTransactions === null ? 0 : 1);
      view.setInt32(at, partition.preferredReadReplica ?? -1);
      at += 4;
      uvarint(size + 1);
      buffer.set(records, at);
      at += size;
      uvarint(0);
    }
    room(2);
    uvarint(0);
  }
  uvarint(0);
  return [buffer.subarray(0, at)];
}
