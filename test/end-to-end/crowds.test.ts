/**
 * Many at once: all join one group, in either protocol; one transaction goes over thousands of
 * partitions. The broker's memory stays bounded, and somebody beside them is served all the while.
 */
import { afterAll, expect } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { joinGroup } from "../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../src/protocol/messages/12-heartbeat.ts";
import { syncGroup } from "../../src/protocol/messages/14-sync-group.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../src/protocol/messages/24-add-partitions-to-txn.ts";
import { endTxn } from "../../src/protocol/messages/26-end-txn.ts";
import { consumerGroupHeartbeat } from "../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { BrokerProcess, killLeftovers, Scratch } from "./broker-process.ts";
import { Bystander } from "./bystander.ts";
import { Connection, createTopic, expectNone, LATEST } from "./client.ts";
import { countOf, faultTest } from "./faults.ts";
import { afterLoading, findGroup } from "./load-groups.ts";

afterAll(killLeftovers);

const MEBIBYTE = 1024 * 1024;
const GROUP = "crowd";
/** Quiet machines are five times as quick: this one does other things too. */
const SLOWEST_MS_MAX = 8_000;
const CONNECTIONS_AT_ONCE = 200;
const MEMBERS = countOf("BUNKA_MEMBERS", { short: 1_000, all: 10_000, long: 10_000 });
const PARTITIONS = countOf("BUNKA_PARTITIONS", { short: 300, all: 1_000, long: 10_000 });
const PARTITIONS_PER_TOPIC = 100;
/** Of a topic that the members of a consumer group share. */
const SHARED = 100;
const SETTINGS = {
  "offsets.topic.num.partitions": "1",
  "group.initial.rebalance.delay.ms": "1000",
  // A classic group is one record, in Kafka too.
  "message.max.bytes": "33554432",
};

interface Crowd {
  readonly name: string;
  /** Before anybody else is served. */
  readonly prepare?: (port: number) => Promise<void>;
  readonly run: (port: number) => Promise<void>;
}

/** Runs beside somebody who has to be served; says what it took. */
async function crowd({ name, prepare, run }: Crowd): Promise<void> {
  using scratch = new Scratch();
  const broker = await BrokerProcess.start(scratch.path, SETTINGS);
  await prepare?.(broker.port);
  using bystander = await Bystander.start(broker.port);
  const before = broker.residentBytes;
  const fromMs = performance.now();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, broker.residentBytes)), 50);
  await run(broker.port).finally(() => clearInterval(timer));
  const tookMs = performance.now() - fromMs;
  const { count, slowestMs } = await bystander.stop();
  const grownMebibytes = (most - before) / MEBIBYTE;
  const served = `${count} served beside it, the slowest in ${slowestMs.toFixed(0)} ms`;
  const memory = `${grownMebibytes.toFixed(0)} MiB more at most`;
  console.error(`${name}: ${(tookMs / 1000).toFixed(1)} s; ${memory}; ${served}`);
  expect(grownMebibytes).toBeLessThan(400);
  expect(slowestMs).toBeLessThan(SLOWEST_MS_MAX);
  const ending = await broker.stop();
  expect(ending.exitCode).toBe(0);
  expect(ending.lines.filter((line) => / ERROR /.test(line))).toEqual([]);
}

async function openMany(port: number, count: number): Promise<Connection[]> {
  const opened: Connection[] = [];
  while (opened.length < count) {
    const width = Math.min(CONNECTIONS_AT_ONCE, count - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: width }, () => Connection.open(port)))));
  }
  return opened;
}

faultTest("thousands of members join one classic group at once", () => {
  const run = async (port: number): Promise<void> => {
    const clients = await openMany(port, MEMBERS);
    await findGroup(clients[0]!, GROUP);
    const members = await Promise.all(clients.map(joinClassic));
    const [leader, ...others] = members.toSorted((a, b) => b.members.length - a.members.length);
    expect(leader!.members).toHaveLength(MEMBERS);
    expect(others.every(({ members }) => members.length === 0)).toBe(true);
    expect(new Set(members.map(({ memberId }) => memberId)).size).toBe(MEMBERS);
    expect(new Set(members.map(({ generationId }) => generationId)).size).toBe(1);
    const { generationId } = leader!;
    const assignments = leader!.members.map(({ memberId }) => ({
      memberId,
      assignment: Buffer.from(`of ${memberId}`),
    }));
    await Promise.all(
      members.map(async ({ memberId }, index) => {
        const member = { groupId: GROUP, generationId, memberId };
        const own = memberId === leader!.memberId ? assignments : [];
        const synced = await clients[index]!.request(syncGroup, 3, { ...member, assignments: own });
        expectNone("sync", synced.errorCode);
        expect(synced.assignment.toString()).toBe(`of ${memberId}`);
        const beat = await clients[index]!.request(heartbeat, 3, member);
        expectNone("heartbeat", beat.errorCode);
      }),
    );
    for (const client of clients) client.terminate();
  };
  return crowd({ name: `${MEMBERS} classic members`, run });
});

