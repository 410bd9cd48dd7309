/**
 * What must hold of the replicas of a partition, by the newest that any node has of the metadata, or
 * that a controller has answered a leader (it may be a node that is not up as a broker yet):
 *
 * - the leader is in sync, and nobody is in sync and eligible (KIP-966) at the same time;
 * - whoever is in sync, or eligible, has all that is committed: what any replica ever had below its
 *   high watermark. So it may be elected, and nothing is lost.
 *
 * Of nodes that are up: one that has lost its power is in sync until the controller hears of it.
 */
import {
  NO_LEADER,
  type PartitionRegistration,
} from "../../../src/metadata/partition-registration.ts";
import type { Node } from "../../../src/server/node.ts";
import { placeKey, type Sighting } from "./sightings.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { Violation } from "./violation.ts";

interface Newest {
  readonly registration: PartitionRegistration;
  /** Of the metadata. A leader's own says nothing of who is eligible: it is not answered that. */
  readonly isWhole: boolean;
}

export class ReplicaRules {
  /** By partition: what any replica had below its high watermark. */
  readonly #committed = new Map<string, number>();
  /** The same keys; of the last look. */
  readonly #newest = new Map<string, Newest>();
  /** By node: its life, and the metadata that was looked at. */
  readonly #seen = new Map<number, string>();

  check(
    nodes: readonly SimulatedNode[],
    all: readonly Sighting[],
    moved: readonly Sighting[],
  ): void {
    const changed = new Set<string>();
    for (const { id, life } of nodes) {
      if (life?.node != null) this.#noteImage(id, `${life.number}`, life.node, changed);
    }
    for (const { place, partition } of moved) {
      const known = this.#committed.get(place.key) ?? 0;
      const { highWatermark, failure } = partition.log;
      // One that failed while it was loaded may be of an older topic of that name.
      if (failure !== null) continue;
      if (highWatermark > known) this.#committed.set(place.key, highWatermark);
      if (partition.isLeader) {
        this.#note(place.key, partition.registration, false, changed);
      }
    }
    const isMoved = new Set(moved);
    for (const sighting of all) {
      if (isMoved.has(sighting) || changed.has(sighting.place.key)) this.#checkReplica(sighting);
    }
  }

  #noteImage(nodeId: number, life: string, { broker }: Node, changed: Set<string>): void {
    const seen = `${life} ${broker.metadata.lastOffset}`;
    if (this.#seen.get(nodeId) === seen) return;
    this.#seen.set(nodeId, seen);
    for (const { id, name, partitions } of broker.image.topics.values()) {
      partitions.forEach((registration, index) => {
        this.#note(placeKey(id, name, index), registration, true, changed);
      });
    }
  }

  #note(
    key: string,
    registration: PartitionRegistration,
    isWhole: boolean,
    changed: Set<string>,
  ): void {
    const known = this.#newest.get(key);
    if (known?.registration === registration && known.isWhole === isWhole) return;
    const newest = { registration, isWhole };
    if (known !== undefined && ageOf(known) >= ageOf(newest)) return;
    this.#newest.set(key, newest);
    changed.add(key);
    if (isWhole) checkRegistration(nameOf(key), registration);
  }

  #checkReplica({ node: { id, isRotten }, partition: { log }, place }: Sighting): void {
    const newest = this.#newest.get(place.key);
    if (newest === undefined || log.failure !== null || isRotten) return;
    const { isr, partitionEpoch } = newest.registration;
    const eligible = newest.isWhole ? newest.registration.eligibleLeaderReplicas : [];
    const committed = this.#committed.get(place.key) ?? 0;
    if (log.logEndOffset >= committed) return;
    const isInSync = isr.includes(id);
    if (!isInSync && !eligible.includes(id)) return;
    const role = isInSync ? "in sync" : "eligible";
    const offsets = `its log ends at ${log.logEndOffset}, and ${committed} was committed`;
    const detail = `${place.name}: node ${id} is ${role} (${partitionEpoch}): ${offsets}`;
    throw new Violation("in-sync-without-all", detail);
  }
}

/** The topic and partition of a place. */
function nameOf(key: string): string {
  return key.slice(key.indexOf(" ") + 1);
}

/** Of two with one partition epoch the metadata's is the newer. */
function ageOf({ registration: { partitionEpoch }, isWhole }: Newest): number {
  return partitionEpoch * 2 + (isWhole ? 1 : 0);
}

function checkRegistration(name: string, registration: PartitionRegistration): void {
  const { leader, isr, eligibleLeaderReplicas, partitionEpoch, replicas } = registration;
  const told = `${name} (${partitionEpoch}): leader ${leader}, isr ${isr}, elr ${eligibleLeaderReplicas}`;
  if (leader !== NO_LEADER && !isr.includes(leader)) {
    throw new Violation("leader-not-in-sync", told);
  }
  if (eligibleLeaderReplicas.some((id) => isr.includes(id))) {
    throw new Violation("eligible-and-in-sync", told);
  }
  if ([...isr, ...eligibleLeaderReplicas].some((id) => !replicas.includes(id))) {
    throw new Violation("in-sync-without-copy", told);
  }
}
