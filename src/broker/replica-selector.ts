/**
 * Which replica a consumer should read from (KIP-392): replica.selector.class. Leaders tell it to
 * consumers that say in which rack they are.
 */
import type { ClusterImage } from "../metadata/cluster-image.ts";

/** What a leader knows of a follower. */
export interface ReplicaView {
  readonly brokerId: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** When it was last known to have all; greater is better. */
  readonly lastCaughtUpMs: number;
}

/** As its leader knows it. */
export interface LedPartition {
  readonly registration: { readonly leader: number; readonly isr: readonly number[] };
  readonly followers: readonly ReplicaView[];
}

export type ReplicaSelector = (
  rackId: string,
  fetchOffset: number,
  partition: LedPartition,
  cluster: ClusterImage,
) => number | null;

/**
 * In the rack of the consumer, unless the leader is there; of several the one that is furthest, and
 * of those the one that lags least. Null: the leader.
 */
export function selectByRack(
  rackId: string,
  fetchOffset: number,
  { registration, followers }: LedPartition,
  cluster: ClusterImage,
): number | null {
  const { leader, isr } = registration;
  if (rackId === "" || cluster.broker(leader)?.rack === rackId) return null;
  let best: ReplicaView | null = null;
  for (const replica of followers) {
    const { brokerId, logStartOffset, logEndOffset } = replica;
    // One that is out of sync may lag for ever; and a consumer must find its next record there.
    if (!isr.includes(brokerId) || fetchOffset < logStartOffset || fetchOffset > logEndOffset) {
      continue;
    }
    const broker = cluster.broker(brokerId);
    if (broker === null || broker.fenced || broker.rack !== rackId) continue;
    if (best === null || isBetter(replica, best)) best = replica;
  }
  return best?.brokerId ?? null;
}

function isBetter(replica: ReplicaView, than: ReplicaView): boolean {
  if (replica.logEndOffset !== than.logEndOffset) return replica.logEndOffset > than.logEndOffset;
  return replica.lastCaughtUpMs > than.lastCaughtUpMs;
}
