/** What a broker tells of itself, beside its requests. */
import { expect, test } from "bun:test";
import { type Families, MetricsText } from "../../src/base/metrics-text.ts";
import { brokerFamilies } from "../../src/broker/metrics/broker-families.ts";
import { coordinatorFamilies } from "../../src/broker/metrics/coordinator-families.ts";
import { metricsListener, metricsPartitionsMax } from "../../src/broker/settings/own-settings.ts";
import { SettingError } from "../../src/broker/settings/setting-error.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { setCrc } from "../../src/protocol/record-batch.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { append, makeTopic as prepareTopic } from "../api/scenarios/prepare.ts";
import { ACCEPT, earliestGroup, Member, of, REJECT, share } from "../api/scenarios/share-member.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { expectKafkasNames } from "./kafka-metric-names.ts";
import { FakeTopics } from "../coordinator/group/consumer-driver.ts";
import { STATEFUL, StreamsDriver } from "../coordinator/group/streams-driver.ts";
import { batchOf } from "../log/log-fixture.ts";

function told(families: Families): Map<string, number> {
  const out = new MetricsText("prometheus");
  const samples = new Map<string, number>();
  for (const _ of families(out));
  for (const line of out.take().split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const at = line.lastIndexOf(" ");
    expect(samples.has(line.slice(0, at))).toBe(false);
    samples.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  expectKafkasNames([...samples.keys()].map((sample) => sample.replace(/\{.*/, "")));
  return samples;
}

function makeTopic(broker: TestBroker, name: string, numPartitions: number): void {
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const request = { topics: [topic], timeoutMs: 1000, validateOnly: false };
  broker.wait(broker.asker.quietly(createTopics, 4, request));
}

function produceTo(broker: TestBroker, name: string, records: Buffer): number {
  const partitionData = [{ index: 0, records }];
  const request = { acks: 1, timeoutMs: 1000, topicData: [{ name, partitionData }] };
  const { responses } = broker.wait(broker.asker.quietly(produce, 7, request));
  return responses[0]!.partitionResponses[0]!.errorCode;
}

test("a transaction that is open for longer than any may be is late", () => {
  const broker = startBroker({ "transaction.partition.verification.enable": "false" });
  const families = brokerFamilies(broker.node);
  makeTopic(broker, "a", 1);
  const { clock } = broker.world;
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true };
  const records = batchOf({ timestamp: clock.wallMs(), ...producer });
  const { log } = broker.node.partitions.find("a", 0)!;
  log.appendAsLeader(records, { leaderEpoch: 0, origin: "coordinator", nowMs: clock.wallMs() });
  const name = "kafka_server_replicamanager_partitionswithlatetransactionscount";
  clock.advance(broker.node.settings.get("transaction.max.timeout.ms") + 5 * 60_000);
  expect(told(families).get(name)).toBe(0);
  clock.advance(1);
  expect(told(families).get(name)).toBe(1);
});

test("topics, partitions and the controller are told of", () => {
  const broker = startBroker();
  const families = brokerFamilies(broker.node);
  makeTopic(broker, "a", 3);
  const records = batchOf({ count: 5 });
  const size = records.length;
  expect(produceTo(broker, "a", records)).toBe(0);
  const spoilt = batchOf({ count: 5 });
  spoilt[spoilt.length - 1]! ^= 1;
  expect(produceTo(broker, "a", spoilt)).not.toBe(0);
  const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 100_000 };
  const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 100_000, isolationLevel: 0 };
  broker.wait(
    broker.asker.quietly(fetch, 11, {
      ...request,
      topics: [{ topic: "a", partitions: [partition] }],
    }),
  );
  const samples = told(families);
  const topic = (name: string) => samples.get(`kafka_server_brokertopicmetrics_${name}`);
  expect(topic('messagesin_total{topic="a"}')).toBe(5);
  expect(topic("messagesin_total")).toBe(5);
  expect(topic('bytesin_total{topic="a"}')).toBe(size);
  expect(topic('bytesout_total{topic="a"}')).toBe(size);
  expect(topic('totalproducerequests_total{topic="a"}')).toBe(2);
  // A checksum that is wrong is the client's failure.
  expect(topic('failedproducerequests_total{topic="a"}')).toBe(0);
  expect(topic('totalfetchrequests_total{topic="a"}')).toBe(1);
  expect(samples.get("kafka_server_replicamanager_partitioncount")).toBe(3);
  expect(samples.get("kafka_server_replicamanager_leadercount")).toBe(3);
  expect(samples.get("kafka_server_replicamanager_underreplicatedpartitions")).toBe(0);
  expect(samples.get("kafka_controller_kafkacontroller_globaltopiccount")).toBe(1);
  expect(samples.get("kafka_controller_kafkacontroller_activecontrollercount")).toBe(1);
  expect(samples.get('kafka_log_log_logendoffset{topic="a",partition="0"}')).toBe(5);
  expect(samples.get('kafka_log_log_size{topic="a",partition="0"}')).toBe(size);
  expect(samples.get('kafka_server_raft_metrics_current_state_info{state="leader"}')).toBe(1);
  expect(samples.get("kafka_controller_kafkacontroller_ignoredstaticvoters")).toBe(0);
  const level = "kafka_server_node_metrics_maximum_supported_level";
  const known = broker.node.supportedFeatures.get("metadata.version")!;
  expect(samples.get(`${level}{feature_name="metadata.version"}`)).toBe(known.max);
  for (const name of ["raft_metrics", "raftmetrics"]) {
    expect(samples.get(`kafka_server_${name}_commit_latency_avg`)).toBeGreaterThanOrEqual(0);
    expect(samples.get(`kafka_server_${name}_election_latency_max`)).toBeGreaterThanOrEqual(0);
  }
  expect(broker.node.metadata.raft.stats.commitsUs.count).toBeGreaterThan(1);
  expect(samples.get("bunka_raft_records_appended_total")).toBeGreaterThan(3);
  const before = samples.get("kafka_log_logflushstats_logflushrateandtimems_count")!;
  expect(before).toBeGreaterThan(0);

  // What a topic has counted stays in the sum of all.
  broker.wait(broker.asker.quietly(deleteTopics, 1, { topicNames: ["a"], timeoutMs: 1000 }));
  const after = told(families);
  expect(after.get("kafka_server_brokertopicmetrics_messagesin_total")).toBe(5);
  expect(after.has('kafka_server_brokertopicmetrics_messagesin_total{topic="a"}')).toBe(false);
  expect(after.get("kafka_server_replicamanager_partitioncount")).toBe(0);
  broker.stop();
});

