/**
 * The states of share partitions in one partition of `__share_group_state`.
 *
 *   snapshot ─▶ update ─▶ update ... ─▶ snapshot ─▶ ...     one key; the newest snapshot and what
 *                                                           follows it say all that is known
 *
 * Invariants: an entry is what the records of its key say; what lies below the newest snapshots of
 * all keys is redundant (`redundantOffset`), and may be deleted from the log.
 */
import type { Clock } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { answered, type Effects, type Outcome } from "../outcome.ts";
import type { CoordinatorState } from "../shard.ts";
import type {
  ReadShareState,
  SharePartitionKey,
  ShareStateResult,
  ShareStateSummary,
  WrittenShareState,
} from "./persister.ts";
import type { ShareStateRecord } from "./share-records.ts";
import {
  initialState,
  nextSnapshot,
  NO_EPOCH,
  type ShareState,
  stateOfUpdate,
  UNINITIALIZED_COUNT,
  UNINITIALIZED_START_OFFSET,
  updateOf,
  withUpdate,
} from "./share-state.ts";

export interface ShareShardContext {
  readonly clock: Clock;
  readonly config: ShareShardConfig;
  /** Whether the newest metadata has the partition. */
  readonly hasPartition: (topicId: string, partition: number) => boolean;
}

export interface ShareShardConfig {
  readonly shareCoordinatorSnapshotUpdateRecordsPerSnapshot: number;
  readonly shareCoordinatorColdPartitionSnapshotIntervalMs: number;
}

type Answer<T> = Outcome<ShareStateRecord, T>;

interface Entry {
  readonly key: SharePartitionKey;
  state: ShareState;
  /** The highest that was recorded: an initialisation begins `state.leaderEpoch` anew. */
  leaderEpoch: number;
  stateEpoch: number;
  updateCount: number;
  /** Of the newest snapshot; null where the log only had updates. */
  snapshotOffset: number | null;
}

const DONE: ShareStateResult = { errorCode: ErrorCode.NONE, errorMessage: null };

export class ShareShard implements CoordinatorState<ShareStateRecord> {
  readonly #context: ShareShardContext;
  /** By group, topic id and partition. */
  readonly #entries = new Map<string, Entry>();
  #tombstoneOffset = 0;

  constructor(context: ShareShardContext) {
    this.#context = context;
  }

  // ---- The log -----------------------------------------------------------------------------

