import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { CompressionType } from "../../../src/protocol/compression.ts";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { type NewBatch, buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import type { Value } from "../../../src/protocol/schema.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { makeTopic } from "./prepare.ts";

const TIME = 1_700_000_000_000;
const NOBODYS_ID = "AAAAAAAAAAAAAAAAAAAAEA";
const ALL = -1;
const timeoutMs = 5000;

function batchOf(count: number, rest: Partial<NewBatch> = {}): Buffer {
  const records = Array.from({ length: count }, (_, index) => ({
    timestamp: TIME + index,
    key: null,
    value: Buffer.from(`value ${index}`),
  }));
  return buildBatch({ records, ...rest });
}

export const produceScenario: Scenario = {
  name: "produce",
  settings: { "log.message.timestamp.before.max.ms": "9223372036854775807" },
  async run(asker) {
    const id = await makeTopic(asker, "p", 2);
    await makeTopic(asker, "compacted", 1, { "cleanup.policy": "compact" });
    await makeTopic(asker, "small", 1, { "max.message.bytes": "150" });
    await makeTopic(asker, "two", 1, { "min.insync.replicas": "2" });
    await makeTopic(asker, "stamped", 1, { "message.timestamp.type": "LogAppendTime" });
    await makeTopic(asker, "punctual", 1, { "message.timestamp.before.max.ms": "1000" });
    const ask = (version: number, name: string, records: Buffer, label = "", acks = ALL) => {
      const topic = version >= 13 ? { topicId: name === "p" ? id : NOBODYS_ID } : { name };
      const topicData = [{ ...topic, partitionData: [{ index: 0, records }] }];
      return asker.ask(produce, version, { acks, timeoutMs, topicData }, label, blur);
    };
    for (const version of versionsOf(produce)) {
      await ask(version, "p", batchOf(2), "two records");
      await ask(version, "p", batchOf(1), "acknowledged by the leader", 1);
      await ask(version, "p", batchOf(1), "no such acknowledgement", 2);
      await ask(version, "absent", batchOf(1), "absent");
      await ask(version, "p", corrupted(batchOf(1)), "a wrong checksum");
      await ask(version, "p", batchOf(0), "no records");
      await ask(version, "p", Buffer.alloc(0), "no bytes");
    }
    for (const [label, records] of BATCHES) await ask(12, "p", records, label);
    await ask(12, "compacted", batchOf(2), "without keys");
    await ask(7, "compacted", batchOf(2), "without keys");
    await ask(12, "small", batchOf(20), "too large");
    await ask(12, "two", batchOf(1), "two shall be in sync, and there is one replica");
    await ask(12, "stamped", batchOf(2), "stamped");
    await ask(12, "punctual", batchOf(1), "too old");
    await ask(12, "__cluster_metadata", batchOf(1), "the metadata");
    const partitionData = [0, 1, 9].map((index) => ({ index, records: batchOf(1) }));
    const topicData = [{ name: "p", partitionData }];
    await asker.ask(produce, 12, { acks: ALL, timeoutMs, topicData }, "partitions", blur);
    await asker.ask(produce, 12, { acks: ALL, timeoutMs, topicData: [] }, "nothing", blur);
  },
};

/** When the broker stamped it. */
function blur(response: Value<typeof produce.response>): void {
  for (const { partitionResponses } of response.responses) {
    for (const each of partitionResponses) {
      each.logAppendTimeMs = Math.sign(each.logAppendTimeMs);
      each.errorMessage = each.errorMessage?.replace(/\d{13}/g, "a time") ?? null;
      for (const error of each.recordErrors) {
        error.batchIndexErrorMessage =
          error.batchIndexErrorMessage?.replace(/\d{13}/g, "a time") ?? null;
      }
    }
  }
}

function corrupted(batch: Buffer): Buffer {
  const copy = Buffer.from(batch);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

const BATCHES: [label: string, records: Buffer][] = [
  ["gzip", batchOf(3, { compression: CompressionType.GZIP })],
  ["snappy", batchOf(3, { compression: CompressionType.SNAPPY })],
  ["lz4", batchOf(3, { compression: CompressionType.LZ4 })],
  ["zstd", batchOf(3, { compression: CompressionType.ZSTD })],
  ["two batches", Buffer.concat([batchOf(1), batchOf(1)])],
  ["a control batch", batchOf(1, { isControl: true, producerId: 5, producerEpoch: 0 })],
  ["cut off", batchOf(2).subarray(0, 70)],
  ["a header cut off", batchOf(2).subarray(0, 30)],
  ["first of a producer", producerBatch(0, 0)],
  ["the same again", producerBatch(0, 0)],
  ["a gap", producerBatch(0, 7)],
  ["an epoch later", producerBatch(1, 0)],
  ["an epoch back", producerBatch(0, 2)],
  ["an epoch later, not from the start", producerBatch(2, 5)],
];

function producerBatch(producerEpoch: number, baseSequence: number): Buffer {
  return batchOf(2, { producerId: 1234, producerEpoch, baseSequence });
}

export const fetchScenario: Scenario = {
  name: "fetch",
  async run(asker) {
    const id = await makeTopic(asker, "f", 2);
    for (let count = 0; count < 3; count++) {
      const topicData = [{ name: "f", partitionData: [{ index: 0, records: batchOf(2) }] }];
      await asker.quietly(produce, 9, { acks: ALL, timeoutMs, topicData });
    }
    for (const version of versionsOf(fetch)) {
      const topic = (name: string) =>
        version >= 13
          ? { topicId: name === "f" ? id : name === "" ? ZERO_UUID : NOBODYS_ID }
          : { topic: name };
      for (const offset of [0, 1, 5, 6, 7, -1]) {
        await askFetch(asker, version, `from ${offset}`, topic("f"), { fetchOffset: offset });
      }
      await askFetch(asker, version, "absent", topic("absent"), {});
      await askFetch(asker, version, "nameless", topic(""), {});
      await askFetch(asker, version, "no such partition", topic("f"), { partition: 7 });
      await askFetch(asker, version, "one byte", topic("f"), { partitionMaxBytes: 1 });
      if (version >= 9) {
        await askFetch(asker, version, "epoch", topic("f"), { currentLeaderEpoch: 0 });
        await askFetch(asker, version, "epoch ahead", topic("f"), { currentLeaderEpoch: 3 });
      }
      if (version >= 12) {
        const ahead = { lastFetchedEpoch: 4, fetchOffset: 2 };
        await askFetch(asker, version, "fetched an epoch ahead", topic("f"), ahead);
        const same = { lastFetchedEpoch: 0, fetchOffset: 2 };
        await askFetch(asker, version, "fetched the same epoch", topic("f"), same);
      }
      if (version < 7) continue;
      const wrong = { sessionId: 99, sessionEpoch: 5 };
      await askFetch(asker, version, "no such session", topic("f"), {}, wrong);
    }
    await keepSession(asker, id);
  },
};

interface FetchOptions {
  sessionId?: number;
  sessionEpoch?: number;
  isolationLevel?: number;
}

function askFetch(
  asker: Asker,
  version: number,
  label: string,
  topic: { topic?: string; topicId?: string },
  partition: Record<string, number>,
  options: FetchOptions = {},
) {
  const asked = {
    partition: 0,
    fetchOffset: 0,
    partitionMaxBytes: 100_000,
    ...(version >= 5 ? { logStartOffset: -1 } : {}),
    ...partition,
  };
  const session = version >= 7 ? { sessionId: 0, sessionEpoch: -1, ...options } : {};
  const request = {
    ...(version < 15 ? { replicaId: -1 } : {}),
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1_000_000,
    isolationLevel: 0,
    ...session,
    topics: [{ ...topic, partitions: [asked] }],
    ...(version >= 7 ? { forgottenTopicsData: [] } : {}),
  };
  return asker.ask(fetch, version, request, label, blurSession);
}

/** Its number is left to chance. */
function blurSession(response: Value<typeof fetch.response>): void {
  response.sessionId = Math.sign(response.sessionId);
}

/** A session of its own request form: what has changed, and what is forgotten. */
async function keepSession(asker: Asker, topicId: string): Promise<void> {
  const partition = (index: number, fetchOffset: number) => ({
    partition: index,
    fetchOffset,
    partitionMaxBytes: 100_000,
  });
  const common = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, forgottenTopicsData: [] };
  const first = await asker.quietly(fetch, 17, {
    ...common,
    sessionId: 0,
    sessionEpoch: 0,
    topics: [{ topicId, partitions: [partition(0, 6), partition(1, 0)] }],
  });
  const { sessionId } = first;
  const ask = (
    label: string,
    sessionEpoch: number,
    topics: { topicId: string; partitions: ReturnType<typeof partition>[] }[],
    forgottenTopicsData: { topicId: string; partitions: number[] }[] = [],
  ) =>
    asker
      .quietly(fetch, 17, {
        ...common,
        sessionId,
        sessionEpoch,
        topics,
        forgottenTopicsData,
      })
      .then((response) => {
        blurSession(response);
        asker.remember(`a session: ${label}`, response);
      });
  await ask("nothing new", 1, []);
  await ask("from the start", 2, [{ topicId, partitions: [partition(0, 0)] }]);
  await ask("forgotten", 3, [], [{ topicId, partitions: [0] }]);
  await ask("an epoch twice", 3, []);
  await ask("an epoch left out", 9, []);
  await ask("a partition that is not", 4, [{ topicId, partitions: [partition(8, 0)] }]);
  await ask("still not", 5, []);
  await ask("closed", -1, []);
  await ask("gone", 6, []);
}
