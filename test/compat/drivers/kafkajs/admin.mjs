// Admin calls of kafkajs.
import { createTopic, errorOf, withAdmin, withProducer } from "./kit.mjs";

const TOPIC = 2;
const BROKER = 4;

export function adminScenarios(kafka) {
  return {
    cluster: () => withAdmin(kafka, describeCluster),
    "topics-create": () => withAdmin(kafka, createTopics),
    "topics-errors": () => withAdmin(kafka, topicErrors),
    "topics-delete": () => withAdmin(kafka, deleteTopics),
    "partitions-create": () => withAdmin(kafka, createPartitions),
    "configs-topic": () => withAdmin(kafka, topicConfigs),
    "configs-broker": () => withAdmin(kafka, brokerConfigs),
    "delete-records": () => deleteRecords(kafka),
  };
}

async function describeCluster(admin) {
  const { brokers, controller, clusterId } = await admin.describeCluster();
  return {
    brokers: brokers.map((broker) => ({ nodeId: broker.nodeId, host: broker.host })),
    controller,
    clusterIdLength: clusterId.length,
  };
}

async function createTopics(admin) {
  const topics = [
    { topic: "kjs-plain", numPartitions: 3, replicationFactor: 1 },
    { topic: "kjs-defaults" },
    {
      topic: "kjs-configs",
      numPartitions: 2,
      configEntries: [
        { name: "cleanup.policy", value: "compact" },
        { name: "segment.bytes", value: "1048576" },
      ],
    },
    {
      topic: "kjs-manual",
      replicaAssignment: [
        { partition: 0, replicas: [1] },
        { partition: 1, replicas: [1] },
      ],
    },
  ];
  const created = await admin.createTopics({ topics });
  const validated = await admin.createTopics({
    validateOnly: true,
    waitForLeaders: false,
    topics: [{ topic: "kjs-only-validated", numPartitions: 1 }],
  });
  const names = topics.map((topic) => topic.topic);
  const metadata = await admin.fetchTopicMetadata({ topics: names });
  const listed = (await admin.listTopics()).filter((name) => name.startsWith("kjs-"));
  return {
    created,
    validated,
    metadata: metadata.topics.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(plainTopic),
    listed: listed.sort(),
  };
}

function plainTopic(topic) {
  return {
    name: topic.name,
    partitions: topic.partitions
      .toSorted((a, b) => a.partitionId - b.partitionId)
      .map(({ partitionId, leader, replicas, isr, offlineReplicas, partitionErrorCode }) => ({
        partitionId,
        leader,
        replicas,
        isr,
        offlineReplicas,
        partitionErrorCode,
      })),
  };
}

async function topicErrors(admin) {
  const create = (topic) =>
    errorOf(() => admin.createTopics({ topics: [topic], waitForLeaders: false }));
  await create({ topic: "kjs-exists" });
  return {
    exists: await create({ topic: "kjs-exists" }),
    invalidName: await create({ topic: "kjs/slash" }),
    dots: await create({ topic: ".." }),
    tooLong: await create({ topic: "x".repeat(250) }),
    empty: await create({ topic: "" }),
    collides: await create({ topic: "kjs.exists" }),
    collidesTwice: await create({ topic: "kjs_exists" }),
    zeroPartitions: await create({ topic: "kjs-zero", numPartitions: 0 }),
    replicationFactor: await create({ topic: "kjs-factor", replicationFactor: 3 }),
    zeroFactor: await create({ topic: "kjs-factor", replicationFactor: 0 }),
    unknownConfig: await create({
      topic: "kjs-config",
      configEntries: [{ name: "no.such.config", value: "1" }],
    }),
    badConfig: await create({
      topic: "kjs-config",
      configEntries: [{ name: "retention.ms", value: "soon" }],
    }),
    assignmentGap: await create({
      topic: "kjs-gap",
      replicaAssignment: [{ partition: 1, replicas: [1] }],
    }),
    assignmentUnknownBroker: await create({
      topic: "kjs-unknown-broker",
      replicaAssignment: [{ partition: 0, replicas: [77] }],
    }),
  };
}

async function deleteTopics(admin) {
  await admin.createTopics({ topics: [{ topic: "kjs-delete-a" }, { topic: "kjs-delete-b" }] });
  const before = (await admin.listTopics()).filter((name) => name.startsWith("kjs-delete-"));
  const deleted = await errorOf(() => admin.deleteTopics({ topics: ["kjs-delete-a"] }));
  const after = (await admin.listTopics()).filter((name) => name.startsWith("kjs-delete-"));
  const unknown = await errorOf(() => admin.deleteTopics({ topics: ["kjs-delete-a"] }));
  const metadata = await errorOf(() => admin.fetchTopicMetadata({ topics: ["kjs-delete-a"] }));
  const again = await admin.createTopics({ topics: [{ topic: "kjs-delete-a", numPartitions: 2 }] });
  return { before: before.sort(), deleted, after, unknown, metadata, again };
}

