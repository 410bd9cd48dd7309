/**
 * How fast replicas that have fallen behind may catch up, as a leader or as a follower (KIP-73).
 * Only those count that their topic names in `*.replication.throttled.replicas`.
 */
import type { Clock } from "../../base/world.ts";
import type { LogConfig } from "../../log/log-config.ts";
import { Rate, type RateWindow } from "./rate.ts";

/** A partition of this node. */
export interface ThrottledReplica {
  readonly index: number;
  readonly log: { readonly config: LogConfig };
}

export interface ReplicationQuotaOptions {
  readonly clock: Clock;
  readonly nodeId: number;
  /** replication.quota.window.* */
  readonly window: RateWindow;
  /** Infinity without a limit. */
  readonly bytesPerSecond: () => number;
  readonly replicasOf: (config: LogConfig) => readonly string[];
}

const ALL = "*";

export class ReplicationQuota {
  readonly #options: ReplicationQuotaOptions;
  readonly #rate: Rate;

  constructor(options: ReplicationQuotaOptions) {
    this.#options = options;
    this.#rate = new Rate({ ...options.window, countsMissing: false });
  }

  isThrottled({ index, log }: ThrottledReplica): boolean {
    const { replicasOf, nodeId } = this.#options;
    const replicas = replicasOf(log.config);
    if (replicas.length === 0) return false;
    return replicas.includes(ALL) || replicas.includes(`${index}:${nodeId}`);
  }

  /** Of one that is not in sync: in sync it goes on, lest it falls out. */
  holdsBack(replica: ThrottledReplica): boolean {
    return this.isThrottled(replica) && this.isExceeded;
  }

  get isExceeded(): boolean {
    const limit = this.#options.bytesPerSecond();
    return limit < Infinity && this.bytesPerSecond > limit;
  }

  /** Bytes of a replica, in sync or not. */
  record(replica: ThrottledReplica, size: number): void {
    if (size > 0 && this.isThrottled(replica)) {
      this.#rate.record(size, this.#options.clock.monotonicMs());
    }
  }

  get bytesPerSecond(): number {
    return this.#rate.perSecond(this.#options.clock.monotonicMs());
  }
}
