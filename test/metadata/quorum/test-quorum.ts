/** Several metadata nodes, each on a fake machine of its own: they crash, are cut off, come back. */
import { silentLogger } from "../../../src/base/logger.ts";
import { assert } from "../../../src/base/assert.ts";
import { defaultBootstrapRecords } from "../../../src/metadata/activation.ts";
import { writeBootstrapRecords } from "../../../src/metadata/bootstrap-file.ts";
import type { Command } from "../../../src/metadata/controller/command.ts";
import { writeFirstVoters } from "../../../src/metadata/first-voters.ts";
import { MetadataNode } from "../../../src/metadata/metadata-node.ts";
import {
  DEFAULT_METADATA_SETTINGS,
  DEFAULT_QUORUM_SETTINGS,
  type MetadataSettings,
  type QuorumSettings,
} from "../../../src/metadata/metadata-settings.ts";
import { BufferPool } from "../../../src/protocol/frames/buffer-pool.ts";
import { KRAFT_VERSIONS, type Voter, voterSet } from "../../../src/raft/voter-set.ts";
import { hostOf } from "../../log/log-fixture.ts";
import type { Keep } from "../../sim/fake-disk-nodes.ts";
import {
  type FakeWorld,
  afterKill,
  afterPowerLoss,
  fakeWorld,
  neighbourOf,
} from "../../sim/fake-world.ts";
import { ALL_FEATURES, CLUSTER_ID, RULES } from "../controller-harness.ts";
import { DATA } from "../node-harness.ts";
import { controllerListener } from "./controller-listener.ts";

export interface QuorumShape {
  readonly voters: readonly number[];
  /** Nodes beside the voters: controllers that are none, or brokers. */
  readonly others?: readonly number[];
  readonly brokers?: readonly number[];
  /** KIP-853: the voters are in the log. */
  readonly isDynamic?: boolean;
  readonly settings?: Partial<MetadataSettings>;
  readonly quorum?: Partial<QuorumSettings>;
  readonly seed?: number;
}

const PORT = 9093;

export class Member {
  node: MetadataNode | null = null;
  /** What it has said that is wrong, in all its lives. */
  readonly errors: string[] = [];
  /** Why it could not go on. */
  failure: unknown = null;
  generation = 0;
  /** Of its controller listener. */
  port = PORT;

  constructor(
    readonly id: number,
    public world: FakeWorld,
  ) {}

  get directoryId(): string {
    return directoryOf(this.id, this.generation);
  }

  get address(): string {
    return this.world.address;
  }

  get running(): MetadataNode {
    assert(this.node !== null, `node ${this.id} is up`);
    return this.node;
  }

  get topics(): string[] {
    return [...this.running.image.topics.values()].map(({ name }) => name).sort();
  }
}

export class TestQuorum {
  readonly members = new Map<number, Member>();
  /** Of no machine. */
  readonly clock;
  readonly wire;
  readonly #shape: QuorumShape;

  constructor(shape: QuorumShape) {
    this.#shape = shape;
    const first = fakeWorld(shape.seed ?? 1, "10.0.0.100");
    this.clock = first.clock.fork();
    this.wire = first.wire;
    const { voters, others = [], brokers = [] } = shape;
    for (const id of [...voters, ...others, ...brokers]) {
      const member = new Member(id, neighbourOf(first, `10.0.0.${id}`));
      this.members.set(id, member);
      this.format(member);
    }
    for (const id of this.members.keys()) this.start(id);
  }

  member(id: number): Member {
    const member = this.members.get(id);
    assert(member !== undefined, `there is a node ${id}`);
    return member;
  }

  /** A new directory: what was in the old one, if there was one, is gone. */
  format(member: Member): void {
    const { world } = member;
    const { voters, isDynamic = false } = this.#shape;
    world.disk.makeDirectory(DATA);
    world.clock.await(world.disk.syncDirectory("/"));
    world.clock.await(writeBootstrapRecords(world, DATA, defaultBootstrapRecords(ALL_FEATURES)));
    if (!isDynamic || !voters.includes(member.id) || member.generation > 0) return;
    const first = voterSet(voters.map((id) => voterOf(id)));
    world.clock.await(writeFirstVoters(world, DATA, 1, first));
  }

