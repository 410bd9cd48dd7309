/**
 * What must hold in a cluster at every moment, looked at from outside:
 *
 * - what was committed in a partition, or in the metadata, is never another, and is never lost:
 *   whoever leads in the newest epoch has all of it (`CommittedLog`);
 * - an epoch has one leader at most; a leader's high watermark never falls in its epoch, and stands
 *   still while fewer are in sync than min.insync.replicas;
 * - last stable offset <= high watermark <= log end;
 * - nodes with the metadata up to the same offset have the same image;
 * - of how transactions end see marker-rules.ts;
 * - of the quorum see quorum-rules.ts, of who is in sync or may be elected replica-rules.ts.
 */
import { DiskError } from "../../../src/base/world.ts";
import type { Partition } from "../../../src/partition/partition.ts";
import { encodeRecord } from "../../../src/metadata/record.ts";
import { snapshotRecords } from "../../../src/metadata/snapshot-records.ts";
import type { Node } from "../../../src/server/node.ts";
import { METADATA_DIRECTORY } from "./cluster.ts";
import { CommittedLog } from "./committed-log.ts";
import { MarkerRules } from "./marker-rules.ts";
import { QuorumRules } from "./quorum-rules.ts";
import { ReplicaRules } from "./replica-rules.ts";
import { ReplicaView } from "./replica-view.ts";
import { DIRECTORY } from "./shape.ts";
import { type Sighting, Sightings } from "./sightings.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { Violation } from "./violation.ts";

interface Leadership {
  readonly life: string;
  readonly epoch: number;
  readonly highWatermark: number;
  /** While it was so in the same partition epoch, nothing may be committed. */
  readonly underMinIsrIn: number;
}

const METADATA_PATH = `${DIRECTORY}/${METADATA_DIRECTORY}`;
const METADATA_KEY = "metadata";
const IMAGES_MAX = 64;
const IMAGES_EVERY = 16;

export class Invariants {
  /** Looks of the log as a whole are too much for what is compacted. */
  readonly #isComparable: (topic: string) => boolean;
  /** By partition. */
  readonly #committed = new Map<string, CommittedLog>();
  /** By partition: the newest epoch that anybody led in, and by all epochs who led. */
  readonly #newestEpochs = new Map<string, number>();
  readonly #leaders = new Map<string, string>();
  /** By node and partition. */
  readonly #views = new Map<string, ReplicaView>();
  readonly #leaderships = new Map<string, Leadership>();
  /** By metadata offset. */
  readonly #images = new Map<number, { readonly hash: number; readonly who: number }>();
  /** By node: the metadata offset that was looked at. */
  readonly #seenOffsets = new Map<number, number>();
  /** By node: the life and the offset whose image was looked at. */
  readonly #seenImages = new Map<number, string>();
  readonly #quorum = new QuorumRules();
  readonly #replicas = new ReplicaRules();
  readonly #markers = new MarkerRules();
  readonly #sightings = new Sightings();
  checks = 0;

  constructor(isComparable: (topic: string) => boolean) {
    this.#isComparable = isComparable;
  }

  check(nodes: readonly SimulatedNode[]): void {
    this.checks++;
    const sightings = this.#sightings.look(nodes);
    const moved = leadersFirst(this.#sightings.moved());
    for (const { place, partition } of moved) this.#noteEpoch(place.key, partition.leaderEpoch);
    for (const node of nodes) {
      const running = node.life?.node ?? null;
      if (running === null) continue;
      this.#checkMetadata(node, running);
      // An image that is another stays so: not every look has to be so thorough.
      if (this.checks % IMAGES_EVERY === 0) this.#checkImage(node, running);
    }
    for (const sighting of moved) this.#look(sighting);
    this.#quorum.check(nodes, this.#committedLog(METADATA_KEY, METADATA_DIRECTORY).endOffset);
    this.#replicas.check(nodes, sightings, moved);
  }

  /** Before anything is compared: who leads in an older one knows nothing of this one. */
  #noteEpoch(key: string, leaderEpoch: number): void {
    this.#newestEpochs.set(key, Math.max(leaderEpoch, this.#newestEpochs.get(key) ?? 0));
  }

