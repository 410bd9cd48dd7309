/**
 * Transactions as partitions and groups know them: no coordinator is asked, since verification is
 * switched off and the markers are sent by hand.
 */
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { listOffsets } from "../../../src/protocol/messages/02-list-offsets.ts";
import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { writeTxnMarkers } from "../../../src/protocol/messages/27-write-txn-markers.ts";
import { txnOffsetCommit } from "../../../src/protocol/messages/28-txn-offset-commit.ts";
import { deleteGroups } from "../../../src/protocol/messages/42-delete-groups.ts";
import { offsetDelete } from "../../../src/protocol/messages/47-offset-delete.ts";
import { describeProducers } from "../../../src/protocol/messages/61-describe-producers.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import * as header from "../../../src/protocol/record-batch.ts";
import type { Input, Value } from "../../../src/protocol/schema.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { awaitCoordinator } from "./groups.ts";
import { makeTopic } from "./prepare.ts";

const TIME = 1_700_000_000_000;
const ALL = -1;
const timeoutMs = 5000;
const OFFSETS = "__consumer_offsets";

interface TestRecords {
  readonly id: number;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly isTransactional?: boolean;
}

function recordsOf({ id, epoch = 0, sequence = 0, isTransactional = true }: TestRecords): Buffer {
  const records = [0, 1].map((index) => ({
    timestamp: TIME + index,
    key: null,
    value: Buffer.from(`${id} ${sequence + index}`),
  }));
  const producer = { producerId: id, producerEpoch: epoch, baseSequence: sequence };
  return buildBatch({ records, ...producer, isTransactional });
}

class Transactions {
  constructor(
    readonly asker: Asker,
    readonly topicId: string,
  ) {}

  produce(
    label: string,
    partitions: Readonly<Record<number, Buffer>>,
    version = 11,
    transactionalId: string | null = "x",
  ) {
    const partitionData = Object.entries(partitions).map(([index, records]) => ({
      index: Number(index),
      records,
    }));
    const topic = version >= 13 ? { topicId: this.topicId } : { name: "t" };
    const topicData = [{ ...topic, partitionData }];
    const request = { transactionalId, acks: ALL, timeoutMs, topicData };
    return this.asker.ask(produce, version, request, label);
  }

  fetch(
    label: string,
    version: number,
    fetchOffset: number,
    isolationLevel = 1,
    maxBytes = 100_000,
  ) {
    const partition = {
      partition: 0,
      fetchOffset,
      partitionMaxBytes: maxBytes,
      ...(version >= 5 ? { logStartOffset: -1 } : {}),
    };
    const topic = version >= 13 ? { topicId: this.topicId } : { topic: "t" };
    const request = {
      ...(version < 15 ? { replicaId: -1 } : {}),
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1_000_000,
      isolationLevel,
      topics: [{ ...topic, partitions: [partition] }],
      ...(version >= 7 ? { forgottenTopicsData: [], sessionId: 0, sessionEpoch: -1 } : {}),
    };
    return this.asker.ask(fetch, version, request, label, outlineRecords);
  }

  end(
    label: string,
    marker: Partial<Input<typeof writeTxnMarkers.request>["markers"][number]>,
    version = 1,
  ) {
    const whole = {
      producerId: 1000,
      producerEpoch: 0,
      transactionResult: true,
      coordinatorEpoch: 0,
      topics: [{ name: "t", partitionIndexes: [0] }],
      ...marker,
    };
    return this.asker.ask(writeTxnMarkers, version, { markers: [whole] }, label, sortMarkers);
  }

  producers(label: string) {
    const request = { topics: [{ name: "t", partitionIndexes: [0, 1] }] };
    return this.asker.ask(describeProducers, 0, request, label, (response) => {
      for (const { partitions } of response.topics) {
        for (const { activeProducers } of partitions) {
          activeProducers.sort((left, right) => left.producerId - right.producerId);
          for (const each of activeProducers) {
            if (each.lastTimestamp > TIME + 1) each.lastTimestamp = 1;
          }
        }
      }
    });
  }
}

