/**
 * Writes the markers that end transactions into the partitions that this node leads: for the
 * transaction coordinator of this node (txn-marker-sender.ts), and for whoever sends
 * WriteTxnMarkers.
 *
 *   marker ──▶ partition            a control batch in its log
 *         └──▶ __consumer_offsets   the same, and the group coordinator takes what was pending
 */
import { Slices } from "../base/slices.ts";
import type { Clock } from "../base/world.ts";
import type { GroupCoordinator } from "../coordinator/group/group-coordinator.ts";
import type {
  TransactionMarker,
  TransactionMarkerResult,
} from "../coordinator/transaction/participants.ts";
import type { AppendResult } from "../log/append-result.ts";
import { CONSUMER_OFFSETS_TOPIC } from "../metadata/internal-topics.ts";
import type { Partition } from "../partition/partition.ts";
import { buildEndTransactionMarker, isOfProducer } from "../protocol/control-record.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { PartitionSource } from "./find-partition.ts";

export interface TxnMarkerWriterOptions {
  readonly source: PartitionSource;
  readonly groups: () => Pick<GroupCoordinator, "endTransaction">;
  readonly clock: Clock;
  /** request.timeout.ms */
  readonly timeoutMs: () => number;
}

interface Written {
  readonly topic: string;
  readonly partition: number;
  errorCode: number;
}

export class TxnMarkerWriter {
  readonly #options: TxnMarkerWriterOptions;

  constructor(options: TxnMarkerWriterOptions) {
    this.#options = options;
  }

  /**
   * Resolves with one result for each marker, in their order, once each partition has its marker
   * committed or has refused it. `isRepeated`: see `SentMarker`.
   */
  async write(
    markers: readonly TransactionMarker[],
    isRepeated: (marker: TransactionMarker) => boolean,
  ): Promise<TransactionMarkerResult[]> {
    const waits: Promise<void>[] = [];
    const all: Written[][] = [];
    const slices = new Slices(this.#options.clock);
    for (const marker of markers) {
      const written: Written[] = [];
      all.push(written);
      for (const { topic, partition } of partitionsOf(marker)) {
        const result = { topic, partition, errorCode: ErrorCode.NONE as number };
        written.push(result);
        const error = this.#write(topic, partition, marker, isRepeated(marker));
        if (typeof error === "number") result.errorCode = error;
        else waits.push(error.then((later) => void (result.errorCode = later)));
        if (slices.isOver) await slices.next();
      }
    }
    await Promise.all(waits);
    return markers.map(({ producerId }, index) => resultOf(producerId, all[index] ?? []));
  }

  #write(
    topic: string,
    index: number,
    marker: TransactionMarker,
    isRepeated: boolean,
  ): ErrorCode | Promise<ErrorCode> {
    const partition = this.#options.source.partitions.find(topic, index);
    if (partition === null || partition.log.failure !== null) {
      return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (!isOfProducer(marker)) return ErrorCode.UNKNOWN_SERVER_ERROR;
    if (isRepeated && partition.isLeader && partition.log.hasMarker(marker)) {
      return this.#committed(partition, partition.log.logEndOffset);
    }
    if (topic === CONSUMER_OFFSETS_TOPIC) return this.#endInGroups(index, marker);
    const refusal = partition.leaderError();
    const error = refusal === ErrorCode.NONE ? partition.minIsrError() : refusal;
    return error === ErrorCode.NONE ? this.#append(partition, marker) : error;
  }

  #append(partition: Partition, marker: TransactionMarker): ErrorCode | Promise<ErrorCode> {
    const nowMs = this.#options.clock.wallMs();
    const isCommit = marker.transactionResult;
    const batch = buildEndTransactionMarker({ ...marker, isCommit, timestamp: nowMs });
    const { transactionVersion } = marker;
    const options = { origin: "coordinator", nowMs, transactionVersion } as const;
    const result = partition.append(batch, options);
    if (result.errorCode !== ErrorCode.NONE) return result.errorCode;
    if (result.flushed !== null) return this.#flushed(partition, result);
    return this.#committed(partition, result.lastOffset + 1);
  }

  async #flushed(partition: Partition, result: AppendResult): Promise<ErrorCode> {
    try {
      const error = await partition.flushed(result);
      if (error !== ErrorCode.NONE) return error;
    } catch {
      return ErrorCode.KAFKA_STORAGE_ERROR;
    }
    return this.#committed(partition, result.lastOffset + 1);
  }

  #committed(partition: Partition, offset: number): ErrorCode | Promise<ErrorCode> {
    return partition.whenCommitted(offset, this.#options.timeoutMs()) ?? ErrorCode.NONE;
  }

  async #endInGroups(index: number, marker: TransactionMarker): Promise<ErrorCode> {
    const isCommit = marker.transactionResult;
    const error = await this.#options.groups().endTransaction(index, { ...marker, isCommit });
    switch (error) {
      // The transaction coordinator tries again when it hears of a leader that is not ready.
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      case ErrorCode.NOT_COORDINATOR:
        return ErrorCode.NOT_LEADER_OR_FOLLOWER;
      default:
        return error;
    }
  }
}

/** Each once, whatever the sender says. */
function* partitionsOf({ topics }: TransactionMarker) {
  const seen = new Set<string>();
  for (const { name: topic, partitionIndexes } of topics) {
    for (const partition of partitionIndexes) {
      const key = `${topic}-${partition}`;
      if (seen.has(key)) continue;
      seen.add(key);
      yield { topic, partition };
    }
  }
}

function resultOf(producerId: number, written: Iterable<Written>): TransactionMarkerResult {
  const topics = new Map<string, TransactionMarkerResult["topics"][number]>();
  for (const { topic, partition: partitionIndex, errorCode } of written) {
    let found = topics.get(topic);
    if (found === undefined) topics.set(topic, (found = { name: topic, partitions: [] }));
    found.partitions.push({ partitionIndex, errorCode });
  }
  return { producerId, topics: [...topics.values()] };
}

export function allFailed(
  { producerId, topics }: TransactionMarker,
  errorCode: ErrorCode,
): TransactionMarkerResult {
  const failed = topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
  }));
  return { producerId, topics: failed };
}

/** As one request answers them: all of one producer together, and none that has no partition. */
export function mergedByProducer(
  results: readonly TransactionMarkerResult[],
): TransactionMarkerResult[] {
  const merged = new Map<number, Map<string, Written>>();
  for (const { producerId, topics } of results) {
    const written = merged.get(producerId) ?? new Map<string, Written>();
    merged.set(producerId, written);
    for (const { name: topic, partitions } of topics) {
      for (const { partitionIndex: partition, errorCode } of partitions) {
        written.set(`${topic}-${partition}`, { topic, partition, errorCode });
      }
    }
  }
  const found = [...merged].filter(([, written]) => written.size > 0);
  return found.map(([producerId, written]) => resultOf(producerId, written.values()));
}
