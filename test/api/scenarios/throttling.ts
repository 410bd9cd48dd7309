import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../../src/protocol/messages/20-delete-topics.ts";
import { createPartitions } from "../../../src/protocol/messages/37-create-partitions.ts";
import { alterClientQuotas } from "../../../src/protocol/messages/49-alter-client-quotas.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { makeTopic } from "./prepare.ts";

const timeoutMs = 5000;
const CLIENT_ID = "scenario";
/** A broker of Kafka hears of a limit a little after the answer. */
const HEAR_MS = 500;

export const throttlingScenario: Scenario = {
  name: "throttling",
  async run(asker) {
    await makeTopic(asker, "t", 3);
    await produceTooMuch(asker);
    await fetchTooMuch(asker);
    await mutateTooMuch(asker);
  },
};

/** How long is left to chance. */
function blurDelay(response: { throttleTimeMs: number }): void {
  response.throttleTimeMs = Math.sign(response.throttleTimeMs);
}

async function limit(asker: Asker, name: string, value: number | null): Promise<void> {
  const ops = [{ key: name, value: value ?? 0, remove: value === null }];
  const entity = [{ entityType: "client-id", entityName: CLIENT_ID }];
  await asker.quietly(alterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false });
  await asker.sleep(HEAR_MS);
}

function batchOf(size: number): Buffer {
  const value = Buffer.alloc(size, "v");
  return buildBatch({ records: [{ timestamp: 1_700_000_000_000, key: null, value }] });
}

async function produceTooMuch(asker: Asker): Promise<void> {
  // Ten seconds' worth of bytes, and a little more.
  await limit(asker, "producer_byte_rate", 200);
  for (const size of [100, 2000, 100]) {
    const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(size) }] }];
    const request = { acks: -1, timeoutMs, topicData };
    await asker.ask(produce, 9, request, `${size} bytes`, blurDelay);
    await asker.sleep(size === 100 ? 0 : 2500);
  }
  await limit(asker, "producer_byte_rate", null);
}

async function fetchTooMuch(asker: Asker): Promise<void> {
  for (const index of [1, 1, 1, 2]) {
    const topicData = [{ name: "t", partitionData: [{ index, records: batchOf(600) }] }];
    await asker.quietly(produce, 9, { acks: -1, timeoutMs, topicData });
  }
  await limit(asker, "consumer_byte_rate", 100);
  const partition = (index: number) => ({
    partition: index,
    fetchOffset: 0,
    partitionMaxBytes: 1_000_000,
  });
  const asked = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000 };
  // As much as is allowed, and the rest of the answer: too much by that.
  const all = { ...asked, topics: [{ topic: "t", partitions: [1, 2].map(partition) }] };
  await asker.ask(fetch, 12, { ...all, sessionId: 0, sessionEpoch: 0 }, "throttled", blurDelay);
  await asker.sleep(2500);
  let sessionId = 0;
  const full = { ...all, sessionId, sessionEpoch: 0 };
  await asker.ask(fetch, 12, full, "after a while", (response) => {
    blurDelay(response);
    sessionId = response.sessionId;
    response.sessionId = Math.sign(response.sessionId);
  });
  for (const sessionEpoch of [1, 2]) {
    const known = { ...asked, sessionId, sessionEpoch, topics: [] };
    const answer = await asker.quietly(fetch, 12, known);
    asker.remember(`Fetch v12: epoch ${sessionEpoch} of the session`, {
      throttleTimeMs: Math.sign(answer.throttleTimeMs),
      isSession: answer.sessionId === sessionId,
      responses: answer.responses,
      errorCode: answer.errorCode,
    });
    await asker.sleep(sessionEpoch === 1 ? 4000 : 0);
  }
  await limit(asker, "consumer_byte_rate", null);
}

/** A debt, and time in which about as much flows in: each question meets a new one. */
const DEBT = 154;
const PAY_MS = 1500;

async function mutateTooMuch(asker: Asker): Promise<void> {
  await makeTopic(asker, "old");
  await limit(asker, "controller_mutation_rate", 100);
  // Eleven seconds' worth is there at first.
  let debt = 1150;
  for (const version of versionsOf(createTopics)) {
    await spend(asker, debt);
    debt = DEBT;
    const blur = version < 2 ? () => {} : blurDelay;
    const topics = [newTopic(`new-${version}`, 1), newTopic("t", 1), newTopic("bad/name", 1)];
    await asker.ask(createTopics, version, { topics, timeoutMs, validateOnly: true }, "", blur);
    await asker.sleep(PAY_MS);
  }
  for (const version of versionsOf(createPartitions)) {
    await spend(asker, debt);
    const topics = [
      { name: "t", count: 5, assignments: null },
      { name: "absent", count: 5, assignments: null },
      { name: "old", count: 1, assignments: null },
    ];
    await asker.ask(
      createPartitions,
      version,
      { topics, timeoutMs, validateOnly: true },
      "",
      blurDelay,
    );
    await asker.sleep(PAY_MS);
  }
  for (const version of versionsOf(deleteTopics)) {
    await spend(asker, debt);
    const named = ["old", "absent"];
    const request =
      version < 6
        ? { topicNames: version < 5 ? ["absent"] : named, timeoutMs }
        : { topics: named.map((name) => ({ name, topicId: ZERO_UUID })), timeoutMs };
    await asker.ask(deleteTopics, version, request, "", (response) => {
      if (version >= 1) blurDelay(response);
    });
    await asker.sleep(PAY_MS);
  }
  await spend(asker, debt);
  await asker.ask(metadata, 12, { topics: [{ name: "auto" }] });
  await asker.sleep(PAY_MS);
  await asker.ask(metadata, 12, {
    topics: [{ name: "auto" }],
    allowAutoTopicCreation: false,
  });
  await limit(asker, "controller_mutation_rate", null);
}

/** Permits are taken for what is only validated, too. */
async function spend(asker: Asker, partitionCount: number): Promise<void> {
  const topics = [newTopic("spent", partitionCount)];
  await asker.ask(createTopics, 7, { topics, timeoutMs, validateOnly: true }, "spend", (answer) => {
    blurDelay(answer);
    for (const topic of answer.topics) topic.configs = [];
  });
}

function newTopic(name: string, numPartitions: number) {
  return { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
}
