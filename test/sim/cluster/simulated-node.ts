/**
 * One machine of a simulated cluster over the lives of its process. What runs on it is what runs on
 * a real one: `startNode`, with sockets, frames and files.
 *
 *   start -> (starting) -> up -> kill | powerLoss | stop | it ends itself -> down -> start ...
 *                           '-> freeze -> thaw
 */
import { AssertionError } from "../../../src/base/assert.ts";
import { leveledLogger, LogLevels } from "../../../src/base/log-levels.ts";
import { createLogger } from "../../../src/base/logger.ts";
import { Settings } from "../../../src/broker/settings/settings.ts";
import { type Node, startNode } from "../../../src/server/node.ts";
import type { FakeClock } from "../fake-clock.ts";
import { DirectoryNode, type Keep } from "../fake-disk-nodes.ts";
import { FakeDisk } from "../fake-disk.ts";
import type { FakeRandom } from "../fake-random.ts";
import { afterKill, afterPowerLoss, type FakeWorld } from "../fake-world.ts";
import type { Member } from "./shape.ts";

export interface Life {
  readonly number: number;
  /** Null until it has started. */
  node: Node | null;
  /** Why it cannot go on. */
  failure: unknown;
  hasFailed: boolean;
}

/** Errors in code, which no fault from outside may lead to. */
export class SimulatedBug extends Error {}

const LINES_MAX = 400;

export class SimulatedNode {
  world: FakeWorld;
  life: Life | null = null;
  /** Its disk has other bytes than were written, and may have for ever. */
  isRotten = false;
  /** The last lines of its log, of all its lives. */
  readonly lines: string[] = [];
  /** Called with each line. */
  onLine: ((line: string) => void) | null = null;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #random: FakeRandom;
  /** Of no life. */
  readonly #clock: FakeClock;
  #lives = 0;
  #stopping = false;

  constructor(
    readonly member: Member,
    world: FakeWorld,
    settings: Readonly<Record<string, string>>,
    random: FakeRandom,
  ) {
    this.world = world;
    this.#settings = settings;
    this.#random = random;
    this.#clock = world.clock.fork();
  }

  get id(): number {
    return this.member.id;
  }

  get address(): string {
    return this.world.address;
  }

  /** Has started, and may be asked. */
  get isUp(): boolean {
    return this.life?.node != null && !this.life.hasFailed && !this.#stopping;
  }

  get hasFailedDirectory(): boolean {
    const directories = this.life?.node?.broker.logs.directories ?? [];
    return directories.some(({ failure }) => failure !== null);
  }

  get isFrozen(): boolean {
    return this.world.clock.isFrozen;
  }

  /** Null while it is not up. */
  get running(): Node | null {
    return this.isUp ? this.life!.node : null;
  }

  /** In the quorum, and not looking for a leader: then nobody can tell yet whether it has a vote. */
  get isVoting(): boolean {
    const state = this.running?.broker.metadata.raft.state;
    return state === "leader" || state === "follower";
  }

  start(): void {
    if (this.life !== null) return;
    this.world.wire.powerOn(this.address);
    const life: Life = { number: ++this.#lives, node: null, failure: null, hasFailed: false };
    this.life = life;
    const { world } = this;
    const logLevels = new LogLevels("INFO");
    const logger = createLogger(world.clock, "info", (line) => this.#note(line));
    const failed = (error: unknown) => {
      if (life.hasFailed) return;
      life.hasFailed = true;
      life.failure = error;
    };
    this.#note(`-- life ${life.number}`);
    startNode({
      world,
      settings: new Settings(new Map(Object.entries(this.#settings))),
      logger: leveledLogger(logger, logLevels),
      logLevels,
      hostName: this.address,
      fatal: failed,
    }).then((node) => (life.node = node), failed);
  }

  /** Its process is gone: what it wrote is there. */
  kill(): void {
    if (this.life === null) return;
    this.#note("-- killed");
    this.#end();
    this.world = afterKill(this.world);
    this.#furnish();
  }

  powerLoss(keep: Keep): void {
    if (this.life === null) return;
    this.#note(`-- lost its power, keeps ${keep}`);
    this.#end();
    this.world.wire.powerOff(this.address);
    this.world = afterPowerLoss(this.world, keep);
    this.#furnish();
  }

  /** A clean stop begins; the process ends when all is done. */
  stop(): void {
    const node = this.running;
    if (node === null) return;
    this.#note("-- stops");
    this.#stopping = true;
    const { life } = this;
    const ended = () => {
      if (this.life === life) this.kill();
    };
    node.stop().then(ended, ended);
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  freeze(): void {
    this.#note("-- freezes");
    this.world.clock.freeze();
    this.world.wire.freeze(this.address);
  }

  thaw(): void {
    if (!this.isFrozen) return;
    this.#note("-- thaws");
    this.world.clock.thaw();
    this.world.wire.thaw(this.address);
  }

  /** An empty disk in its place, but for what `isKept` names; only while it is down. */
  wipe(isKept: (name: string) => boolean): void {
    this.isRotten = false;
    for (const path of this.member.directories) {
      this.disk.putBack(path, new DirectoryNode(), isKept);
    }
  }

  /** Ends a process that cannot go on; throws where its code is wrong. */
  reap(): void {
    const { life } = this;
    if (life === null || !life.hasFailed) return;
    const { failure } = life;
    this.#note(`-- ends: ${String(failure)}`);
    this.kill();
    if (isBug(failure)) {
      const reason = failure instanceof Error ? failure.stack : String(failure);
      throw new SimulatedBug(`node ${this.id}: ${reason}`, { cause: failure });
    }
  }

  #end(): void {
    this.life = null;
    this.#stopping = false;
  }

  /** A new life's disk is as slow as the last one's. */
  #furnish(): void {
    this.slowDisk(this.#syncMsMax);
  }

  #syncMsMax = 1;

  /** Syncs take up to so long from now on. */
  slowDisk(syncMsMax: number): void {
    this.#syncMsMax = syncMsMax;
    const { clock, disk } = this.world;
    disk.later = (callback) => void clock.schedule(this.#random.below(syncMsMax), callback);
  }

  get disk(): FakeDisk {
    return this.world.disk;
  }

  #note(line: string): void {
    if (this.lines.length >= LINES_MAX) this.lines.splice(0, LINES_MAX / 2);
    this.lines.push(`${this.#clock.monotonicMs().toFixed(0)} ${line}`);
    this.onLine?.(line);
  }
}

function isBug(error: unknown): boolean {
  if (error instanceof AssertionError) return true;
  return error instanceof TypeError || error instanceof RangeError;
}