/** Batches instead of bytes, which hold the time at which a marker was written. */
function outlineRecords(response: Value<typeof fetch.response>): void {
  for (const { partitions } of response.responses) {
    for (const partition of partitions) {
      const { records } = partition;
      if (!(records instanceof Uint8Array)) continue;
      const bytes = Buffer.from(records);
      const batches: string[] = [];
      for (let at = 0; at + header.BATCH_HEADER_SIZE < bytes.length;) {
        const size = header.batchSize(bytes, at);
        const kind = header.isControl(bytes, at) ? "marker" : "records";
        const [first, last] = [header.baseOffset(bytes, at), header.lastOffset(bytes, at)];
        batches.push(`${kind} of ${header.producerId(bytes, at)}: ${first}-${last}, ${size} bytes`);
        at += size;
      }
      partition.records = Buffer.from(batches.join("; "));
    }
  }
}

/** Kafka keeps them in hash maps. */
function sortMarkers(response: Value<typeof writeTxnMarkers.response>): void {
  response.markers.sort((left, right) => left.producerId - right.producerId);
  for (const { topics } of response.markers) {
    topics.sort((left, right) => (left.name < right.name ? -1 : 1));
    for (const { partitions } of topics) {
      partitions.sort((left, right) => left.partitionIndex - right.partitionIndex);
    }
  }
}

export const transactionPartitionsScenario: Scenario = {
  name: "transaction-partitions",
  settings: {
    "offsets.topic.num.partitions": "1",
    "transaction.partition.verification.enable": "false",
    "producer.id.expiration.ms": "2000000000",
  },
  async run(asker) {
    const transactions = new Transactions(asker, await makeTopic(asker, "t", 2));
    await awaitCoordinator(asker);
    await produceOddly(transactions);
    await liveOneTransaction(transactions);
    await endTransactions(transactions);
    await interleave(transactions);
    await commitOffsets(asker);
    await forgetOffsets(asker);
    await commitAsMember(asker);
    await beNobody(transactions);
  },
};

async function produceOddly(transactions: Transactions): Promise<void> {
  for (const version of versionsOf(produce)) {
    await transactions.produce("no id", { 0: recordsOf({ id: 900 }) }, version, null);
  }
  const two = { 0: recordsOf({ id: 900 }), 1: recordsOf({ id: 901 }) };
  await transactions.produce("two producers", two);
  const epochs = { 0: recordsOf({ id: 900 }), 1: recordsOf({ id: 900, epoch: 1 }) };
  await transactions.produce("two epochs", epochs);
  const mixed = { 0: recordsOf({ id: 900, isTransactional: false }), 1: Buffer.alloc(0) };
  await transactions.produce("no transaction", mixed);
  const magic = recordsOf({ id: 900 });
  magic[16] = 3;
  await transactions.produce("magic 3", { 0: magic, 1: recordsOf({ id: 902 }) });
  await transactions.produce("magic 3, behind", { 0: recordsOf({ id: 902 }), 1: magic });
  const short = recordsOf({ id: 900 });
  short.writeInt32BE(3, 8);
  for (const version of [7, 8, 12]) await transactions.produce("short", { 0: short }, version);
  const data = (index: number, id: number) => ({
    index,
    records: recordsOf({ id, isTransactional: false }),
  });
  const topicData = [
    { name: "t", partitionData: [data(1, 910), data(1, 911)] },
    { name: "t", partitionData: [data(1, 912)] },
  ];
  await transactions.asker.ask(produce, 11, { acks: ALL, timeoutMs, topicData }, "named twice");
  await transactions.producers("after the odd ones");
  await transactions.end("of the odd ones", { producerId: 902 });
}

