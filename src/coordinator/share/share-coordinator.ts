/**
 * The share coordinator (KIP-932) as request handlers see it: one method for each request, which
 * resolves with what to answer. It never rejects.
 *
 * It keeps the state of share partitions for their leaders, in `__share_group_state`; the states
 * themselves live in the shards (share-shard.ts).
 */
import { Histogram } from "../../base/histogram.ts";
import type { Logger } from "../../base/logger.ts";
import type { Clock } from "../../base/world.ts";
import { SHARE_GROUP_STATE_TOPIC } from "../../metadata/internal-topics.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { errorText } from "../../protocol/error-text.ts";
import { answered, type Outcome } from "../outcome.ts";
import { Periodic } from "../periodic.ts";
import { CoordinatorRuntime } from "../runtime.ts";
import type { ShareConfig } from "./share-config.ts";
import type {
  ReadShareState,
  SharePartitionKey,
  ShareStateResult,
  ShareStateSummary,
  WrittenShareState,
} from "./persister.ts";
import { type ShareStateRecord, shareStateRecordCodec } from "./share-records.ts";
import { coordinatorKeyOf, ShareShard, unread, unsummarized } from "./share-shard.ts";

export interface ShareCoordinatorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: ShareConfig;
  /** Whether the newest metadata has the partition. */
  readonly hasPartition: (topicId: string, partition: number) => boolean;
  /** Partitions of `__share_group_state`: as it is, or as it will be made. */
  readonly partitionCount: () => number;
}

export class ShareCoordinator {
  /** Until a state that was to be written is kept. */
  readonly writesUs = new Histogram();
  /** Whose partition is whose, by "group:topicId:partition". */
  readonly runtime: CoordinatorRuntime<ShareShard, ShareStateRecord>;
  readonly #clock: Clock;
  readonly #periodic: Periodic;

  constructor(options: ShareCoordinatorOptions) {
    const { clock, logger, config, hasPartition, partitionCount } = options;
    this.#clock = clock;
    this.runtime = new CoordinatorRuntime({
      topic: SHARE_GROUP_STATE_TOPIC,
      clock,
      logger,
      codec: shareStateRecordCodec,
      createState: () => new ShareShard({ clock, config, hasPartition }),
      commitTimeoutMs: config.shareCoordinatorWriteTimeoutMs,
      loadSizeMax: config.shareCoordinatorLoadBufferSize,
      compression: config.shareCoordinatorStateTopicCompressionCodec,
      baseSequence: 0,
      appendLingerMs: () => config.shareCoordinatorAppendLingerMs,
      partitionCount,
      stoppedError: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    });
    this.#periodic = new Periodic(clock);
    this.#periodic.every(
      () => config.shareCoordinatorStateTopicPruneIntervalMs,
      () => this.runtime.prune((shard) => shard.redundantOffset()),
    );
    this.#periodic.every(
      () => config.shareCoordinatorColdPartitionSnapshotIntervalMs,
      () => this.#runAll((shard) => ({ ...shard.snapshotCold(), response: undefined })),
    );
  }

  // ---- Life --------------------------------------------------------------------------------

  /** What groups have got to in the topics is forgotten; resolves when that is committed. */
  topicsDeleted(topicIds: ReadonlySet<string>): Promise<void> {
    return this.#runAll((shard) => ({ ...shard.topicsDeleted(topicIds), response: undefined }));
  }

  /** Whoever waits is told to look for another coordinator. */
  stop(): void {
    this.#periodic.stop();
    this.runtime.stop();
  }

  // ---- One share partition -----------------------------------------------------------------

  initialize(
    key: SharePartitionKey,
    stateEpoch: number,
    startOffset: number,
  ): Promise<ShareStateResult> {
    return this.#run(
      key,
      (shard) => shard.initialize(key, stateEpoch, startOffset),
      (error) => failed("initialize share group state", error),
    );
  }

  read(key: SharePartitionKey, leaderEpoch: number): Promise<ReadShareState> {
    return this.#run(
      key,
      (shard) => shard.read(key, leaderEpoch),
      (error) => unread(failed("read share group state", error)),
    );
  }

  async write(key: SharePartitionKey, state: WrittenShareState): Promise<ShareStateResult> {
    const startMs = this.#clock.monotonicMs();
    const result = await this.#run(
      key,
      (shard) => shard.write(key, state),
      (error) => failed("write share group state", error),
    );
    this.writesUs.record((this.#clock.monotonicMs() - startMs) * US_PER_MS);
    return result;
  }

  delete(key: SharePartitionKey): Promise<ShareStateResult> {
    return this.#run(
      key,
      (shard) => shard.delete(key),
      (error) => failed("delete share group state", error),
    );
  }

  summary(key: SharePartitionKey): Promise<ShareStateSummary> {
    return this.#run(
      key,
      (shard) => answered(shard.summary(key)),
      (error) => unsummarized(failed("read share group state summary", error)),
    );
  }

  // ---- Helpers -----------------------------------------------------------------------------

  async #run<T extends ShareStateResult>(
    key: SharePartitionKey,
    operation: (shard: ShareShard) => Outcome<ShareStateRecord, T>,
    failure: (error: ErrorCode) => T,
  ): Promise<T> {
    const result = await this.runtime.runFor(coordinatorKeyOf(key), operation, failure);
    if (result.errorCode === ErrorCode.NONE || result.errorMessage !== null) return result;
    return { ...result, errorMessage: errorText(result.errorCode) };
  }

  async #runAll(
    operation: (shard: ShareShard) => Outcome<ShareStateRecord, undefined>,
  ): Promise<void> {
    await this.runtime.runAll(operation, () => undefined);
  }
}

const US_PER_MS = 1000;

function failed(what: string, errorCode: ErrorCode): ShareStateResult {
  return { errorCode, errorMessage: `Unable to ${what}: ${errorText(errorCode)}` };
}