  apply(record: ShareStateRecord, offset: number): void {
    const id = coordinatorKeyOf(record.key);
    if (record.type === "update") {
      const entry = this.#entries.get(id);
      if (entry === undefined) {
        this.#add(record.key, stateOfUpdate(record.update)).updateCount = 1;
        return;
      }
      entry.state = withUpdate(entry.state, record.update);
      entry.leaderEpoch = Math.max(entry.leaderEpoch, record.update.leaderEpoch);
      entry.updateCount += 1;
      return;
    }
    if (record.state === null) {
      this.#entries.delete(id);
      this.#tombstoneOffset = offset;
      return;
    }
    const entry = this.#entries.get(id) ?? this.#add(record.key, record.state);
    entry.state = record.state;
    entry.leaderEpoch = Math.max(entry.leaderEpoch, record.state.leaderEpoch);
    entry.stateEpoch = Math.max(entry.stateEpoch, record.state.stateEpoch);
    if (entry.updateCount >= this.#updateCountMax) entry.updateCount = 0;
    entry.snapshotOffset = offset;
  }

  endTransaction(): void {}

  loaded(): void {}

  unloaded(): void {}

  // ---- One share partition -----------------------------------------------------------------

  initialize(
    key: SharePartitionKey,
    stateEpoch: number,
    startOffset: number,
  ): Answer<ShareStateResult> {
    const known = this.#entry(key);
    const error = this.#check(key, () => fencedState(known, stateEpoch));
    if (error !== null) return answered(error);
    const snapshotEpoch = known === null ? 0 : known.state.snapshotEpoch + 1;
    const state = initialState(stateEpoch, startOffset, snapshotEpoch, this.#nowMs());
    return { records: [{ type: "snapshot", key, state }], response: DONE };
  }

  /** Writes down a leader epoch that was not known yet. */
  read(key: SharePartitionKey, leaderEpoch: number): Answer<ReadShareState> {
    const entry = this.#entry(key);
    const error = this.#check(key, () => {
      if (entry === null) return uninitialized("Read");
      return fencedLeader(entry, leaderEpoch);
    });
    if (error !== null || entry === null) return answered(unread(error ?? uninitialized("Read")));
    const { state } = entry;
    const { stateEpoch, startOffset, stateBatches, deliveryCompleteCount } = state;
    const response = { ...DONE, stateEpoch, startOffset, stateBatches };
    if (leaderEpoch === NO_EPOCH || leaderEpoch === entry.leaderEpoch) return answered(response);
    const written = { ...state, leaderEpoch, deliveryCompleteCount, stateBatches: [] };
    return { records: [this.#recordOf(entry, written)], response };
  }

  write(key: SharePartitionKey, written: WrittenShareState): Answer<ShareStateResult> {
    const entry = this.#entry(key);
    const error = this.#check(key, () => {
      if (entry === null) return uninitialized("Write");
      return fencedLeader(entry, written.leaderEpoch) ?? fencedState(entry, written.stateEpoch);
    });
    if (error !== null || entry === null) return answered(error ?? uninitialized("Write"));
    // Only a read makes a new leader known.
    const { leaderEpoch } = entry.state;
    return { records: [this.#recordOf(entry, { ...written, leaderEpoch })], response: DONE };
  }

  delete(key: SharePartitionKey): Answer<ShareStateResult> {
    const error = this.#check(key, () => null);
    if (error !== null) return answered(error);
    if (this.#entry(key) === null) return answered(DONE);
    return { records: [tombstoneOf(key)], response: DONE };
  }

  summary(key: SharePartitionKey): ShareStateSummary {
    const error = this.#check(key, () => null);
    if (error !== null) return unsummarized(error);
    const state = this.#entry(key)?.state;
    if (state === undefined) {
      const deliveryCompleteCount = UNINITIALIZED_COUNT;
      const startOffset = UNINITIALIZED_START_OFFSET;
      return { ...DONE, stateEpoch: 0, leaderEpoch: 0, startOffset, deliveryCompleteCount };
    }
    const { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount } = state;
    return { ...DONE, stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount };
  }

  // ---- All of them -------------------------------------------------------------------------

  /**
   * Below it nothing of the log is needed; null where that is nothing. One share partition that has
   * not been written for long keeps all that came behind it: hence `snapshotCold`.
   */
  redundantOffset(): number | null {
    let offset = Infinity;
    for (const { snapshotOffset } of this.#entries.values()) {
      if (snapshotOffset !== null) offset = Math.min(offset, snapshotOffset);
    }
    if (offset === Infinity) offset = this.#tombstoneOffset;
    return offset > 0 ? offset : null;
  }

  /** New snapshots of what has not had one for long; none where all is quiet anyway. */
  snapshotCold(): Effects<ShareStateRecord> {
    const entries = [...this.#entries.values()];
    const isCold = ({ state }: Entry) => state.createTimestamp !== state.writeTimestamp;
    if (entries.every(isCold)) return { records: [] };
    const nowMs = this.#nowMs();
    const intervalMs = this.#context.config.shareCoordinatorColdPartitionSnapshotIntervalMs;
    const old = entries.filter(({ state }) => nowMs - state.writeTimestamp >= intervalMs);
    const records = old.map(({ key, state }): ShareStateRecord => {
      const snapshotEpoch = state.snapshotEpoch + 1;
      return { type: "snapshot", key, state: { ...state, snapshotEpoch, writeTimestamp: nowMs } };
    });
    return { records, isAtomic: false };
  }

  topicsDeleted(topicIds: ReadonlySet<string>): Effects<ShareStateRecord> {
    const gone = [...this.#entries.values()].filter(({ key }) => topicIds.has(key.topicId));
    return { records: gone.map(({ key }) => tombstoneOf(key)), isAtomic: false };
  }

  // ---- Helpers -----------------------------------------------------------------------------

  get #updateCountMax(): number {
    return this.#context.config.shareCoordinatorSnapshotUpdateRecordsPerSnapshot;
  }

  #nowMs(): number {
    return this.#context.clock.wallMs();
  }

  #entry(key: SharePartitionKey): Entry | null {
    return this.#entries.get(coordinatorKeyOf(key)) ?? null;
  }

  #add(key: SharePartitionKey, state: ShareState): Entry {
    const { leaderEpoch, stateEpoch } = state;
    const entry = { key, state, leaderEpoch, stateEpoch, updateCount: 0, snapshotOffset: null };
    this.#entries.set(coordinatorKeyOf(key), entry);
    return entry;
  }

  #recordOf({ key, state, updateCount }: Entry, written: WrittenShareState): ShareStateRecord {
    if (updateCount < this.#updateCountMax) {
      return { type: "update", key, update: updateOf(state, written) };
    }
    return { type: "snapshot", key, state: nextSnapshot(state, written, this.#nowMs()) };
  }

  #check(
    { topicId, partition }: SharePartitionKey,
    own: () => ShareStateResult | null,
  ): ShareStateResult | null {
    if (partition < 0) {
      return invalid("The partition id cannot be a negative number.");
    }
    const error = own();
    if (error !== null || this.#context.hasPartition(topicId, partition)) return error;
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: null };
  }
}

/** What places a share partition in `__share_group_state`. */
export function coordinatorKeyOf({ groupId, topicId, partition }: SharePartitionKey): string {
  return `${groupId}:${topicId}:${partition}`;
}

/** As a read answers that failed. */
export function unread(error: ShareStateResult): ReadShareState {
  return { ...error, stateEpoch: 0, startOffset: 0, stateBatches: [] };
}

export function unsummarized(error: ShareStateResult): ShareStateSummary {
  const deliveryCompleteCount = UNINITIALIZED_COUNT;
  return { ...error, stateEpoch: 0, leaderEpoch: 0, startOffset: 0, deliveryCompleteCount };
}

function fencedLeader(entry: Entry, leaderEpoch: number): ShareStateResult | null {
  if (leaderEpoch === NO_EPOCH || entry.leaderEpoch <= leaderEpoch) return null;
  return { errorCode: ErrorCode.FENCED_LEADER_EPOCH, errorMessage: null };
}

function fencedState(entry: Entry | null, stateEpoch: number): ShareStateResult | null {
  if (entry === null || stateEpoch === NO_EPOCH || entry.stateEpoch <= stateEpoch) return null;
  return { errorCode: ErrorCode.FENCED_STATE_EPOCH, errorMessage: null };
}

function uninitialized(what: "Read" | "Write"): ShareStateResult {
  return invalid(`${what} operation on uninitialized share partition not allowed.`);
}

function invalid(errorMessage: string): ShareStateResult {
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
}

function tombstoneOf(key: SharePartitionKey): ShareStateRecord {
  return { type: "snapshot", key, state: null };
}