async function joinClassic(client: Connection) {
  const join = (memberId: string) =>
    client.request(joinGroup, 5, {
      groupId: GROUP,
      sessionTimeoutMs: 300_000,
      rebalanceTimeoutMs: 300_000,
      memberId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.alloc(50) }],
    });
  const first = await join("");
  expect(first.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
  const answer = await join(first.memberId);
  expectNone("join", answer.errorCode);
  return answer;
}

faultTest("thousands of members join one consumer group at once", () => {
  const run = async (port: number): Promise<void> => {
    const clients = await openMany(port, MEMBERS);
    const topicId = await createTopic(clients[0]!, "shared", SHARED);
    await findGroup(clients[0]!, GROUP);
    const members = clients.map((client, index) => new ConsumerMember(client, `member-${index}`));
    await Promise.all(members.map((member) => member.join()));
    // Whoever came early has partitions to give up; all get to one epoch in the end.
    const isSettled = () => {
      const held = members.flatMap(({ partitions }) => partitions);
      return held.length === SHARED && new Set(members.map(({ epoch }) => epoch)).size === 1;
    };
    for (let round = 0; round < 100 && !isSettled(); round++) {
      await Promise.all(members.map((member) => member.beat(topicId)));
    }
    const held = members.flatMap(({ partitions }) => partitions);
    expect(held.toSorted((a, b) => a - b)).toEqual(Array.from({ length: SHARED }, (_, i) => i));
    expect(new Set(members.map(({ epoch }) => epoch)).size).toBe(1);
    for (const client of clients) client.terminate();
  };
  return crowd({ name: `${MEMBERS} consumer members`, run });
});

class ConsumerMember {
  epoch = 0;
  partitions: readonly number[] = [];
  readonly #client: Connection;
  readonly #memberId: string;

  constructor(client: Connection, memberId: string) {
    this.#client = client;
    this.#memberId = memberId;
  }

  async join(): Promise<void> {
    const subscription = { subscribedTopicNames: ["shared"], topicPartitions: [] };
    await this.#ask({ ...subscription, rebalanceTimeoutMs: 300_000 });
  }

  async beat(topicId: string): Promise<void> {
    const { partitions } = this;
    const owned = partitions.length === 0 ? [] : [{ topicId, partitions: [...partitions] }];
    await this.#ask({ topicPartitions: owned });
  }

  async #ask(more: object): Promise<void> {
    const answer = await this.#client.request(consumerGroupHeartbeat, 1, {
      groupId: GROUP,
      memberId: this.#memberId,
      memberEpoch: this.epoch,
      ...more,
    });
    expectNone("heartbeat", answer.errorCode);
    this.epoch = answer.memberEpoch;
    if (answer.assignment === null) return;
    this.partitions = answer.assignment.topicPartitions.flatMap(({ partitions }) => partitions);
  }
}

const PARTITION_INDEXES = Array.from({ length: PARTITIONS_PER_TOPIC }, (_, index) => index);
const NAMES = Array.from(
  { length: Math.ceil(PARTITIONS / PARTITIONS_PER_TOPIC) },
  (_, index) => `t${index}`,
);

for (const version of [0, 2] as const) {
  faultTest(`a transaction of version ${version} over thousands of partitions`, () =>
    crowd({
      name: `a transaction of version ${version} over ${PARTITIONS} partitions`,
      prepare: async (port) => {
        using client = await Connection.open(port);
        for (const name of NAMES) await createTopic(client, name, PARTITIONS_PER_TOPIC);
      },
      run: (port) => transact(port, version),
    }),
  );
}