async function createPartitions(admin) {
  await admin.createTopics({ topics: [{ topic: "kjs-grow", numPartitions: 1 }] });
  const grow = (topic, count, more = {}) =>
    errorOf(() =>
      admin.createPartitions({ topicPartitions: [{ topic, count, ...more }], validateOnly: false }),
    );
  const grown = await grow("kjs-grow", 3);
  const metadata = await admin.fetchTopicMetadata({ topics: ["kjs-grow"] });
  return {
    grown,
    metadata: metadata.topics.map(plainTopic),
    fewer: await grow("kjs-grow", 2),
    same: await grow("kjs-grow", 3),
    unknown: await grow("kjs-no-such-topic", 2),
    badAssignment: await grow("kjs-grow", 4, { assignments: [[77]] }),
    manual: await grow("kjs-grow", 4, { assignments: [[1]] }),
  };
}

async function topicConfigs(admin) {
  const name = "kjs-topic-configs";
  await admin.createTopics({
    topics: [{ topic: name, configEntries: [{ name: "retention.ms", value: "86400000" }] }],
  });
  const describe = async (configNames) => {
    const resource = { type: TOPIC, name, ...(configNames === undefined ? {} : { configNames }) };
    return plainConfigs(
      await admin.describeConfigs({ resources: [resource], includeSynonyms: true }),
    );
  };
  const alter = (configEntries) =>
    errorOf(() =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: TOPIC, name, configEntries }],
      }),
    );
  const all = await describe();
  await alter([{ name: "max.message.bytes", value: "2000000" }]);
  const altered = await describe(["retention.ms", "max.message.bytes"]);
  const unknownTopic = await errorOf(() =>
    admin.describeConfigs({ resources: [{ type: TOPIC, name: "kjs-no-such-topic" }] }),
  );
  return {
    all,
    altered,
    badValue: await alter([{ name: "max.message.bytes", value: "-7" }]),
    unknownConfig: await alter([{ name: "no.such.config", value: "1" }]),
    unknownTopic,
  };
}

async function brokerConfigs(admin) {
  const configNames = ["log.retention.ms", "num.network.threads", "message.max.bytes", "node.id"];
  const response = await admin.describeConfigs({
    resources: [{ type: BROKER, name: "1", configNames }],
    includeSynonyms: true,
  });
  const badName = await errorOf(() =>
    admin.describeConfigs({ resources: [{ type: BROKER, name: "not-a-number" }] }),
  );
  return { described: plainConfigs(response), badName };
}

function plainConfigs(response) {
  return response.resources.map((resource) => ({
    errorCode: resource.errorCode,
    configs: resource.configEntries
      .toSorted((a, b) => (a.configName < b.configName ? -1 : 1))
      .map((entry) => ({
        name: entry.configName,
        value: entry.configValue,
        readOnly: entry.readOnly,
        source: entry.configSource,
        isDefault: entry.isDefault,
        sensitive: entry.isSensitive,
        synonyms: entry.configSynonyms?.map((synonym) => Object.values(synonym)),
      })),
  }));
}

async function deleteRecords(kafka) {
  const topic = "kjs-delete-records";
  await createTopic(kafka, topic);
  await withProducer(kafka, {}, (producer) =>
    producer.send({ topic, messages: Array.from({ length: 10 }, (_, i) => ({ value: `v${i}` })) }),
  );
  return withAdmin(kafka, async (admin) => {
    const cut = (name, partition, offset) =>
      errorOf(() => admin.deleteTopicRecords({ topic: name, partitions: [{ partition, offset }] }));
    const lowAndHigh = async () =>
      (await admin.fetchTopicOffsets(topic)).map(({ low, high }) => [low, high]);
    return {
      before: await lowAndHigh(),
      cut: await cut(topic, 0, "4"),
      afterCut: await lowAndHigh(),
      lower: await cut(topic, 0, "2"),
      behindEnd: await cut(topic, 0, "11"),
      toEnd: await cut(topic, 0, "-1"),
      afterAll: await lowAndHigh(),
      unknownPartition: await cut(topic, 7, "1"),
      unknownTopic: await cut("kjs-no-such-topic", 0, "1"),
    };
  });
}
