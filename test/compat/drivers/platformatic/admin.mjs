// Admin calls of @platformatic/kafka.
import { T0 } from "../common/driver-kit.mjs";
import { errorOf } from "./kit.mjs";

const TOPIC = 2;
const BROKER = 4;

export function adminScenarios(kit) {
  return {
    cluster: () => cluster(kit),
    "topics-create": () => createTopics(kit),
    "topics-errors": () => topicErrors(kit),
    "topics-delete": () => deleteTopics(kit),
    "partitions-create": () => createPartitions(kit),
    "configs-topic": () => topicConfigs(kit),
    "configs-broker": () => brokerConfigs(kit),
    "delete-records": () => deleteRecords(kit),
    offsets: () => offsets(kit),
    "log-dirs": () => logDirs(kit),
  };
}

async function cluster({ admin }) {
  const metadata = await admin.metadata({ topics: [] });
  return {
    idLength: metadata.id.length,
    brokers: [...metadata.brokers].map(([id, { host, rack }]) => ({ id, host, rack })),
    controllerId: metadata.controllerId,
  };
}

async function createTopics({ admin }) {
  const created = await admin.createTopics({ topics: ["p-plain"], partitions: 3, replicas: 1 });
  const configured = await admin.createTopics({
    topics: ["p-configs"],
    configs: [
      { name: "cleanup.policy", value: "compact" },
      { name: "segment.bytes", value: "1048576" },
    ],
  });
  const manual = await admin.createTopics({
    topics: ["p-manual"],
    partitions: -1,
    replicas: -1,
    assignments: [
      { partition: 0, brokers: [1] },
      { partition: 1, brokers: [1] },
    ],
  });
  const names = ["p-plain", "p-configs", "p-manual"];
  const metadata = await admin.metadata({ topics: names, forceUpdate: true });
  return {
    created: created.map(plainTopic),
    configured: configured.map(plainTopic),
    manual: manual.map(plainTopic),
    listed: (await admin.listTopics()).filter((name) => name.startsWith("p-")).sort(),
    partitions: names.map((name) => [
      name,
      metadata.topics.get(name).partitions.map(({ leader, replicas, isr, offlineReplicas }) => ({
        leader,
        replicas,
        isr,
        offlineReplicas,
      })),
    ]),
  };
}

function plainTopic(topic) {
  return { ...topic, id: topic.id.length };
}

async function topicErrors({ admin }) {
  const create = (topic, more = {}) =>
    errorOf(async () => {
      await admin.createTopics({ topics: [topic], ...more });
    });
  await create("p-exists");
  return {
    exists: await create("p-exists"),
    invalidName: await create("p/slash"),
    collides: await create("p.exists"),
    collidesTwice: await create("p_exists"),
    zeroPartitions: await create("p-zero", { partitions: 0 }),
    replicationFactor: await create("p-factor", { replicas: 3 }),
    unknownConfig: await create("p-config", { configs: [{ name: "no.such", value: "1" }] }),
    badConfig: await create("p-config", { configs: [{ name: "retention.ms", value: "soon" }] }),
  };
}

async function deleteTopics({ admin }) {
  await admin.createTopics({ topics: ["p-delete-a", "p-delete-b"] });
  const listed = async () =>
    (await admin.listTopics()).filter((name) => name.startsWith("p-delete-")).sort();
  const before = await listed();
  const deleted = await errorOf(() => admin.deleteTopics({ topics: ["p-delete-a"] }));
  return {
    before,
    deleted,
    after: await listed(),
    unknown: await errorOf(() => admin.deleteTopics({ topics: ["p-delete-a"] })),
  };
}

async function createPartitions({ admin }) {
  await admin.createTopics({ topics: ["p-grow"], partitions: 1, replicas: 1 });
  const grow = (name, count, more = {}) =>
    errorOf(() => admin.createPartitions({ topics: [{ name, count, ...more }], ...more }));
  const validated = await grow("p-grow", 4, { validateOnly: true });
  const grown = await grow("p-grow", 3);
  const metadata = await admin.metadata({ topics: ["p-grow"], forceUpdate: true });
  return {
    validated,
    grown,
    count: metadata.topics.get("p-grow").partitionsCount,
    fewer: await grow("p-grow", 2),
    same: await grow("p-grow", 3),
    unknown: await grow("p-no-such-topic", 3),
    badAssignment: await grow("p-grow", 4, { assignments: [{ brokerIds: [77] }] }),
  };
}