  start(id: number): void {
    const member = this.member(id);
    const { world } = member;
    const { voters, brokers = [], isDynamic = false, settings, quorum } = this.#shape;
    const isBroker = brokers.includes(id);
    const staticVoters = voterSet(
      isDynamic ? [] : voters.map((voter) => ({ ...voterOf(voter), directoryId: UNKNOWN })),
    );
    const endpoints = voterOf(id).endpoints.map((each) => ({ ...each, port: member.port }));
    const opened = MetadataNode.open({
      world,
      logger: { ...silentLogger, error: (line) => void member.errors.push(line) },
      host: hostOf(world),
      metadataLogDir: DATA,
      isLogDir: true,
      clusterId: CLUSTER_ID,
      local: { id, directoryId: member.directoryId, endpoints: isBroker ? [] : endpoints },
      staticVoters,
      rules: { ...RULES, nodeId: id },
      settings: {
        ...DEFAULT_METADATA_SETTINGS,
        metadataLogMaxSnapshotIntervalMs: 0,
        ...settings,
      },
      quorum: {
        ...DEFAULT_QUORUM_SETTINGS,
        bootstrapServers: voters.map((voter) => ({ host: `10.0.0.${voter}`, port: PORT })),
        canBecomeVoter: !isBroker,
        ...quorum,
      },
      peers: { clientId: `raft-client-${id}`, setupTimeoutMs: 10_000, pool: new BufferPool() },
      // What is left of a process that is gone says nothing any more.
      onFatal: (error) => {
        if (member.world === world) member.failure = error;
      },
    });
    member.failure = null;
    member.node = world.clock.await(opened);
    const { node } = member;
    if (isBroker) return;
    const listening = () => (member.node === node && member.failure === null ? node : null);
    world.network.listen(member.address, member.port, controllerListener(listening));
  }

  kill(id: number): void {
    const member = this.member(id);
    member.node = null;
    member.world = afterKill(member.world);
  }

  powerLoss(id: number, keep: Keep): void {
    const member = this.member(id);
    member.node = null;
    member.world = afterPowerLoss(member.world, keep);
  }

  /** It comes back with an empty disk, and a directory id of its own. */
  wipe(id: number): void {
    this.kill(id);
    const member = this.member(id);
    for (const name of member.world.disk.list(`${DATA}/__cluster_metadata-0`)) {
      member.world.disk.remove(`${DATA}/__cluster_metadata-0/${name}`);
    }
    member.generation++;
    this.format(member);
    this.start(id);
  }

  stop(id: number): void {
    const member = this.member(id);
    const { node } = member;
    if (node === null) return;
    this.clock.await(node.stop());
    this.kill(id);
  }

  freeze(id: number): void {
    const { world } = this.member(id);
    world.clock.freeze();
    this.wire.freeze(world.address);
  }

  thaw(id: number): void {
    const { world } = this.member(id);
    if (!world.clock.isFrozen) return;
    world.clock.thaw();
    this.wire.thaw(world.address);
  }

  isolate(id: number): void {
    for (const { address } of this.members.values()) {
      this.wire.cut(this.member(id).address, address);
    }
  }

  rejoin(id: number): void {
    for (const { address } of this.members.values()) {
      this.wire.heal(this.member(id).address, address);
    }
  }

  /** The one with the active controller among those that are up, and not in `except`. */
  leader(except: readonly number[] = []): Member {
    const found = () =>
      [...this.members.values()].find(
        ({ id, node }) => !except.includes(id) && node?.isActiveController === true,
      );
    this.clock.advanceUntil(() => found() !== undefined);
    return found()!;
  }

  followers(): Member[] {
    const leader = this.leader();
    const { voters } = this.#shape;
    return voters.filter((id) => id !== leader.id).map((id) => this.member(id));
  }

  run<R>(member: Member, command: Command<R>): R {
    return this.clock.await(member.running.submit(command));
  }

  /** All that are up have applied all that is in the log of the leader. */
  settle(): void {
    const nodes = [...this.members.values()].flatMap(({ node }) => node ?? []);
    this.clock.advanceUntil(() => {
      const leader = nodes.find(({ isActiveController }) => isActiveController);
      if (leader === undefined) return false;
      return nodes.every(({ lastOffset }) => lastOffset + 1 === leader.raft.endOffset);
    });
  }
}

const UNKNOWN = "AAAAAAAAAAAAAAAAAAAAAA";

export function voterOf(id: number, generation = 0): Voter {
  return {
    id,
    directoryId: directoryOf(id, generation),
    endpoints: [{ name: "CONTROLLER", host: `10.0.0.${id}`, port: PORT }],
    ...KRAFT_VERSIONS,
  };
}

export function directoryOf(id: number, generation = 0): string {
  return `${"ABCDEFGHIJKLMNOPQRST"[id]}${"abcdefghij"[generation]}AAAAAAAAAAAAAAAAAAAA`;
}
