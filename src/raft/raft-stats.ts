/** What Kafka's raft-metrics tell of a node's part in the quorum, beside its state. */
import { Histogram } from "../base/histogram.ts";

export class RaftStats {
  /** From an append as the leader until it is committed. */
  readonly commitsUs = new Histogram();
  /** From the moment at which this node stands until it knows a leader. */
  readonly electionsUs = new Histogram();
  /** Records that this node appended as the leader. */
  appendedCount = 0;
  /** Leaders that became known, one an epoch. */
  leaderCount = 0;
  #leaderEpoch = -1;
  #standingSinceMs: number | null = null;

  committed(tookMs: number): void {
    this.commitsUs.record(tookMs * US_PER_MS);
  }

  leads(leaderEpoch: number): void {
    if (leaderEpoch === this.#leaderEpoch) return;
    this.#leaderEpoch = leaderEpoch;
    this.leaderCount++;
  }

  /** Whenever the role may be another. */
  roleIs(stands: boolean, nowMs: number): void {
    if (stands) {
      this.#standingSinceMs ??= nowMs;
    } else if (this.#standingSinceMs !== null) {
      this.electionsUs.record((nowMs - this.#standingSinceMs) * US_PER_MS);
      this.#standingSinceMs = null;
    }
  }
}

const US_PER_MS = 1000;