async function liveOneTransaction(transactions: Transactions): Promise<void> {
  const { asker } = transactions;
  await transactions.produce("begin", { 0: recordsOf({ id: 1000 }) });
  await transactions.produce("the same again", { 0: recordsOf({ id: 1000 }) });
  await transactions.produce("go on", { 0: recordsOf({ id: 1000, sequence: 2 }) });
  await transactions.produce("a gap", { 0: recordsOf({ id: 1000, sequence: 9 }) });
  const outside = recordsOf({ id: 1000, sequence: 4, isTransactional: false });
  await transactions.produce("outside of it", { 0: outside });
  await transactions.produce("another", { 0: recordsOf({ id: 1001, isTransactional: false }) });
  await transactions.producers("open");
  for (const version of versionsOf(fetch)) {
    await transactions.fetch("open", version, 2);
    await transactions.fetch("open, all", version, 2, 0);
    await transactions.fetch("open, at its start", version, 0);
  }
  for (const version of versionsOf(listOffsets)) {
    if (version < 2) continue;
    for (const timestamp of [-1, -2, -3, TIME, TIME + 1]) {
      const partitions = [{ partitionIndex: 0, timestamp, currentLeaderEpoch: -1 }];
      const request = { replicaId: -1, isolationLevel: 1, topics: [{ name: "t", partitions }] };
      const label = `committed ${timestamp}`;
      await asker.ask(listOffsets, version, request, label, ({ topics: [topic] }) => {
        // That of a marker.
        const [found] = topic!.partitions;
        if (found!.timestamp > TIME + 1) found!.timestamp = 1;
      });
    }
  }
  await transactions.end("commit", {});
  await transactions.producers("committed");
  await transactions.fetch("committed", 12, 0);
  await transactions.fetch("committed", 17, 0);
}

async function endTransactions(transactions: Transactions): Promise<void> {
  const { asker } = transactions;
  for (const version of versionsOf(writeTxnMarkers)) {
    await asker.ask(writeTxnMarkers, version, { markers: [] }, "none");
    const topics = [
      { name: "t", partitionIndexes: [0, 1, 9, -1] },
      { name: "absent", partitionIndexes: [0] },
      { name: "", partitionIndexes: [] },
    ];
    await transactions.end("here and elsewhere", { topics, producerId: 50 }, version);
    await transactions.end("nowhere", { topics: [], producerId: 50 }, version);
  }
  const markers = [
    { producerId: 60, partitionIndexes: [0] },
    { producerId: 61, partitionIndexes: [1] },
    { producerId: 60, partitionIndexes: [1, 7] },
  ].map(({ producerId, partitionIndexes }) => ({
    producerId,
    producerEpoch: 0,
    transactionResult: false,
    coordinatorEpoch: 0,
    topics: [{ name: "t", partitionIndexes }],
  }));
  await asker.ask(writeTxnMarkers, 1, { markers }, "several", sortMarkers);
  const begin = (label: string, epoch: number, sequence = 0) =>
    transactions.produce(label, { 0: recordsOf({ id: 1000, epoch, sequence }) });
  await begin("a new epoch", 3);
  await transactions.end("an epoch back", { producerEpoch: 2 });
  await transactions.end("abort", {
    producerEpoch: 3,
    transactionResult: false,
    coordinatorEpoch: 5,
  });
  await transactions.end("abort again", { producerEpoch: 3, coordinatorEpoch: 5 });
  await transactions.end("an old coordinator", { producerEpoch: 3, coordinatorEpoch: 4 });
  await transactions.end("no coordinator", { producerEpoch: 3, coordinatorEpoch: -1 });
  await begin("next, of the same epoch", 3, 2);
  const second = { coordinatorEpoch: 5, transactionVersion: 2 };
  await transactions.end("version 2, of its epoch", { ...second, producerEpoch: 3 }, 2);
  await transactions.end("version 2", { ...second, producerEpoch: 4 }, 2);
  await transactions.end("version 2, again", { ...second, producerEpoch: 4 }, 2);
  await transactions.end("version 2, back", { ...second, producerEpoch: 3 }, 2);
  await begin("an epoch back", 3, 4);
  await begin("the marker's epoch", 4);
  await transactions.end("version 1", { producerEpoch: 4, coordinatorEpoch: 5 }, 2);
  await begin("the last epoch", 32767);
  await transactions.end("version 2, the last", { ...second, producerEpoch: 32767 }, 2);
  await transactions.producers("ended");
}

