/**
 * Asks the coordinator of a share partition, wherever that is, and again while it is being made,
 * moved or loaded, or cannot be reached: Kafka's DefaultStatePersister.
 */
import type { Clock, Timer } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { errorText } from "../../protocol/error-text.ts";
import type {
  ReadShareState,
  SharePartitionKey,
  ShareStatePersister,
  ShareStateSource,
  ShareStateResult,
  ShareStateSummary,
  WrittenShareState,
} from "./persister.ts";
import { unread, unsummarized } from "./share-shard.ts";

export interface RetryingPersisterOptions {
  readonly clock: Clock;
  /** Who coordinates the share partition, as far as it is known now; null where nobody does. */
  readonly coordinatorOf: (key: SharePartitionKey) => ShareStateSource | null;
  /** Whether the newest metadata has the partition. */
  readonly hasPartition: (key: SharePartitionKey) => boolean;
}

/** The wait doubles up to the longest; all in all it is as long as Kafka's five attempts. */
const RETRY_FIRST_MS = 50;
const RETRY_LONGEST_MS = 2_000;
const RETRY_TOTAL_MS = 30_000;

const RETRIABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.REQUEST_TIMED_OUT,
]);

export class RetryingPersister implements ShareStatePersister {
  readonly #options: RetryingPersisterOptions;
  /** Whoever waits for the next attempt. */
  readonly #waits = new Map<Timer, () => void>();
  #isStopped = false;

  constructor(options: RetryingPersisterOptions) {
    this.#options = options;
  }

  readState(key: SharePartitionKey, leaderEpoch: number): Promise<ReadShareState> {
    return this.#ask(
      "read state",
      key,
      (coordinator) => coordinator.read(key, leaderEpoch),
      unread,
    );
  }

  writeState(key: SharePartitionKey, state: WrittenShareState): Promise<ShareStateResult> {
    return this.#ask("write state", key, (coordinator) => coordinator.write(key, state));
  }

  initializeState(
    key: SharePartitionKey,
    stateEpoch: number,
    startOffset: number,
  ): Promise<ShareStateResult> {
    return this.#ask("initialize state", key, (coordinator) =>
      coordinator.initialize(key, stateEpoch, startOffset),
    );
  }

  deleteState(key: SharePartitionKey): Promise<ShareStateResult> {
    return this.#ask("delete state", key, (coordinator) => coordinator.delete(key));
  }

  readSummary(key: SharePartitionKey, leaderEpoch: number): Promise<ShareStateSummary> {
    return this.#ask(
      "read state summary",
      key,
      (coordinator) => coordinator.summary(key, leaderEpoch),
      unsummarized,
    );
  }

  /** Whoever still waits gets the last error. */
  stop(): void {
    this.#isStopped = true;
    for (const [timer, resume] of this.#waits) {
      timer.cancel();
      resume();
    }
    this.#waits.clear();
  }

  #ask(
    what: string,
    key: SharePartitionKey,
    attempt: (coordinator: ShareStateSource) => Promise<ShareStateResult>,
  ): Promise<ShareStateResult>;
  #ask<T extends ShareStateResult>(
    what: string,
    key: SharePartitionKey,
    attempt: (coordinator: ShareStateSource) => Promise<T>,
    failure: (error: ShareStateResult) => T,
  ): Promise<T>;
  async #ask(
    what: string,
    key: SharePartitionKey,
    attempt: (coordinator: ShareStateSource) => Promise<ShareStateResult>,
    failure = (error: ShareStateResult): ShareStateResult => error,
  ): Promise<ShareStateResult> {
    let waitedMs = 0;
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(2 * waitMs, RETRY_LONGEST_MS)) {
      const coordinator = this.#options.coordinatorOf(key);
      const result = coordinator === null ? NOBODY : await attempt(coordinator);
      if (result.errorCode === ErrorCode.NONE) return result;
      const { errorCode } = result;
      if (!this.#mayPass(errorCode, key) || this.#isStopped || waitedMs >= RETRY_TOTAL_MS) {
        const reason = result.errorMessage ?? errorText(errorCode);
        const where = result === NOBODY ? "Error in find coordinator." : `Error in ${what} RPC.`;
        return failure({ errorCode, errorMessage: `${where} ${reason}` });
      }
      await this.#wait(waitMs);
      waitedMs += waitMs;
    }
  }

  #mayPass(errorCode: ErrorCode, key: SharePartitionKey): boolean {
    if (RETRIABLE.has(errorCode)) return true;
    // The coordinator may not have heard of it yet.
    const isUnknown = errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return isUnknown && this.#options.hasPartition(key);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.schedule(ms, () => {
        this.#waits.delete(timer);
        resolve();
      });
      this.#waits.set(timer, resolve);
    });
  }
}

const NOBODY: ShareStateResult = {
  errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
  errorMessage: null,
};
