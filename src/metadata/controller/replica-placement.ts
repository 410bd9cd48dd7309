/**
 * Where the replicas of new partitions go: striped over racks and, within a rack, over brokers, so
 * that all brokers get about as many replicas, and as many partitions to lead, and the replicas of
 * one partition lie in different racks as long as there are enough.
 */
import { assert } from "../../base/assert.ts";
import type { Random } from "../../base/world.ts";
import type { BrokerRegistration } from "../cluster-image.ts";
import type { MetadataImage } from "../image.ts";

export interface Placement {
  readonly replicas: readonly number[];
  readonly directories: readonly string[];
}

/** One placement a partition, or Kafka's words for why it cannot be done. */
export function placeReplicas(
  image: MetadataImage,
  random: Random,
  partitionCount: number,
  replicationFactor: number,
): Placement[] | string {
  const racks = new Racks(random, usableBrokers(image));
  if (racks.unfencedCount === 0) {
    return "All brokers are currently fenced, or have all their log directories cordoned.";
  }
  if (replicationFactor > racks.brokerCount) {
    return (
      `The target replication factor of ${replicationFactor} cannot be reached because only ` +
      `${racks.brokerCount} broker(s) are registered or some brokers have all their log ` +
      `directories cordoned.`
    );
  }
  const placements: Placement[] = [];
  for (let partition = 0; partition < partitionCount; partition++) {
    placements.push(placementOn(image, racks.next(replicationFactor)));
  }
  return placements;
}

export function placementOn(image: MetadataImage, replicas: readonly number[]): Placement {
  return { replicas, directories: replicas.map((id) => image.cluster.defaultDirectory(id)) };
}

/** Fenced brokers may hold replicas, but never the first one. */
function usableBrokers(image: MetadataImage): BrokerRegistration[] {
  const brokers = [...image.cluster.brokers.values()];
  return brokers.filter((broker) => !broker.inControlledShutdown && hasRoom(broker));
}

/** KIP-1066: a broker all of whose directories are cordoned takes nothing new. */
function hasRoom(broker: BrokerRegistration): boolean {
  const { directories, cordonedDirectories } = broker;
  if (directories.length === 0 || cordonedDirectories === null) return true;
  return directories.some((directory) => !cordonedDirectories.includes(directory));
}

class Racks {
  readonly #random: Random;
  readonly #racks: Rack[];
  readonly brokerCount: number;
  readonly unfencedCount: number;
  /** The rack of the next leader. */
  #offset: number;
  #round = 0;

  constructor(random: Random, brokers: readonly BrokerRegistration[]) {
    this.#random = random;
    this.brokerCount = brokers.length;
    this.unfencedCount = brokers.filter((broker) => !broker.fenced).length;
    const byRack = Map.groupBy(brokers, (broker) => broker.rack ?? "");
    const names = [...byRack.keys()].sort();
    this.#racks = names.map((name) => new Rack(random, byRack.get(name) ?? []));
    this.#offset = names.length === 0 ? 0 : below(random, names.length);
  }

  next(replicationFactor: number): number[] {
    if (this.#round === this.unfencedCount && this.unfencedCount > 1) this.#shuffle();
    const leaderRack = this.#rackWithLeader();
    const leader = this.#racks[leaderRack]!.nextUnfenced(this.#round);
    const replicas = [leader];
    let rack = this.#offset;
    let isLeaderRackDue = true;
    while (replicas.length < replicationFactor) {
      // The rack of the leader had its turn already, once.
      if (rack === leaderRack && isLeaderRackDue) isLeaderRackDue = false;
      else {
        const replica = this.#racks[rack]!.next(this.#round);
        if (replica >= 0) replicas.push(replica);
      }
      rack = (rack + 1) % this.#racks.length;
    }
    this.#round++;
    this.#offset = (this.#offset + 1) % this.#racks.length;
    return replicas;
  }

  #rackWithLeader(): number {
    for (let step = 0; step < this.#racks.length; step++) {
      const rack = (this.#offset + step) % this.#racks.length;
      if (this.#racks[rack]!.unfencedCount > 0) return rack;
    }
    assert(false, "a rack with an unfenced broker");
  }

  /** After a round all pairs of leader and follower have been alike: mix anew. */
  #shuffle(): void {
    shuffle(this.#random, this.#racks);
    for (const rack of this.#racks) rack.shuffle();
    this.#round = 0;
  }
}

class Rack {
  readonly #fenced: BrokerRing;
  readonly #unfenced: BrokerRing;

  constructor(random: Random, brokers: readonly BrokerRegistration[]) {
    const [fenced, unfenced] = [true, false].map((isFenced) =>
      brokers.filter((broker) => broker.fenced === isFenced).map((broker) => broker.id),
    );
    this.#fenced = new BrokerRing(random, fenced!);
    this.#unfenced = new BrokerRing(random, unfenced!);
  }

  get unfencedCount(): number {
    return this.#unfenced.size;
  }

  nextUnfenced(round: number): number {
    return this.#unfenced.next(round);
  }

  next(round: number): number {
    const unfenced = this.#unfenced.next(round);
    return unfenced >= 0 ? unfenced : this.#fenced.next(round);
  }

  shuffle(): void {
    this.#fenced.shuffle();
    this.#unfenced.shuffle();
  }
}

/** Gives each broker once a round; every round begins one broker further. */
class BrokerRing {
  readonly #random: Random;
  readonly #brokers: number[];
  #start: number;
  #given = 0;
  #round = 0;

  constructor(random: Random, brokers: readonly number[]) {
    this.#random = random;
    this.#brokers = brokers.toSorted((a, b) => a - b);
    this.#start = brokers.length === 0 ? 0 : below(random, brokers.length);
  }

  get size(): number {
    return this.#brokers.length;
  }

  /** -1 when all were given in this round. */
  next(round: number): number {
    if (this.#brokers.length === 0) return -1;
    if (this.#round !== round) {
      this.#round = round;
      this.#given = 0;
      this.#start = (this.#start + 1) % this.#brokers.length;
    }
    if (this.#given >= this.#brokers.length) return -1;
    const broker = this.#brokers[(this.#start + this.#given) % this.#brokers.length]!;
    this.#given++;
    return broker;
  }

  shuffle(): void {
    shuffle(this.#random, this.#brokers);
  }
}

function below(random: Random, count: number): number {
  return random.uint32() % count;
}

function shuffle<T>(random: Random, items: T[]): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = below(random, last + 1);
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
}
