/**
 * Reads a coordinator's log from its start to its end and applies it, in pieces: the event loop
 * turns between them, so that a long log does not hold up the rest of the node.
 */
import { Slices } from "../base/slices.ts";
import type { Clock } from "../base/world.ts";
import { ControlRecordType, controlRecordTypeOf } from "../protocol/control-record.ts";
import { openBatch } from "../protocol/record.ts";
import {
  isControl,
  isIntact,
  isTransactional,
  lastOffset,
  nextBatchSize,
  NO_PRODUCER_ID,
  producerId,
} from "../protocol/record-batch.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { CoordinatorLog } from "./coordinator-log.ts";
import type { RecordCodec } from "./record-codec.ts";

export interface Replayed {
  recordCount: number;
  byteCount: number;
}

/** Where records go. */
export interface ReplayTarget<R> {
  readonly state: {
    apply(record: R, offset: number, producerId: number): void;
    endTransaction(producerId: number, isCommitted: boolean): void;
  };
  readonly codec: RecordCodec<R>;
  readonly warn: (message: string) => void;
}

export interface ReplayOptions {
  readonly clock: Clock;
  /** Bytes read at once. */
  readonly sizeMax: number;
  /** False ends the replay early: the state is not needed any more. */
  readonly isWanted: () => boolean;
}

/** Rejects with the log's error, or with a `ProtocolError` where the log cannot be understood. */
export async function replayLog<R>(
  log: CoordinatorLog,
  target: ReplayTarget<R>,
  options: ReplayOptions,
): Promise<Replayed> {
  const { clock, sizeMax, isWanted } = options;
  const total: Replayed = { recordCount: 0, byteCount: 0 };
  const slices = new Slices(clock);
  let offset = log.logStartOffset;
  while (offset < log.logEndOffset) {
    const bytes = await log.read(offset, sizeMax);
    if (!isWanted()) break;
    // Compaction has taken all that was here, and the last segment is new.
    if (bytes.length === 0) break;
    const before = offset;
    for (let at = 0; at < bytes.length;) {
      const size = nextBatchSize(bytes, at, bytes.length);
      if (size <= 0) throw new ProtocolError(`no whole batch at offset ${offset}`);
      // A commit that is passed over would come back as an older one, or as none.
      if (!isIntact(bytes, at)) throw new ProtocolError(`a damaged batch at offset ${offset}`);
      total.recordCount += replayBatch(bytes, at, offset, target);
      total.byteCount += size;
      offset = Math.max(offset, lastOffset(bytes, at) + 1);
      at += size;
      if (!slices.isOver) continue;
      await slices.next();
      if (!isWanted()) return total;
    }
    if (offset === before) throw new ProtocolError(`nothing to read at offset ${offset}`);
  }
  return total;
}

/** Applies what lies at `fromOffset` and behind; returns how many records that were. */
function replayBatch<R>(
  bytes: Buffer,
  at: number,
  fromOffset: number,
  target: ReplayTarget<R>,
): number {
  const { state, codec, warn } = target;
  const cursor = openBatch(bytes, at);
  const isMarker = isControl(bytes, at);
  const producer = producerId(bytes, at);
  // A batch of an idempotent producer alone is no transaction.
  const transaction = isTransactional(bytes, at) ? producer : NO_PRODUCER_ID;
  let count = 0;
  while (cursor.next()) {
    if (cursor.offset < fromOffset) continue;
    count += 1;
    const key = cursor.key();
    if (isMarker) {
      const type = controlRecordTypeOf(key);
      if (type === ControlRecordType.COMMIT) state.endTransaction(producer, true);
      else if (type === ControlRecordType.ABORT) state.endTransaction(producer, false);
      continue;
    }
    if (key === null) throw new ProtocolError(`record ${cursor.offset} has no key`);
    const record = codec.decode(key, cursor.value());
    if (record === "ignored") continue;
    if (record === "unknown") {
      warn(`record ${cursor.offset} is of an unknown type, passed over: of a newer release?`);
      continue;
    }
    state.apply(record, cursor.offset, transaction);
  }
  return count;
}
