/** What a controller answers to brokers that pass requests of their clients on (KIP-590). */
import { encodeEnvelope } from "../../../src/broker/envelope.ts";
import { decode, encode } from "../../../src/protocol/compile.ts";
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import { alterConfigs } from "../../../src/protocol/messages/33-alter-configs.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { listPartitionReassignments } from "../../../src/protocol/messages/46-list-partition-reassignments.ts";
import { describeQuorum } from "../../../src/protocol/messages/55-describe-quorum.ts";
import { updateFeatures } from "../../../src/protocol/messages/57-update-features.ts";
import { envelope } from "../../../src/protocol/messages/58-envelope.ts";
import { unregisterBroker } from "../../../src/protocol/messages/64-unregister-broker.ts";
import { responseHeader, responseHeaderVersion } from "../../../src/protocol/messages/header.ts";
import { defaultPrincipalData } from "../../../src/protocol/records/principal.ts";
import type { Api, Input } from "../../../src/protocol/schema.ts";
import type { Asker, Scenario } from "../asker.ts";

const CLIENT = { user: "alice", clientId: "tool", correlationId: 77, remoteAddress: "10.1.2.3" };
const TOPIC = 2;
const BROKER_LOGGER = 8;
const SET = 0;

export const envelopeScenario: Scenario = {
  name: "envelope",
  async run(asker) {
    await passed(asker, createTopics, 7, topicNamed("in-an-envelope"), "new");
    await passed(asker, createTopics, 2, topicNamed("in-an-envelope"), "old form, there already");
    await passed(asker, createTopics, 7, { topics: [], timeoutMs: 1000 }, "nothing");
    await passed(asker, createTopics, 7, { ...topicNamed("late"), timeoutMs: 0 }, "no time");
    await passed(asker, createTopics, 7, topicNamed("no/name"), "refused");
    await changeConfigs(asker);
    await passed(asker, listPartitionReassignments, 0, { timeoutMs: 1000, topics: null });
    await passed(asker, unregisterBroker, 0, { brokerId: 99 });
    await passed(asker, updateFeatures, 2, { timeoutMs: 1000, featureUpdates: [NO_FEATURE] });
    await quorum(asker);
    await broken(asker);
  },
};

async function changeConfigs(asker: Asker): Promise<void> {
  const topic = { resourceType: TOPIC, resourceName: "in-an-envelope" };
  const logger = { resourceType: BROKER_LOGGER, resourceName: "1" };
  const set = { configOperation: SET, name: "retention.ms", value: "1000" };
  const level = { configOperation: SET, name: "kafka.server", value: "NOISE" };
  const resources = [
    { ...topic, configs: [set] },
    { ...logger, configs: [level] },
  ];
  const request = { resources, validateOnly: false };
  await passed(asker, incrementalAlterConfigs, 1, request);
  const configs = [{ name: "retention.ms", value: "no number" }];
  const legacy = { resources: [{ ...topic, configs }], validateOnly: false };
  await passed(asker, alterConfigs, 2, legacy);
}

/** Times differ from run to run. */
async function quorum(asker: Asker): Promise<void> {
  const topics = [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }];
  const answer = await open(asker, describeQuorum, 2, { topics });
  asker.remember("DescribeQuorum v2 in an envelope", {
    errorCode: answer?.errorCode,
    leaders: answer?.topics.flatMap(({ partitions }) => partitions.map(({ leaderId }) => leaderId)),
  });
}

async function broken(asker: Asker): Promise<void> {
  const whole = encodeEnvelope(createTopics, 7, topicNamed("broken"), CLIENT);
  const { requestData } = whole;
  const send = (label: string, part: Partial<Input<typeof envelope.request>>) =>
    asker.askOn("controller", envelope, 0, { ...whole, ...part }, label);
  await send("no principal", { requestPrincipal: null });
  await send("an empty principal", { requestPrincipal: Buffer.alloc(0) });
  await send("a newer principal", { requestPrincipal: Buffer.from([0, 1, 2, 3]) });
  await send("half a principal", { requestPrincipal: Buffer.from([0, 0, 9, 65]) });
  await send("another type", { requestPrincipal: principal("Group", "alice") });
  await send("no address", { clientHostAddress: Buffer.alloc(0) });
  await send("half an address", { clientHostAddress: Buffer.from([10, 1, 2]) });
  await send("a long address", { clientHostAddress: Buffer.alloc(16, 1) });
  await send("no request", { requestData: Buffer.alloc(0) });
  await send("half a header", { requestData: Buffer.from(requestData).subarray(0, 7) });
  await send("half a request", { requestData: Buffer.from(requestData).subarray(0, 30) });
  await send("an unknown API", { requestData: keyed(requestData, 999) });
  await send("a version of the future", { requestData: keyed(requestData, 19, 99) });
  await send("a version of the past", { requestData: keyed(requestData, 19, 0) });
  await send("an envelope", { requestData: keyed(requestData, 58, 0) });
  const foreign = encodeEnvelope(metadata, 12, { topics: [] }, CLIENT);
  await send("what is not for controllers", foreign);
}

const NO_FEATURE = { feature: "no.feature", maxVersionLevel: 1 };

function topicNamed(name: string) {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  return { topics: [topic], timeoutMs: 10_000, validateOnly: false };
}

function principal(type: string, name: string): Buffer {
  const value = { type, name, tokenAuthenticated: true };
  return Buffer.concat([Buffer.from([0, 0]), encode(defaultPrincipalData, 0, value)]);
}

function keyed(requestData: Uint8Array, apiKey: number, version?: number): Buffer {
  const changed = Buffer.from(requestData);
  changed.writeInt16BE(apiKey, 0);
  if (version !== undefined) changed.writeInt16BE(version, 2);
  return changed;
}

async function passed<Q, QI, R, RI>(
  asker: Asker,
  api: Api<Q, QI, R, RI>,
  version: number,
  request: QI,
  label = "",
): Promise<void> {
  const answer = await open(asker, api, version, request);
  asker.remember(`${api.name} v${version} in an envelope: ${label}`, answer);
}

/** What the controller answers inside; null where it answers nothing. */
async function open<Q, QI, R, RI>(
  asker: Asker,
  api: Api<Q, QI, R, RI>,
  version: number,
  request: QI,
): Promise<R | null> {
  const wrapped = encodeEnvelope(api, version, request, CLIENT);
  const answer = await asker.quietlyOn("controller", envelope, 0, wrapped);
  const { errorCode, responseData } = answer;
  if (responseData === null) {
    asker.remember(`${api.name} v${version}: refused`, errorCode);
    return null;
  }
  const headerVersion = responseHeaderVersion(api, version);
  const header = decode(responseHeader, headerVersion, responseData);
  asker.remember(`${api.name} v${version}: header`, header);
  return decode(api.response, version, responseData.subarray(headerVersion === 1 ? 5 : 4));
}
