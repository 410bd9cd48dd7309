/**
 * The records of `__transaction_state`: the newest of a transactional id says all that there is.
 *
 *   key 0   transactional id     producer, state, partitions, times; null forgets the id
 *
 * Values have version 0 while transaction.version is 0, and 1 from then on.
 */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { Reader } from "../../protocol/reader.ts";
import type { Value } from "../../protocol/schema.ts";
import {
  decodeKey,
  decodeVersioned,
  encodeKey,
  encodeVersioned,
  keyOf,
} from "../../protocol/records/frame.ts";
import { transactionLogKey, transactionLogValue } from "../../protocol/records/transaction.ts";
import type { EncodedRecord, RecordCodec } from "../record-codec.ts";
import { NO_PRODUCER_EPOCH, type TransactionMetadata } from "./transaction-metadata.ts";
import { NO_PARTITIONS, recordedTopicsOf } from "./transaction-partitions.ts";
import { isRecordedState, TransactionState } from "./transaction-state.ts";

export interface TransactionRecord {
  readonly transactionalId: string;
  /** Null: the id has expired. */
  readonly metadata: TransactionMetadata | null;
  /** Of the value. */
  readonly version: number;
}

export const transactionRecordCodec: RecordCodec<TransactionRecord> = {
  encode: encodeRecord,
  decode: decodeRecord,
};

function encodeRecord({ transactionalId, metadata, version }: TransactionRecord): EncodedRecord {
  const key = encodeKey(transactionLogKey, { transactionalId });
  if (metadata === null) return { key, value: null };
  const isFlexible = version >= transactionLogValue.flexibleFrom;
  const value = encodeVersioned(transactionLogValue, version, {
    producerId: metadata.producerId,
    producerEpoch: metadata.producerEpoch,
    transactionTimeoutMs: metadata.timeoutMs,
    transactionStatus: metadata.state,
    transactionPartitions: recordedPartitions(metadata),
    transactionLastUpdateTimestampMs: metadata.lastUpdateTimestampMs,
    transactionStartTimestampMs: metadata.startTimestampMs,
    ...(isFlexible && {
      previousProducerId: metadata.previousProducerId,
      nextProducerId: metadata.nextProducerId,
      clientTransactionVersion: metadata.clientTransactionVersion,
    }),
  });
  return { key, value };
}

function recordedPartitions({ state, partitions }: TransactionMetadata) {
  if (state === TransactionState.EMPTY) return null;
  return recordedTopicsOf(partitions).map(([topic, partitionIds]) => ({ topic, partitionIds }));
}

function decodeRecord(
  key: Buffer,
  value: Buffer | null,
): TransactionRecord | "ignored" | "unknown" {
  if (keyOf(key) !== transactionLogKey.key) return "unknown";
  const { transactionalId } = decodeKey(transactionLogKey, key);
  if (value === null) return { transactionalId, metadata: null, version: 0 };
  const version = new Reader(value).int16();
  if (version < 0 || version > transactionLogValue.versions[1]) return "unknown";
  const metadata = metadataOf(decodeVersioned(transactionLogValue, value));
  return { transactionalId, metadata, version };
}

function metadataOf(value: Value<typeof transactionLogValue>): TransactionMetadata {
  const state = value.transactionStatus;
  if (!isRecordedState(state)) throw new ProtocolError(`a transaction in state ${state}`);
  const topics = value.transactionPartitions ?? [];
  return {
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    state,
    partitions:
      topics.length === 0 || state === TransactionState.EMPTY
        ? NO_PARTITIONS
        : new Map(topics.map(({ topic, partitionIds }) => [topic, new Set(partitionIds)])),
    startTimestampMs: value.transactionStartTimestampMs,
    lastUpdateTimestampMs: value.transactionLastUpdateTimestampMs,
    clientTransactionVersion: value.clientTransactionVersion,
  };
}