  /** What a log says of itself it may have to read: a disk that fails then tells it later. */
  #look(sighting: Sighting): void {
    try {
      this.#checkPartition(sighting);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }

  #checkPartition({ node, partition, place: { key, name } }: Sighting): void {
    const { topic, log } = partition;
    if (log.failure !== null) return;
    const who = `node ${node.id}`;
    const { highWatermark, logEndOffset, lastStableOffset } = log;
    if (highWatermark > logEndOffset || lastStableOffset > highWatermark) {
      const offsets = `${lastStableOffset} <= ${highWatermark} <= ${logEndOffset}`;
      throw new Violation("offsets-out-of-order", `${name} on ${who}: not ${offsets}`);
    }
    if (partition.isLeader) this.#checkLeader(node, partition, key);
    if (!this.#isComparable(topic) || node.isRotten) return;
    const view = this.#view(`${node.id} ${key}`);
    view.read(node.disk, log.directory, logEndOffset);
    const committed = this.#committedLog(key, name);
    committed.claimed(who, view, highWatermark);
    const isNewest = partition.leaderEpoch >= (this.#newestEpochs.get(key) ?? 0);
    if (partition.isLeader && isNewest) {
      committed.expectAllIn(`${who} (epoch ${partition.leaderEpoch})`, view, log);
    }
  }

  #checkLeader(node: SimulatedNode, partition: Partition, key: string): void {
    const { leaderEpoch: epoch, log, registration } = partition;
    const { highWatermark } = log;
    const leader = this.#leaders.get(`${key} ${epoch}`);
    if (leader !== undefined && leader !== String(node.id)) {
      const both = `${leader} and ${node.id}`;
      throw new Violation(
        "two-leaders",
        `${partition.topic}-${partition.index}: ${both}, ${epoch}`,
      );
    }
    this.#leaders.set(`${key} ${epoch}`, String(node.id));
    const before = this.#leaderships.get(`${node.id} ${key}`);
    const life = `${node.id}/${node.life!.number}`;
    const underMinIsrIn = partition.isUnderMinIsr ? registration.partitionEpoch : -1;
    this.#leaderships.set(`${node.id} ${key}`, { life, epoch, highWatermark, underMinIsrIn });
    if (before === undefined || before.life !== life || before.epoch !== epoch) return;
    const where = `${partition.topic}-${partition.index} on node ${node.id} in epoch ${epoch}`;
    const moved = `from ${before.highWatermark} to ${highWatermark}`;
    if (highWatermark < before.highWatermark) {
      throw new Violation("high-watermark-fell", `${where}: ${moved}`);
    }
    const isHeld = underMinIsrIn !== -1 && underMinIsrIn === before.underMinIsrIn;
    if (isHeld && highWatermark > before.highWatermark) {
      throw new Violation("committed-under-min-isr", `${where}: ${moved}`);
    }
  }

  #checkMetadata(node: SimulatedNode, running: Node): void {
    const { lastOffset } = running.broker.metadata;
    const seen = this.#seenOffsets.get(node.id);
    if (seen === lastOffset) return;
    this.#seenOffsets.set(node.id, lastOffset);
    const view = this.#view(`${node.id} metadata`);
    view.read(node.disk, METADATA_PATH, lastOffset + 1);
    this.#committedLog(METADATA_KEY, METADATA_DIRECTORY).claimed(
      `node ${node.id}`,
      view,
      lastOffset + 1,
    );
  }

  #checkImage(node: SimulatedNode, running: Node): void {
    const { lastOffset, image } = running.broker.metadata;
    const looked = `${node.life!.number} ${lastOffset}`;
    if (this.#seenImages.get(node.id) === looked) return;
    this.#seenImages.set(node.id, looked);
    const seen = this.#images.get(lastOffset);
    const hash = hashOf(image);
    if (seen !== undefined && seen.hash !== hash) {
      const who = `nodes ${seen.who} and ${node.id}`;
      throw new Violation("images-differ", `at metadata offset ${lastOffset}: ${who}`);
    }
    this.#images.set(lastOffset, { hash, who: node.id });
    const [oldest] = this.#images.keys();
    if (this.#images.size > IMAGES_MAX && oldest !== undefined) this.#images.delete(oldest);
  }

  #view(key: string): ReplicaView {
    const known = this.#views.get(key) ?? new ReplicaView();
    this.#views.set(key, known);
    return known;
  }

  #committedLog(key: string, name: string): CommittedLog {
    const known = this.#committed.get(key) ?? new CommittedLog(name, this.#markers);
    this.#committed.set(key, known);
    return known;
  }
}

/**
 * A leader has all that was committed and not deleted. Another may have begun anew at the leader's
 * log start since the last look: what lies before it would be unknown, were that one asked first.
 */
function leadersFirst(sightings: readonly Sighting[]): Sighting[] {
  const rank = ({ partition }: Sighting) => (partition.isLeader ? 0 : 1);
  return [...sightings].sort((a, b) => rank(a) - rank(b));
}

/** In whatever order its maps are. */
function hashOf(image: Parameters<typeof snapshotRecords>[0]): number {
  const texts = [...snapshotRecords(image)].map((record) =>
    encodeRecord(record).toString("latin1"),
  );
  return Bun.hash.crc32(texts.sort().join("\n"));
}