async function interleave(transactions: Transactions): Promise<void> {
  const begin = (id: number, sequence = 0) =>
    transactions.produce("interleaved", { 0: recordsOf({ id, sequence }) });
  const end = (producerId: number, transactionResult: boolean) =>
    transactions.end("interleaved", { producerId, transactionResult });
  await begin(2000);
  await begin(2001);
  await begin(2000, 2);
  await end(2001, false);
  await transactions.fetch("behind an open one", 12, 10);
  await begin(2002);
  await begin(2003);
  await end(2000, true);
  await end(2003, false);
  await transactions.fetch("two aborted", 12, 10);
  await end(2002, false);
  for (const offset of [0, 6, 20, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44]) {
    await transactions.fetch("aborted ones", 12, offset);
    await transactions.fetch("aborted ones, few bytes", 12, offset, 1, 1);
    await transactions.fetch("aborted ones, some bytes", 12, offset, 1, 300);
  }
  await transactions.fetch("everything", 12, 0, 0);
}

type Commit = Partial<Input<typeof txnOffsetCommit.request>>;

function commit(asker: Asker, label: string, version: number, rest: Commit = {}) {
  const partition = (partitionIndex: number, committedOffset: number) => ({
    partitionIndex,
    committedOffset,
    committedMetadata: "m",
  });
  const topics = [{ name: "t", partitions: [partition(0, 5), partition(1, 6)] }];
  const request = {
    transactionalId: "x",
    groupId: "g",
    producerId: 3000,
    producerEpoch: 0,
    topics,
    ...rest,
  };
  return asker.ask(txnOffsetCommit, version, request, label);
}

function fetchOffsets(asker: Asker, label: string, version = 9, groupId = "g") {
  const topics = [{ name: "t", partitionIndexes: [0, 1] }];
  const request =
    version < 8
      ? { groupId, topics, requireStable: true }
      : {
          groups: [
            { groupId, topics },
            { groupId, topics: null },
          ],
          requireStable: true,
        };
  return asker.ask(offsetFetch, version, request, label);
}

function endOffsets(
  asker: Asker,
  label: string,
  rest: Partial<Input<typeof writeTxnMarkers.request>["markers"][number]> = {},
) {
  const marker = {
    producerId: 3000,
    producerEpoch: 0,
    transactionResult: true,
    coordinatorEpoch: 0,
    topics: [{ name: OFFSETS, partitionIndexes: [0] }],
    ...rest,
  };
  return asker.ask(writeTxnMarkers, 1, { markers: [marker] }, label);
}

async function commitOffsets(asker: Asker): Promise<void> {
  for (const version of versionsOf(txnOffsetCommit)) {
    if (version > 4) continue;
    await commit(asker, "two offsets", version);
    await fetchOffsets(asker, "pending");
    await endOffsets(asker, "abort", { transactionResult: false });
    await fetchOffsets(asker, "aborted");
    const partitions = [0, 9].map((partitionIndex) => ({
      partitionIndex,
      committedOffset: 7,
      committedMetadata: null,
    }));
    await commit(asker, "not all there", version, {
      topics: [
        { name: "t", partitions },
        { name: "absent", partitions },
        { name: "t", partitions },
      ],
    });
    const committedMetadata = "m".repeat(5000);
    const large = [{ partitionIndex: 0, committedOffset: 7, committedMetadata }];
    await commit(asker, "too much said", version, { topics: [{ name: "t", partitions: large }] });
    await commit(asker, "nothing", version, { topics: [] });
    await commit(asker, "no group", version, { groupId: "" });
    if (version >= 3) {
      await commit(asker, "a generation", version, { generationId: 3, memberId: "m" });
      await commit(asker, "a member", version, { memberId: "m" });
      await commit(asker, "an instance", version, { groupInstanceId: "i" });
      const nobody = { groupId: "nobody", generationId: 3, memberId: "m" };
      await commit(asker, "a generation of nobody", version, nobody);
    }
    await endOffsets(asker, "commit");
    await fetchOffsets(asker, "committed");
  }
  await endOffsets(asker, "elsewhere", { topics: [{ name: OFFSETS, partitionIndexes: [0, 1] }] });
  await commit(asker, "an epoch ahead", 3, { producerEpoch: 2 });
  await commit(asker, "an epoch back", 3, { producerEpoch: 1 });
  await endOffsets(asker, "an epoch back", { producerEpoch: 1 });
  await endOffsets(asker, "an epoch ahead", { producerEpoch: 2, coordinatorEpoch: 4 });
  await endOffsets(asker, "an old coordinator", { producerEpoch: 2, coordinatorEpoch: 3 });
}

