/** What every log of a node shares; `LogManager` is it, and so is whoever keeps a log alone. */
import type { Logger } from "../base/logger.ts";
import type { Histogram } from "../base/histogram.ts";
import type { Clock, Disk, DiskError, Random } from "../base/world.ts";
import type { BatchExaminer } from "./examiner/batch-examiner.ts";
import type { FileHandles } from "./file-handles.ts";
import type { ValidationStats } from "./validation-stats.ts";
import type { WorkQueue } from "./work-queue.ts";

export interface LogHost {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly handles: FileHandles;
  /** For batches that would hold the loop. */
  readonly examiner: BatchExaminer;
  /** How long syncs took, in microseconds. */
  readonly flushesUs: Histogram;
  readonly validation: ValidationStats;
  /** Syncs that nobody waits for, a few at a time. */
  readonly background: WorkQueue;
  readonly producerIdExpirationMs: number;
  /** KIP-890: transactional batches need the coordinator's word first. */
  readonly verifiesTransactions: boolean;
  /** Runs later unless the node stops before. */
  schedule(delayMs: number, work: () => void): void;
  /** The log holds memory and files; `coolDown` is called when it has been idle for a while. */
  warmed(log: Coolable): void;
  /** Recovery has a whole segment less to read, once the checkpoint knows. */
  segmentFlushed(directory: string): void;
  /** A read, a write or a sync failed: the directory is used no more. */
  directoryFailed(directory: string, error: DiskError): void;
}

export interface Coolable {
  /** Gives files, memory and reserved blocks back; false when it was used since the last call. */
  coolDown(): boolean;
}