test("of too many partitions the first are shown, and all are counted", () => {
  const broker = startBroker({ "bunka.metrics.partitions.max": "70" });
  makeTopic(broker, "many", 150);
  const samples = told(brokerFamilies(broker.node));
  const shown = [...samples.keys()].filter((name) => name.startsWith("kafka_log_log_size"));
  expect(shown.length).toBe(70);
  expect(samples.get("kafka_server_replicamanager_partitioncount")).toBe(150);
  broker.stop();
});

test("the listener is an address, and nothing else", () => {
  const listener = (text: string) => metricsListener(new Map([["bunka.metrics.listener", text]]));
  expect(metricsListener(new Map())).toBeNull();
  expect(listener(" ")).toBeNull();
  expect(listener("http://127.0.0.1:9404")).toEqual({ host: "127.0.0.1", port: 9404 });
  expect(listener("http://0.0.0.0:0/")).toEqual({ host: "", port: 0 });
  expect(listener("http://:9404/metrics")).toEqual({ host: "", port: 9404 });
  expect(listener("http://[::1]:9404")).toEqual({ host: "::1", port: 9404 });
  for (const wrong of ["9404", "https://a:1", "http://a", "http://a:70000", "http://a:1/x"]) {
    expect(() => listener(wrong)).toThrow(SettingError);
  }
  const max = (text: string) =>
    metricsPartitionsMax(new Map([["bunka.metrics.partitions.max", text]]));
  expect([max(""), max("0"), max("5")]).toEqual([10_000, 0, 5]);
  expect(() => max("-1")).toThrow(SettingError);
});