async function describe(admin, resourceType, resourceName, configurationKeys) {
  const described = await admin.describeConfigs({
    resources: [{ resourceType, resourceName, configurationKeys }],
    includeSynonyms: true,
  });
  return described.flatMap((resource) =>
    resource.configs
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ documentation: _documentation, ...config }) => config),
  );
}

async function topicConfigs({ admin }) {
  const name = "p-topic-configs";
  await admin.createTopics({ topics: [name], configs: [{ name: "retention.ms", value: "1000" }] });
  const keys = ["retention.ms", "max.message.bytes", "cleanup.policy"];
  const all = await describe(admin, TOPIC, name);
  const alter = (configs) =>
    errorOf(() =>
      admin.alterConfigs({ resources: [{ resourceType: TOPIC, resourceName: name, configs }] }),
    );
  const incrementally = (configs) =>
    errorOf(() =>
      admin.incrementalAlterConfigs({
        resources: [{ resourceType: TOPIC, resourceName: name, configs }],
      }),
    );
  const altered = await alter([{ name: "max.message.bytes", value: "5000" }]);
  const afterAlter = await describe(admin, TOPIC, name, keys);
  const added = await incrementally([
    { name: "retention.ms", configOperation: 0, value: "2000" },
    { name: "cleanup.policy", configOperation: 2, value: "compact" },
    { name: "max.message.bytes", configOperation: 1 },
  ]);
  return {
    all,
    altered,
    afterAlter,
    added,
    afterAdd: await describe(admin, TOPIC, name, keys),
    badValue: await alter([{ name: "retention.ms", value: "-7" }]),
    unknownConfig: await incrementally([{ name: "no.such", configOperation: 0, value: "1" }]),
    unknownTopic: await errorOf(() => describe(admin, TOPIC, "p-no-such-topic")),
  };
}

async function brokerConfigs({ admin }) {
  const keys = ["log.retention.ms", "num.network.threads", "message.max.bytes"];
  return { described: await describe(admin, BROKER, "1", keys) };
}

async function ten(kit, topic) {
  await kit.createTopic(topic);
  for (let i = 0; i < 10; i++) {
    await kit.send([{ topic, partition: 0, value: `v${i}`, timestamp: BigInt(T0 + i * 1000) }]);
  }
}

async function deleteRecords(kit) {
  const topic = "p-delete-records";
  await ten(kit, topic);
  const cut = (name, partition, offset) =>
    errorOf(async () => {
      const topics = [{ name, partitions: [{ partition, offset }] }];
      return kit.admin.deleteRecords({ topics });
    });
  return {
    cut: await cut(topic, 0, 4n),
    earliest: await kit.offsets(topic, 1, -2n),
    lower: await cut(topic, 0, 2n),
    behindEnd: await cut(topic, 0, 11n),
    toEnd: await cut(topic, 0, -1n),
    unknownTopic: await cut("p-no-such-topic", 0, 1n),
  };
}

async function offsets(kit) {
  const topic = "p-offsets";
  await ten(kit, topic);
  const at = async (timestamp) => kit.offsets(topic, 1, timestamp);
  return {
    latest: await at(-1n),
    earliest: await at(-2n),
    maxTimestamp: await at(-3n),
    before: await at(BigInt(T0 - 1)),
    exact: await at(BigInt(T0 + 3000)),
    between: await at(BigInt(T0 + 3001)),
    behind: await at(BigInt(T0 + 100_000)),
    unknown: await errorOf(() => kit.offsets("p-no-such-topic", 1, -1n)),
  };
}

async function logDirs(kit) {
  const topic = "p-log-dirs";
  await kit.createTopic(topic);
  await kit.send([{ topic, partition: 0, key: "k", value: "v", timestamp: BigInt(T0) }]);
  const described = await kit.admin.describeLogDirs({
    topics: [{ name: topic, partitions: [0] }],
  });
  return described.map(({ broker, results }) => ({
    broker,
    results: results.map(({ topics, totalBytes }) => ({ topics, hasTotal: totalBytes > 0n })),
  }));
}
