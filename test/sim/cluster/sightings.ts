/**
 * The replicas of all nodes that are up, and of which partitions any has moved since the last look:
 * rules that held for a partition hold until one of its replicas is another, or says something
 * else. Most partitions stand still from one look to the next.
 */
import type { PartitionRegistration } from "../../../src/metadata/partition-registration.ts";
import type { Partition } from "../../../src/partition/partition.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** One partition, wherever its replicas are. One that was deleted and made again is another. */
export interface Place {
  readonly key: string;
  readonly name: string;
  /** The look in which a replica was seen to have moved, the last time. */
  movedIn: number;
}

/** One replica in one life of its node. */
export interface Sighting {
  readonly node: SimulatedNode;
  readonly partition: Partition;
  readonly place: Place;
}

interface State extends Sighting {
  highWatermark: number;
  logStartOffset: number;
  logEndOffset: number;
  leaderEpoch: number;
  isLeader: boolean;
  hasFailed: boolean;
  registration: PartitionRegistration | null;
}

export class Sightings {
  readonly #places = new Map<string, Place>();
  #states = new WeakMap<Partition, State>();
  #looks = 0;
  #all: State[] = [];

  /** All that there are now. */
  look(nodes: readonly SimulatedNode[]): readonly Sighting[] {
    this.#looks++;
    const all: State[] = [];
    for (const node of nodes) {
      const running = node.life?.node ?? null;
      if (running === null) continue;
      for (const partition of running.broker.partitions) {
        const state = this.#states.get(partition) ?? this.#see(node, partition);
        if (hasMoved(state)) state.place.movedIn = this.#looks;
        all.push(state);
      }
    }
    this.#all = all;
    return all;
  }

  /** Those of partitions that have moved since the look before. */
  moved(): readonly Sighting[] {
    return this.#all.filter(({ place }) => place.movedIn === this.#looks);
  }

  #see(node: SimulatedNode, partition: Partition): State {
    const name = `${partition.topic}-${partition.index}`;
    const key = placeKey(partition.topicId, partition.topic, partition.index);
    const place = this.#places.get(key) ?? { key, name, movedIn: 0 };
    this.#places.set(key, place);
    const state: State = {
      ...{ node, partition, place, registration: null },
      ...{ highWatermark: -1, logStartOffset: -1, logEndOffset: -1, leaderEpoch: -1 },
      ...{ isLeader: false, hasFailed: false },
    };
    this.#states.set(partition, state);
    return state;
  }
}

export function placeKey(topicId: string, topic: string, index: number): string {
  return `${topicId} ${topic}-${index}`;
}

/** Notes what it is now. */
function hasMoved(state: State): boolean {
  const { leaderEpoch, isLeader, registration, log } = state.partition;
  const { highWatermark, logStartOffset, logEndOffset } = log;
  const hasFailed = log.failure !== null;
  const isSame =
    state.highWatermark === highWatermark &&
    state.logStartOffset === logStartOffset &&
    state.logEndOffset === logEndOffset &&
    state.leaderEpoch === leaderEpoch &&
    state.registration === registration &&
    state.isLeader === isLeader &&
    state.hasFailed === hasFailed;
  if (isSame) return false;
  state.highWatermark = highWatermark;
  state.logStartOffset = logStartOffset;
  state.logEndOffset = logEndOffset;
  state.leaderEpoch = leaderEpoch;
  state.registration = registration;
  state.isLeader = isLeader;
  state.hasFailed = hasFailed;
  return true;
}
