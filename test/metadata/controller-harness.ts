/** A controller without a log: records take effect at once, after a trip through their bytes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../src/base/assert.ts";
import { randomUuid } from "../../src/base/uuid.ts";
import { nextBatchSize } from "../../src/protocol/record-batch.ts";
import { defaultBootstrapRecords } from "../../src/metadata/activation.ts";
import { BrokerSessions } from "../../src/metadata/controller/broker-sessions.ts";
import { heartbeat } from "../../src/metadata/controller/broker-heartbeat.ts";
import {
  type Command,
  type ConfigRules,
  type ControllerRules,
  type ControllerState,
  decide,
} from "../../src/metadata/controller/command.ts";
import { createTopics } from "../../src/metadata/controller/create-topics.ts";
import { registerBroker } from "../../src/metadata/controller/register-broker.ts";
import { MetadataDelta } from "../../src/metadata/delta.ts";
import type { SupportedFeatures } from "../../src/metadata/features.ts";
import { MetadataImage } from "../../src/metadata/image.ts";
import {
  type MetadataRecord,
  type NewRecord,
  decodeRecord,
  encodeRecord,
} from "../../src/metadata/record.ts";
import { snapshotRecords } from "../../src/metadata/snapshot-records.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { type RaftBatch, readRaftBatch } from "../../src/raft/raft-batch.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";

export const CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg";

export const ALL_FEATURES: SupportedFeatures = new Map([
  ["metadata.version", { min: 7, max: 30 }],
  ["kraft.version", { min: 0, max: 1 }],
  ["transaction.version", { min: 0, max: 2 }],
  ["group.version", { min: 0, max: 1 }],
  ["eligible.leader.replicas.version", { min: 0, max: 1 }],
  ["share.version", { min: 0, max: 1 }],
  ["streams.version", { min: 0, max: 1 }],
]);

/** Knows two topic settings, and what is wrong with them. */
export const SIMPLE_CONFIGS: ConfigRules = {
  check(_resource, configs) {
    for (const [key, value] of configs) {
      if (key === "retention.ms" && Number.isNaN(Number(value))) {
        const errorMessage = `Invalid value ${value} for configuration ${key}: Not a number`;
        return { errorCode: ErrorCode.INVALID_CONFIG, errorMessage };
      }
      if (key.startsWith("unknown")) {
        const errorMessage = `Unknown topic config name: ${key}`;
        return { errorCode: ErrorCode.INVALID_CONFIG, errorMessage };
      }
    }
    return null;
  },
  isList: (_type, key) => key === "cleanup.policy",
  defaultOf: (_type, key) => (key === "cleanup.policy" ? "delete" : null),
  staticTopicConfig: (key) => (key === "min.insync.replicas" ? "1" : "false"),
  effectiveTopicConfigs: (own) =>
    [...own].map(([name, value]) => ({
      name,
      value,
      readOnly: false,
      configSource: 1,
      isSensitive: name.includes("password"),
    })),
};

export const RULES: ControllerRules = {
  nodeId: 1,
  defaultReplicationFactor: 1,
  numPartitions: 1,
  supportedFeatures: ALL_FEATURES,
  configs: SIMPLE_CONFIGS,
};

export class TestController {
  readonly world: FakeWorld;
  readonly image = new MetadataImage(CLUSTER_ID);
  readonly sessions: BrokerSessions;
  delta = new MetadataDelta();
  nextOffset = 0;
  rules: ControllerRules = RULES;

  constructor(bootstrap: readonly NewRecord[] = defaultBootstrapRecords(ALL_FEATURES)) {
    this.world = fakeWorld();
    this.sessions = new BrokerSessions(this.world.clock, 9000);
    this.apply(bootstrap);
  }

  get state(): ControllerState {
    const { image, rules, sessions, nextOffset } = this;
    return { image, rules, sessions, nextOffset, kraftVersion: 1, random: this.world.random };
  }

  run<R>(command: Command<R>): R {
    const { records, response } = decide(command, this.state);
    this.apply(records);
    return response;
  }

  /** The records that a command would write. */
  recordsOf<R>(command: Command<R>): readonly NewRecord[] {
    return decide(command, this.state).records;
  }

  apply(records: readonly NewRecord[]): void {
    for (const record of records) {
      this.image.apply(decodeRecord(encodeRecord(record)), this.nextOffset++, this.delta);
    }
  }

  /** Partitions on these brokers. */
  createTopic(name: string, replicas: readonly (readonly number[])[]): void {
    const assignments = replicas.map((ids, partitionIndex) => ({
      partitionIndex,
      brokerIds: [...ids],
    }));
    const topics = [{ name, numPartitions: -1, replicationFactor: -1, assignments, configs: [] }];
    const { topics: results } = this.run(
      createTopics({ topics, timeoutMs: 0, validateOnly: false }),
    );
    assert(results[0]?.errorCode === ErrorCode.NONE, `${name} is created`);
  }

  /** A broker that is registered and unfenced; its epoch. */
  addBroker(brokerId: number, options: { rack?: string; directories?: string[] } = {}): number {
    const { directories = [randomUuid(this.world.random)] } = options;
    const reply = this.run(
      registerBroker(registration(this.world, brokerId, directories, options.rack), true),
    );
    this.run(heartbeat(beat(brokerId, reply.brokerEpoch, this.nextOffset)));
    return reply.brokerEpoch;
  }
}

export function registration(
  world: FakeWorld,
  brokerId: number,
  logDirs: string[],
  rack: string | null = null,
) {
  return {
    brokerId,
    clusterId: CLUSTER_ID,
    incarnationId: randomUuid(world.random),
    listeners: [{ name: "PLAINTEXT", host: "localhost", port: 9092, securityProtocol: 0 }],
    features: [...ALL_FEATURES].map(([name, { min, max }]) => ({
      name,
      minSupportedVersion: min,
      maxSupportedVersion: max,
    })),
    rack,
    isMigratingZkBroker: false,
    logDirs,
    previousBrokerEpoch: -1,
  };
}

export function beat(brokerId: number, brokerEpoch: number, currentMetadataOffset: number) {
  return {
    brokerId,
    brokerEpoch,
    currentMetadataOffset,
    wantFence: false,
    wantShutDown: false,
    offlineLogDirs: [] as string[],
    cordonedLogDirs: null as string[] | null,
  };
}

/** What an image holds, in the form of the records of its snapshot. */
export function contentsOf(image: MetadataImage): MetadataRecord[] {
  return [...snapshotRecords(image)].map((record) => decodeRecord(encodeRecord(record)));
}

/** A log or a snapshot that Apache Kafka 4.3.1 wrote. */
export function readFixture(...path: string[]): Buffer {
  return readFileSync(join(import.meta.dir, "fixtures", ...path));
}

export function* batchesOf(log: Buffer): Iterable<RaftBatch> {
  for (let at = 0; at < log.length; at += nextBatchSize(log, at, log.length)) {
    yield readRaftBatch(log, at);
  }
}
