/**
 * What goes wrong with disks as a whole:
 *
 *   full disk        nothing more can be written for a while, whatever the life of the process
 *   dead directory   one log directory of several fails altogether, until the next start
 *   empty disk       the machine comes back with a new disk, formatted and empty
 *   old folder       the machine comes back with what its disk had some time ago
 *   rot              a bit of a log is another (rot.ts), until the machine gets an empty disk
 *   misplaced write  the same by a write that went elsewhere
 *
 * All but the first lose what was acknowledged, or are taken for it, so they strike as a loss of
 * power does: one machine at a time, while all others are in sync. A vote that was given, and
 * metadata that was committed, may not be lost at all where the settings name the voters: there
 * these strike brokers alone, or leave the metadata alone. With KIP-853 an empty disk is another
 * voter, which has to join.
 */
import type { FakeRandom } from "../fake-random.ts";
import type { DirectoryNode } from "../fake-disk-nodes.ts";
import type { Operation } from "../fake-disk.ts";
import type { Cluster } from "./cluster.ts";
import { format, METADATA_DIRECTORY } from "./cluster.ts";
import { flipABit, misplaceAWrite } from "./rot.ts";
import { OTHER_DIRECTORY } from "./shape.ts";
import type { SimulatedNode } from "./simulated-node.ts";

export type DiskTrouble =
  "full disk" | "dead directory" | "empty disk" | "old folder" | "rot" | "misplaced write";

export const DISK_TROUBLES: readonly DiskTrouble[] = [
  "full disk",
  "dead directory",
  "empty disk",
  "old folder",
];
/** Those that fewer seeds have: while a disk is rotten, little else may happen. */
export const ROT_TROUBLES: readonly DiskTrouble[] = ["rot", "misplaced write"];

/** What the nemesis knows of all troubles. */
export interface Nemeses {
  readonly cluster: Cluster;
  readonly random: FakeRandom;
  /** It may end now without a clean stop. */
  mayEndUncleanly(node: SimulatedNode): boolean;
  /** It may lose now what it was the last to promise. */
  mayForget(node: SimulatedNode): boolean;
  /** It has. */
  forgot(node: SimulatedNode): void;
  /** Ends it for a while; false where it cannot be. */
  down(node: SimulatedNode, what: string, act: () => void): boolean;
  later(afterMs: number, act: () => void): void;
  /** Nothing else makes the quorum smaller. */
  readonly mayLoseVoters: boolean;
}

const FULL_MS_MAX = 5000;
const ROOM_MAX = 20_000;
const ROTTEN_MS_MAX = 6000;
const AGAIN_MS = 500;
const DEAD_MS_MAX = 8000;
const QUORUM_MIN = 3;
const ALL: readonly Operation[] = ["open", "read", "write", "sync", "rename", "list"];
/** Of the directory, and of its place in the quorum. */
const IDENTITY: ReadonlySet<string> = new Set(["meta.properties", METADATA_DIRECTORY]);

export class DiskTroubles {
  /** By node and directory: what was there some time ago. */
  readonly #copies = new Map<SimulatedNode, Map<string, DirectoryNode>>();

  constructor(private readonly all: Nemeses) {}

  begin(trouble: DiskTrouble, node: SimulatedNode): boolean {
    switch (trouble) {
      case "full disk":
        return this.#fill(node);
      case "dead directory":
        return this.#breakDirectory(node);
      case "empty disk":
        return this.#empty(node);
      case "old folder":
        return this.#goBack(node);
      case "rot":
      case "misplaced write":
        return this.#spoil(trouble, node);
    }
  }

  /**
   * Whoever looks after a machine that is rotten gives it an empty disk. A voter keeps its place in
   * the quorum, which never rots: the others may be too few to do without it.
   */
  repair(node: SimulatedNode): void {
    if (!node.isRotten) return;
    this.all.cluster.note(`${node.id} gets an empty disk for the rotten one`);
    node.kill();
    this.#wipe(node, isIdentityOf(node));
  }

