/** Records, batches and requests as producers send them. */
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { buildBatch, type NewRecord } from "../../src/protocol/record-batch-builder.ts";
import type { CompressionType } from "../../src/protocol/compression.ts";
import type { Input } from "../../src/protocol/schema.ts";
import { frameOf } from "../kit/raw-connection.ts";
import { sampleText } from "../kit/sample-text.ts";

export const NOW_MS = 1_700_000_000_000;
export const TOPIC = "some-topic";

export function sampleRecords(batchBytes: number, recordBytes: number): NewRecord[] {
  const count = Math.max(1, Math.floor(batchBytes / recordBytes));
  return Array.from({ length: count }, (_, index) => ({
    timestamp: NOW_MS + index,
    key: Buffer.from(`key-${index}`),
    value: sampleText(recordBytes - 20, index + 1),
  }));
}

export function sampleBatch(
  batchBytes: number,
  recordBytes: number,
  compression?: CompressionType,
): Buffer {
  const records = sampleRecords(batchBytes, recordBytes);
  return buildBatch({ records, ...(compression === undefined ? {} : { compression }) });
}

export function produceRequest(
  partitions: number,
  records: Buffer,
  topic = TOPIC,
): Input<typeof produce.request> {
  const partitionData = Array.from({ length: partitions }, (_, index) => ({ index, records }));
  return { acks: 1, timeoutMs: 30_000, topicData: [{ name: topic, partitionData }] };
}

export function produceFrame(version: number, partitions: number, records: Buffer): Buffer {
  return frameOf(produce, version, produceRequest(partitions, records));
}

export function fetchRequest(
  partitions: number,
  partitionMaxBytes: number,
  topic = TOPIC,
): Input<typeof fetch.request> {
  const wanted = Array.from({ length: partitions }, (_, partition) => ({
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: 0,
    partitionMaxBytes,
  }));
  return { maxWaitMs: 500, minBytes: 1, topics: [{ topic, partitions: wanted }] };
}

export function fetchResponse(partitions: number, size: number): Input<typeof fetch.response> {
  const wanted = Array.from({ length: partitions }, (_, partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 1_000_000,
    lastStableOffset: 1_000_000,
    logStartOffset: 0,
    abortedTransactions: null,
    records: Buffer.alloc(size),
  }));
  const responses = [{ topic: TOPIC, partitions: wanted }];
  return { throttleTimeMs: 0, errorCode: 0, sessionId: 7, responses };
}