test("records that are written anew are counted", () => {
  const broker = startBroker();
  const configs = [{ name: "compression.type", value: "zstd" }];
  const topic = { name: "z", numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  const request = { topics: [topic], timeoutMs: 1000, validateOnly: false };
  broker.wait(broker.asker.quietly(createTopics, 4, request));
  expect(produceTo(broker, "z", batchOf({ count: 7 }))).toBe(0);
  const samples = told(brokerFamilies(broker.node));
  const name = "kafka_server_brokertopicmetrics_producemessageconversions_total";
  expect(samples.get(`${name}{topic="z"}`)).toBe(7);
  broker.stop();
});

test("what records are refused for is counted by kind", () => {
  const broker = startBroker();
  const families = brokerFamilies(broker.node);
  const counts = () => {
    const samples = told(families);
    return [
      "invalidmagicnumberrecords",
      "invalidmessagecrcrecords",
      "invalidoffsetorsequencerecords",
      "nokeycompactedtopicrecords",
    ].map((name) => samples.get(`kafka_server_brokertopicmetrics_${name}_total`));
  };
  const configs = [{ name: "cleanup.policy", value: "compact" }];
  const topic = { name: "c", numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  const request = { topics: [topic], timeoutMs: 1000, validateOnly: false };
  broker.wait(broker.asker.quietly(createTopics, 4, request));
  expect(counts()).toEqual([0, 0, 0, 0]);
  const spoilt = batchOf({ count: 5 });
  spoilt[spoilt.length - 1]! ^= 1;
  expect(produceTo(broker, "c", spoilt)).toBe(ErrorCode.CORRUPT_MESSAGE);
  expect(counts()).toEqual([0, 1, 0, 0]);
  const miscounted = batchOf({ count: 5 });
  miscounted.writeInt32BE(9, 57);
  setCrc(miscounted, 0);
  expect(produceTo(broker, "c", miscounted)).toBe(ErrorCode.INVALID_RECORD);
  expect(counts()).toEqual([0, 1, 1, 0]);
  const keyless = { timestamp: 0, key: null, value: Buffer.from("v") };
  expect(produceTo(broker, "c", buildBatch({ records: [keyless, keyless, keyless] }))).toBe(
    ErrorCode.INVALID_RECORD,
  );
  expect(counts()).toEqual([0, 1, 1, 3]);
  broker.stop();
});

test("share groups are told of: what they read, what they said, and what was kept of it", () => {
  const broker = startBroker();
  const families = brokerFamilies(broker.node);
  expect([...told(families).keys()].filter((name) => name.includes("sharegroup"))).toEqual([]);
  const begin = async () => {
    await earliestGroup(broker.asker, "sharers");
    const topicId = await prepareTopic(broker.asker, "t");
    await share(broker.asker, "sharers", topicId);
    await append(broker.asker, "t", 0, { timestamps: [1, 2, 3, 4] });
    return topicId;
  };
  const topicId = broker.wait(begin());
  const member = new Member(broker.asker, "sharers", "a");
  broker.wait(member.fetchQuietly(of(topicId)));
  broker.wait(member.acknowledge("one", of(topicId, 0, [0, 1, ACCEPT], [2, 2, REJECT])));
  broker.wait(member.acknowledge("refused", of(topicId, 0, [50, 50, ACCEPT])));
  const samples = told(families);
  const acknowledged = (type: string) =>
    samples.get(`kafka_server_sharegroupmetrics_recordacknowledgements_total{ackType="${type}"}`);
  expect(["Accept", "Reject", "Release", "Renew"].map(acknowledged)).toEqual([2, 1, 0, 0]);
  expect(samples.get("kafka_server_sharegroupmetrics_partitionloadtimems_count")).toBe(1);
  expect(samples.get("kafka_server_sharesessioncache_sharesessionscount")).toBe(1);
  expect(samples.get("kafka_server_sharesessioncache_sharepartitionscount")).toBe(1);
  const ofTopic = (name: string) =>
    samples.get(`kafka_server_brokertopicmetrics_${name}_total{topic="t"}`);
  expect(ofTopic("totalsharefetchrequests")).toBe(1);
  expect(ofTopic("failedsharefetchrequests")).toBe(0);
  expect(ofTopic("totalshareacknowledgementrequests")).toBe(2);
  expect(ofTopic("failedshareacknowledgementrequests")).toBe(1);
  const written = samples.get("kafka_server_share_coordinator_metrics_write_total")!;
  expect(written).toBe(1);
  const labels = '{group="sharers",topic="t",partition="0"}';
  const ofPartition = (name: string) => `kafka_server_sharepartitionmetrics_${name}${labels}`;
  expect(samples.get(ofPartition("inflightmessagecount"))).toBe(1);
  expect(samples.get(ofPartition("acquisitionlocktimeout_total"))).toBe(0);
  // Whoever says nothing loses the record to others, in time.
  broker.world.clock.advance(31_000);
  expect(told(families).get(ofPartition("acquisitionlocktimeout_total"))).toBe(1);
  broker.stop();
});

test("streams groups are counted by their state", () => {
  const topics = new FakeTopics({ t: 4 });
  const driver = new StreamsDriver({ topics }).start();
  driver.beat("m1", { groupId: "ready" });
  driver.beat("m2", { groupId: "waits", topology: STATEFUL });
  driver.beat("m3", { groupId: "left" });
  driver.beat("m3", { groupId: "left", memberEpoch: -1 });
  const made = { groups: driver.coordinator, transactions: null, verification: null };
  const samples = told(coordinatorFamilies(() => made, driver.clock));
  const name = "kafka_server_group_coordinator_metrics";
  const count = (state: string) => samples.get(`${name}_streams_group_count{state="${state}"}`);
  expect([count("stable"), count("notready"), count("empty"), count("assigning")]).toEqual([
    1, 1, 1, 0,
  ]);
  expect(samples.get(`${name}_group_count{protocol="streams"}`)).toBe(3);
  expect(samples.get(`${name}_streams_group_rebalance_count`)).toBe(3);
});
