/** Reads partitions as a consumer does: what is aborted is left out by the reader itself. */
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { controlRecordTypeOf, ControlRecordType } from "../../src/protocol/control-record.ts";
import {
  isControl,
  isIntact,
  isTransactional,
  lastOffset,
  nextBatchSize,
  producerId,
} from "../../src/protocol/record-batch.ts";
import { openBatch, readRecords } from "../../src/protocol/record.ts";
import type { Isolation, Polled } from "./history.ts";
import { retried, Unanswered, type Wire } from "./wire.ts";

export interface Read {
  readonly records: readonly Polled[];
  /** Where to read on. */
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
}

interface Aborted {
  readonly producerId: number;
  readonly firstOffset: number;
}

const LEVEL: Readonly<Record<Isolation, number>> = { read_uncommitted: 0, read_committed: 1 };

export async function read(
  wire: Wire,
  topic: string,
  partition: number,
  fetchOffset: number,
  isolation: Isolation,
  sizeMax = 1 << 20,
): Promise<Read> {
  const { answer } = await retried(
    wire,
    `Fetch of ${topic}-${partition} at ${fetchOffset}`,
    () =>
      wire.ask(fetch, 12, {
        maxWaitMs: 10,
        minBytes: 1,
        isolationLevel: LEVEL[isolation],
        topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: sizeMax }] }],
        forgottenTopicsData: [],
      }),
    ({ errorCode, responses }) => {
      const [found] = responses[0]?.partitions ?? [];
      if (errorCode !== ErrorCode.NONE || found === undefined) return errorCode;
      const isWhole = found.records === null || areIntact(found.records);
      return isWhole ? found.errorCode : ErrorCode.CORRUPT_MESSAGE;
    },
  );
  const found = answer.responses[0]!.partitions[0]!;
  const bytes = found.records ?? Buffer.alloc(0);
  const aborted = isolation === "read_committed" ? (found.abortedTransactions ?? []) : [];
  const { records, nextOffset } = readable(bytes, fetchOffset, aborted);
  const { highWatermark, lastStableOffset } = found;
  return { records, nextOffset, highWatermark, lastStableOffset };
}

/** Where a reader of this isolation ends now. */
export async function endOf(
  wire: Wire,
  topic: string,
  partition: number,
  isolation: Isolation,
): Promise<number> {
  const { answer } = await retried(
    wire,
    `ListOffsets of ${topic}-${partition}`,
    () =>
      wire.ask(listOffsets, 7, {
        replicaId: -1,
        isolationLevel: LEVEL[isolation],
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -1 }] }],
      }),
    ({ topics }) => topics[0]!.partitions[0]!.errorCode,
  );
  return answer.topics[0]!.partitions[0]!.offset;
}

/**
 * What a group has committed, 0 for nothing; waits for what is under way in a transaction. What is
 * to be done `before` goes to the same coordinator.
 */
export async function committedOffset(
  wire: Wire,
  groupId: string,
  topic: string,
  partition: number,
  before?: () => Promise<void>,
): Promise<number> {
  const { answer } = await retried(
    wire,
    "OffsetFetch",
    async () => {
      await before?.();
      return wire.ask(offsetFetch, 8, {
        groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [partition] }] }],
        requireStable: true,
      });
    },
    ({ groups }) => groups[0]!.errorCode || (groups[0]!.topics[0]?.partitions[0]?.errorCode ?? 0),
  );
  return Math.max(0, answer.groups[0]!.topics[0]?.partitions[0]?.committedOffset ?? 0);
}

/** Commits as no member; rejects with `Unanswered` where it is not done. */
export async function commitOnce(
  wire: Wire,
  groupId: string,
  topic: string,
  partitionIndex: number,
  committedOffset: number,
): Promise<void> {
  const partitions = [{ partitionIndex, committedOffset, committedMetadata: "" }];
  const request = { groupId, memberId: "", topics: [{ name: topic, partitions }] };
  const { topics } = await wire.ask(offsetCommit, 8, request);
  const errorCode = topics[0]!.partitions[0]!.errorCode;
  if (errorCode !== ErrorCode.NONE) throw new Unanswered(`OffsetCommit: ${errorCode}`);
}

/** A disk that rots is found out by whoever reads: another replica may have it whole. */
export function areIntact(bytes: Buffer): boolean {
  try {
    let at = 0;
    for (let size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
      if (!isIntact(bytes, at)) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

function readable(bytes: Buffer, fetchOffset: number, aborted: readonly Aborted[]) {
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const open = new Set<number>();
  const records: Polled[] = [];
  let nextOffset = fetchOffset;
  let at = 0;
  for (let size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
    const last = lastOffset(bytes, at);
    nextOffset = last + 1;
    while (waiting.length > 0 && waiting[0]!.firstOffset <= last) {
      open.add(waiting.shift()!.producerId);
    }
    if (isControl(bytes, at)) {
      if (isAbortMarker(bytes, at)) open.delete(producerId(bytes, at));
      continue;
    }
    if (isTransactional(bytes, at) && open.has(producerId(bytes, at))) continue;
    for (const { offset, value } of readRecords(bytes, at)) {
      if (offset >= fetchOffset) records.push({ offset, value: value!.toString() });
    }
  }
  return { records, nextOffset };
}

function isAbortMarker(bytes: Buffer, at: number): boolean {
  const cursor = openBatch(bytes, at);
  return cursor.next() && controlRecordTypeOf(cursor.key()) === ControlRecordType.ABORT;
}