  #spoil(trouble: DiskTrouble, node: SimulatedNode): boolean {
    const { random, cluster, forgot, mayForget } = this.all;
    if (!node.isUp || !this.#hasOthers() || !mayForget(node)) return false;
    const path = trouble === "rot" ? flipABit(node, random) : "its next write";
    if (path === null) return false;
    if (trouble === "misplaced write") misplaceAWrite(node, random);
    cluster.note(`${trouble} on ${node.id}: ${path}`);
    node.isRotten = true;
    forgot(node);
    this.all.later(random.below(ROTTEN_MS_MAX), () => this.#repairSoon(node));
    return true;
  }

  #repairSoon(node: SimulatedNode): void {
    const { mayForget, down, later } = this.all;
    if (!node.isRotten) return;
    const isDown =
      mayForget(node) && down(node, "is killed for its rotten disk", () => this.repair(node));
    if (!isDown) later(AGAIN_MS, () => this.#repairSoon(node));
  }

  #fill(node: SimulatedNode): boolean {
    const { random, cluster, later, mayEndUncleanly } = this.all;
    if (!mayEndUncleanly(node)) return false;
    const room = random.below(ROOM_MAX);
    const forMs = random.below(FULL_MS_MAX);
    cluster.note(`the disk of ${node.id} has ${room} bytes left, for ${forMs} ms`);
    node.disk.quotaBytes = node.disk.usedBytes() + room;
    later(forMs, () => (node.disk.quotaBytes = Infinity));
    return true;
  }

  #breakDirectory(node: SimulatedNode): boolean {
    const { random, cluster, later, mayEndUncleanly, mayForget, forgot } = this.all;
    if (!node.member.directories.includes(OTHER_DIRECTORY) || !node.isUp) return false;
    if (this.#hasOthers() ? !mayForget(node) : !mayEndUncleanly(node)) return false;
    cluster.note(`${OTHER_DIRECTORY} of ${node.id} fails`);
    const path = new RegExp(`^${OTHER_DIRECTORY}/`);
    for (const operation of ALL) node.disk.inject({ operation, path, code: "EIO" });
    // What it has stays, but nobody believes it: that it stops cleanly afterwards does not count.
    if (this.#hasOthers()) forgot(node);
    later(random.below(DEAD_MS_MAX), () => {
      if (!node.isFrozen) node.stop();
    });
    return true;
  }

  #empty(node: SimulatedNode): boolean {
    const { forgot, down, mayForget } = this.all;
    if (!this.#hasOthers() || !mayForget(node) || !this.#mayLoseVote(node)) return false;
    const isDown = down(node, "is killed, and gets an empty disk", () => {
      node.kill();
      this.#wipe(node, () => false);
    });
    if (!isDown) return false;
    forgot(node);
    return true;
  }

  #wipe(node: SimulatedNode, isKept: (name: string) => boolean): void {
    const { cluster } = this.all;
    node.wipe(isKept);
    this.#copies.delete(node);
    cluster.clock.await(format(node.world, node.member, cluster.shape, false));
  }

  /** Once to remember, and once to go back. */
  #goBack(node: SimulatedNode): boolean {
    const { cluster, down, forgot, mayForget } = this.all;
    const copies = this.#copies.get(node);
    if (copies === undefined) {
      const { directories } = node.member;
      const made = directories.map((path) => [path, node.disk.copyOf(path)!] as const);
      cluster.note(`what ${node.id} has is copied`);
      this.#copies.set(node, new Map(made));
      return true;
    }
    if (!this.#hasOthers() || !mayForget(node)) return false;
    const isDown = down(node, "is killed, and gets back what was copied", () => {
      node.kill();
      const isKept = isIdentityOf(node);
      for (const [path, copy] of copies) node.disk.putBack(path, copy, isKept);
    });
    if (!isDown) return false;
    this.#copies.delete(node);
    forgot(node);
    return true;
  }

  #hasOthers(): boolean {
    return this.all.cluster.brokers.length > 1;
  }

  #mayLoseVote({ member }: SimulatedNode): boolean {
    const { cluster, mayLoseVoters } = this.all;
    const { shape } = cluster;
    const controllers = shape.members.filter(({ isController }) => isController);
    if (!member.isController) return true;
    return mayLoseVoters && shape.firstVoters !== null && controllers.length >= QUORUM_MIN;
  }
}

/** What a machine needs to be the voter that it was. */
function isIdentityOf({ member }: SimulatedNode): (name: string) => boolean {
  return (name) => member.isController && IDENTITY.has(name);
}