/** Plain commits, deletions and tombstones beside open transactions. */
async function forgetOffsets(asker: Asker): Promise<void> {
  const offsets = { producerId: 3001, groupId: "h" };
  const plain = (committedOffset: number) =>
    asker.ask(offsetCommit, 9, {
      groupId: "h",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [
        { name: "t", partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: "" }] },
      ],
    });
  await plain(1);
  await commit(asker, "before a plain one", 3, offsets);
  await plain(2);
  await fetchOffsets(asker, "pending beside a plain one", 7, "h");
  await endOffsets(asker, "the plain one was later", { producerId: 3001 });
  await fetchOffsets(asker, "the plain one was later", 7, "h");
  await commit(asker, "first of two", 3, offsets);
  await commit(asker, "second of two", 3, { ...offsets, producerId: 3002 });
  await endOffsets(asker, "second of two", { producerId: 3002 });
  await fetchOffsets(asker, "the first is open", 7, "h");
  await endOffsets(asker, "first of two", { producerId: 3001 });
  await fetchOffsets(asker, "both are over", 7, "h");
  await commit(asker, "to be deleted", 3, offsets);
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0 }] }];
  await asker.ask(offsetDelete, 0, { groupId: "h", topics }, "while it is open");
  await fetchOffsets(asker, "one is deleted", 7, "h");
  await endOffsets(asker, "one was deleted", { producerId: 3001 });
  await fetchOffsets(asker, "one was deleted", 7, "h");
  await commit(asker, "of a group to be deleted", 3, offsets);
  await asker.ask(deleteGroups, 2, { groupsNames: ["h"] }, "while it is open");
  await endOffsets(asker, "of a deleted group", { producerId: 3001 });
  await fetchOffsets(asker, "of a deleted group", 7, "h");
}

async function commitAsMember(asker: Asker): Promise<void> {
  const join = {
    groupId: "j",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Buffer.from("0000000000010001740000", "hex") }],
  };
  const { memberId } = await asker.quietly(joinGroup, 9, { ...join, memberId: "" });
  const { generationId } = await asker.quietly(joinGroup, 9, { ...join, memberId });
  const group = { groupId: "j", producerId: 3003 };
  await commit(asker, "a member, not named", 2, group);
  await commit(asker, "a member, not named", 3, group);
  await asker.quietly(txnOffsetCommit, 3, {
    transactionalId: "x",
    producerEpoch: 0,
    ...group,
    generationId,
    memberId,
    topics: [],
  });
  for (const generation of [generationId, generationId - 1, -1]) {
    const partitions = [{ partitionIndex: 0, committedOffset: 9, committedMetadata: "" }];
    const answer = await asker.quietly(txnOffsetCommit, 3, {
      transactionalId: "x",
      producerEpoch: 0,
      ...group,
      generationId: generation,
      memberId,
      topics: [{ name: "t", partitions }],
    });
    asker.remember(`a member of generation ${generation - generationId}`, answer);
  }
}

/** Ids and epochs that no producer has. */
async function beNobody(transactions: Transactions): Promise<void> {
  const { asker } = transactions;
  for (const [producerId, producerEpoch] of NOBODIES) {
    const label = `producer ${producerId}, epoch ${producerEpoch}`;
    await transactions.end(label, { producerId, producerEpoch });
    const topics = [{ name: OFFSETS, partitionIndexes: [0] }];
    await endOffsets(asker, `${label}, offsets`, { producerId, producerEpoch, topics });
    const group = { producerId, producerEpoch, groupId: `n${producerId}.${producerEpoch}` };
    await commit(asker, label, 3, group);
    await fetchOffsets(asker, label, 9, group.groupId);
    const records = recordsOf({ id: producerId, epoch: producerEpoch });
    await transactions.produce(label, { 1: records });
  }
  await transactions.end("coordinator -5", { producerId: 4001, coordinatorEpoch: -5 });
  await transactions.producers("nobodies");
}

const NOBODIES: [id: number, epoch: number][] = [
  [-1, -1],
  [-1, 0],
  [-5, 0],
  [4000, -1],
  [4000, -7],
];
