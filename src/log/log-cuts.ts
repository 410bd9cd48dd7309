/** How logs are cut by who has replicas: `LogManager`, which keeps the checkpoints in step. */
import type { Log } from "./log.ts";

export interface LogCuts {
  /**
   * Drops records of `offset` and above; false when there are none. A checkpoint may have to be
   * written before: when that is done and `isWanted` says no, nothing is cut.
   */
  truncateTo(log: Log, offset: number, isWanted?: () => boolean): Promise<boolean>;
  /** Drops everything; the next record gets `offset`. */
  truncateFullyAndStartAt(
    log: Log,
    offset: number,
    logStartOffset?: number,
    isWanted?: () => boolean,
  ): Promise<void>;
}
