/** A metadata node on a fake World. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { silentLogger, type Logger } from "../../src/base/logger.ts";
import { waitUntil } from "../../src/base/signal.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { defaultBootstrapRecords } from "../../src/metadata/activation.ts";
import { type Command, atomic } from "../../src/metadata/controller/command.ts";
import { heartbeat } from "../../src/metadata/controller/broker-heartbeat.ts";
import { createTopics } from "../../src/metadata/controller/create-topics.ts";
import { registerBroker } from "../../src/metadata/controller/register-broker.ts";
import { writeBootstrapRecords } from "../../src/metadata/bootstrap-file.ts";
import { writeFirstVoters } from "../../src/metadata/first-voters.ts";
import { MetadataNode, type MetadataNodeOptions } from "../../src/metadata/metadata-node.ts";
import {
  DEFAULT_METADATA_SETTINGS,
  DEFAULT_QUORUM_SETTINGS,
  type MetadataSettings,
  type QuorumSettings,
} from "../../src/metadata/metadata-settings.ts";
import { type MetadataRecord, type NewRecord, decodeRecord } from "../../src/metadata/record.ts";
import { BufferPool } from "../../src/protocol/frames/buffer-pool.ts";
import type { ControlRecord } from "../../src/raft/control-record.ts";
import { type Voter, type VoterSet, voterSet } from "../../src/raft/voter-set.ts";
import { hostOf } from "../log/log-fixture.ts";
import type { FakeWorld } from "../sim/fake-world.ts";
import {
  ALL_FEATURES,
  CLUSTER_ID,
  RULES,
  beat,
  batchesOf,
  readFixture,
  registration,
} from "./controller-harness.ts";

export const DATA = "/data";
export const PARTITION = "/data/__cluster_metadata-0";
export const DIRECTORY_ID = "HkOn8O4QRNSckfqH1iQoyQ";

export const LOCAL = {
  id: 1,
  directoryId: DIRECTORY_ID,
  endpoints: [{ name: "CONTROLLER", host: "localhost", port: 19393 }],
};

export const VOTER: Voter = { ...LOCAL, kraftVersionMin: 0, kraftVersionMax: 1 };

/** No timers of its own, so that tests decide what happens when. */
const QUIET: Partial<MetadataSettings> = {
  metadataMaxIdleIntervalMs: 0,
  metadataLogMaxSnapshotIntervalMs: 0,
};

export interface NodeOptions {
  readonly settings?: Partial<MetadataSettings>;
  readonly quorum?: Partial<QuorumSettings>;
  readonly staticVoters?: VoterSet;
  readonly local?: MetadataNodeOptions["local"];
  readonly logger?: Logger;
  readonly rules?: MetadataNodeOptions["rules"];
  readonly onFatal?: (error: unknown) => void;
}

export function openNode(world: FakeWorld, options: NodeOptions = {}): MetadataNode {
  const settings = { ...DEFAULT_METADATA_SETTINGS, ...QUIET, ...options.settings };
  const opened = MetadataNode.open({
    world,
    logger: options.logger ?? silentLogger,
    host: hostOf(world),
    metadataLogDir: DATA,
    isLogDir: true,
    clusterId: CLUSTER_ID,
    local: options.local ?? LOCAL,
    staticVoters: options.staticVoters ?? voterSet([]),
    rules: options.rules ?? RULES,
    settings,
    quorum: { ...DEFAULT_QUORUM_SETTINGS, ...options.quorum },
    peers: { clientId: "raft-client-1", setupTimeoutMs: 10_000, pool: new BufferPool() },
    onFatal:
      options.onFatal ??
      ((error) => {
        throw error;
      }),
  });
  const node = world.clock.await(opened);
  world.clock.await(node.whenCaughtUp());
  return node;
}

/** As `storage format --standalone` leaves it. */
export function formatStandalone(world: FakeWorld): void {
  const voters = voterSet([VOTER]);
  const records = defaultBootstrapRecords(ALL_FEATURES);
  world.disk.makeDirectory(DATA);
  world.clock.await(world.disk.syncDirectory("/"));
  world.clock.await(writeBootstrapRecords(world, DATA, records));
  world.clock.await(writeFirstVoters(world, DATA, 1, voters));
}

/** Registers broker 1 and unfences it; its epoch. */
export function startBroker(
  world: FakeWorld,
  node: MetadataNode,
  directoryId = DIRECTORY_ID,
): number {
  const request = registration(world, 1, [directoryId]);
  const { brokerEpoch } = run(world, node, registerBroker(request, true));
  run(world, node, heartbeat(beat(1, brokerEpoch, node.lastOffset)));
  return brokerEpoch;
}

export function run<R>(world: FakeWorld, node: MetadataNode, command: Command<R>): R {
  return world.clock.await(node.submit(command));
}

export function createTopic(name: string, numPartitions = 1) {
  const options = { numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const topics = [{ name, ...options }];
  return createTopics({ topics, timeoutMs: 0, validateOnly: false });
}

export function writing(...records: NewRecord[]): Command<null> {
  return () => atomic(records, null);
}

/** A directory of fixtures/ on the fake disk. */
export function copyFixture(world: FakeWorld, name: string): void {
  const root = join(import.meta.dir, "fixtures", name);
  world.disk.makeDirectory(PARTITION);
  for (const file of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    if (file === "__cluster_metadata-0") continue;
    write(world, `${DATA}/${file}`, readFixture(name, file));
  }
}

export function write(world: FakeWorld, path: string, bytes: Buffer): void {
  const file = world.disk.open(path, "create");
  file.write(bytes, 0, bytes.length, 0);
  file.syncNow();
  file.close();
  const directory = path.slice(0, path.lastIndexOf("/"));
  for (const each of [directory, DATA, "/"]) world.clock.await(world.disk.syncDirectory(each));
}

/** What the log holds, from its first segment on. */
export function recordsInLog(world: FakeWorld): (MetadataRecord | ControlRecord)[] {
  const logs = world.disk.list(PARTITION).filter((name) => name.endsWith(".log"));
  return logs.sort().flatMap((name) => {
    const batches = [...batchesOf(world.disk.readWhole(`${PARTITION}/${name}`))];
    return batches.flatMap(({ values, controls }) => [...controls, ...values.map(decodeRecord)]);
  });
}

/** Another node claims an epoch; returns when this one leads again. */
export function passEpoch(world: FakeWorld, node: MetadataNode, epoch: number): void {
  const request = {
    kind: "vote",
    clusterId: CLUSTER_ID,
    voterId: 1,
    voterDirectoryId: ZERO_UUID,
    replicaId: 2,
    replicaDirectoryId: "CC7wURaHn9LdAh44tk7sHQ",
    replicaEpoch: epoch,
    lastOffset: 100,
    lastOffsetEpoch: 0,
    preVote: false,
  } as const;
  world.clock.await(node.raft.ask(request));
  const isLeader = () => node.isActiveController;
  world.clock.await(waitUntil(world.clock, [node.raft.moved], 10_000, isLeader));
}

/** Another node reads the log to its end, once. */
export function readAlong(world: FakeWorld, node: MetadataNode, replicaId: number): void {
  const { epoch, endOffset } = node.raft;
  const request = {
    kind: "fetch",
    clusterId: CLUSTER_ID,
    replicaId,
    replicaDirectoryId: "CC7wURaHn9LdAh44tk7sHQ",
    currentLeaderEpoch: epoch,
    fetchOffset: endOffset,
    lastFetchedEpoch: epoch,
    highWatermark: -1,
    maxWaitMs: 0,
    maxBytes: 1,
  } as const;
  world.clock.await(node.raft.ask(request));
}
