/**
 * The persister of a node that coordinates all share partitions itself: asks its own coordinator,
 * and again while that is being made or loaded.
 */
import type { Clock, Timer } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { errorText } from "../../protocol/error-text.ts";
import type {
  ReadShareState,
  SharePartitionKey,
  ShareStatePersister,
  ShareStateResult,
  ShareStateSummary,
  WrittenShareState,
} from "./persister.ts";
import type { ShareCoordinator } from "./share-coordinator.ts";
import { unread, unsummarized } from "./share-shard.ts";

export interface LocalPersisterOptions {
  readonly clock: Clock;
  readonly coordinator: () => ShareCoordinator;
  /** Whether `__share_group_state` is there; where it is not, it is on its way from now on. */
  readonly ensureTopic: () => boolean;
}

/** The wait doubles up to the longest; all in all it is as long as Kafka's five attempts. */
const RETRY_FIRST_MS = 50;
const RETRY_LONGEST_MS = 2_000;
const RETRY_TOTAL_MS = 30_000;

/** A partition that is unknown here, where the metadata is, does not come by waiting. */
const RETRIABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
]);

export class LocalPersister implements ShareStatePersister {
  readonly #options: LocalPersisterOptions;
  /** Whoever waits for the next attempt. */
  readonly #waits = new Map<Timer, () => void>();
  #isStopped = false;

  constructor(options: LocalPersisterOptions) {
    this.#options = options;
  }

  readState(key: SharePartitionKey, leaderEpoch: number): Promise<ReadShareState> {
    return this.#ask("read state", (coordinator) => coordinator.read(key, leaderEpoch), unread);
  }

  writeState(key: SharePartitionKey, state: WrittenShareState): Promise<ShareStateResult> {
    return this.#ask("write state", (coordinator) => coordinator.write(key, state));
  }

  initializeState(
    key: SharePartitionKey,
    stateEpoch: number,
    startOffset: number,
  ): Promise<ShareStateResult> {
    return this.#ask("initialize state", (coordinator) =>
      coordinator.initialize(key, stateEpoch, startOffset),
    );
  }

  deleteState(key: SharePartitionKey): Promise<ShareStateResult> {
    return this.#ask("delete state", (coordinator) => coordinator.delete(key));
  }

  readSummary(key: SharePartitionKey): Promise<ShareStateSummary> {
    return this.#ask("read state summary", (coordinator) => coordinator.summary(key), unsummarized);
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
    attempt: (coordinator: ShareCoordinator) => Promise<ShareStateResult>,
  ): Promise<ShareStateResult>;
  #ask<T extends ShareStateResult>(
    what: string,
    attempt: (coordinator: ShareCoordinator) => Promise<T>,
    failure: (error: ShareStateResult) => T,
  ): Promise<T>;
  async #ask(
    what: string,
    attempt: (coordinator: ShareCoordinator) => Promise<ShareStateResult>,
    failure = (error: ShareStateResult): ShareStateResult => error,
  ): Promise<ShareStateResult> {
    const { coordinator, ensureTopic } = this.#options;
    let waitedMs = 0;
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(2 * waitMs, RETRY_LONGEST_MS)) {
      const result = ensureTopic() ? await attempt(coordinator()) : NO_TOPIC;
      if (result.errorCode === ErrorCode.NONE) return result;
      const { errorCode } = result;
      if (!RETRIABLE.has(errorCode) || this.#isStopped || waitedMs >= RETRY_TOTAL_MS) {
        const reason = result.errorMessage ?? errorText(errorCode);
        const where = result === NO_TOPIC ? "Error in find coordinator." : `Error in ${what} RPC.`;
        return failure({ errorCode, errorMessage: `${where} ${reason}` });
      }
      await this.#wait(waitMs);
      waitedMs += waitMs;
    }
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

const NO_TOPIC: ShareStateResult = {
  errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
  errorMessage: null,
};