async function transact(port: number, version: 0 | 2): Promise<void> {
  using client = await Connection.open(port);
  const producer = new WideProducer(client, version);
  await producer.init();
  for (const committed of [true, false]) {
    await producer.writeEverywhere();
    for (const name of NAMES) {
      expect(new Set(await stableOffsets(client, name))).toEqual(new Set([producer.end]));
    }
    await producer.endTransaction(committed);
    producer.end += 2;
  }
  // Nothing is open any more once the next one may begin.
  await producer.init();
  for (const name of NAMES) {
    expect(new Set(await stableOffsets(client, name))).toEqual(new Set([producer.end]));
  }
}

class WideProducer {
  /** Of each partition, up to the transaction that is open. */
  end = 0;
  #id = { transactionalId: "wide", producerId: -1, producerEpoch: -1 };

  constructor(
    readonly client: Connection,
    readonly version: 0 | 2,
  ) {}

  async init(): Promise<void> {
    const { transactionalId } = this.#id;
    await again(async () => {
      const asked = { keyType: 1, coordinatorKeys: [transactionalId] };
      const { coordinators } = await this.client.request(findCoordinator, 6, asked);
      return coordinators[0]!.errorCode;
    });
    await again(async () => {
      const asked = { transactionalId, transactionTimeoutMs: 600_000 };
      const answer = await this.client.request(initProducerId, 5, asked);
      this.#id = { ...answer, transactionalId };
      return answer.errorCode;
    });
  }

  /** One record into each partition; a request for each topic. */
  async writeEverywhere(): Promise<void> {
    if (this.version === 0) await again(() => this.#addAll());
    const { transactionalId, producerId, producerEpoch } = this.#id;
    const records = buildBatch({
      records: [{ timestamp: Date.now(), key: null, value: Buffer.from("v") }],
      isTransactional: true,
      producerId,
      producerEpoch,
      baseSequence: this.version === 2 ? 0 : this.end / 2,
    });
    for (const name of NAMES) {
      await again(async () => {
        const partitionData = PARTITION_INDEXES.map((index) => ({ index, records }));
        const answer = await this.client.request(produce, this.version === 2 ? 12 : 9, {
          transactionalId,
          acks: -1,
          timeoutMs: 30_000,
          topicData: [{ name, partitionData }],
        });
        const { partitionResponses } = answer.responses[0]!;
        return Math.max(...partitionResponses.map(({ errorCode }) => errorCode));
      });
    }
  }

  async endTransaction(committed: boolean): Promise<void> {
    await again(async () => {
      const asked = { ...this.#id, committed };
      const answer = await this.client.request(endTxn, this.version === 2 ? 5 : 3, asked);
      const { errorCode, producerId, producerEpoch } = answer;
      if (errorCode === ErrorCode.NONE && this.version === 2) {
        this.#id = { ...this.#id, producerId, producerEpoch };
      }
      return errorCode;
    });
  }

  /** All of them in one request. */
  async #addAll(): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = this.#id;
    const answer = await this.client.request(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: NAMES.map((name) => ({ name, partitions: PARTITION_INDEXES })),
    });
    const results = answer.resultsByTopicV3AndBelow.flatMap((topic) => topic.resultsByPartition);
    expect(results).toHaveLength(NAMES.length * PARTITIONS_PER_TOPIC);
    return Math.max(...results.map(({ partitionErrorCode }) => partitionErrorCode));
  }
}

async function stableOffsets(client: Connection, name: string): Promise<number[]> {
  const partitions = PARTITION_INDEXES.map((partitionIndex) => ({
    partitionIndex,
    timestamp: LATEST,
  }));
  const asked = { replicaId: -1, isolationLevel: 1, topics: [{ name, partitions }] };
  const answer = await client.request(listOffsets, 7, asked);
  const found = answer.topics[0]!.partitions;
  for (const { errorCode } of found) expectNone("offsets", errorCode);
  return found.map(({ offset }) => offset);
}

/** As clients do while the transaction before is still ending. */
async function again(attempt: () => Promise<number>): Promise<void> {
  for (;;) {
    const errorCode = await afterLoading(attempt);
    if (errorCode !== ErrorCode.CONCURRENT_TRANSACTIONS) return expectNone("producer", errorCode);
    await Bun.sleep(5);
  }
}
