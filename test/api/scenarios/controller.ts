import { METADATA_TOPIC_ID, ZERO_UUID } from "../../../src/base/uuid.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import { describeConfigs } from "../../../src/protocol/messages/32-describe-configs.ts";
import { alterConfigs } from "../../../src/protocol/messages/33-alter-configs.ts";
import { electLeaders } from "../../../src/protocol/messages/43-elect-leaders.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { listPartitionReassignments } from "../../../src/protocol/messages/46-list-partition-reassignments.ts";
import { vote } from "../../../src/protocol/messages/52-vote.ts";
import { beginQuorumEpoch } from "../../../src/protocol/messages/53-begin-quorum-epoch.ts";
import { endQuorumEpoch } from "../../../src/protocol/messages/54-end-quorum-epoch.ts";
import { alterPartition } from "../../../src/protocol/messages/56-alter-partition.ts";
import { describeCluster } from "../../../src/protocol/messages/60-describe-cluster.ts";
import { brokerRegistration } from "../../../src/protocol/messages/62-broker-registration.ts";
import { brokerHeartbeat } from "../../../src/protocol/messages/63-broker-heartbeat.ts";
import { unregisterBroker } from "../../../src/protocol/messages/64-unregister-broker.ts";
import { allocateProducerIds } from "../../../src/protocol/messages/67-allocate-producer-ids.ts";
import { assignReplicasToDirs } from "../../../src/protocol/messages/73-assign-replicas-to-dirs.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { makeTopic, withoutElr } from "./prepare.ts";

const TOPIC = 2;
const BROKER = 4;
const BROKER_LOGGER = 8;
const NOBODY = 77;
const SOME_ID = "c29tZSBkaXJlY3RvcnkgIQ";
const [SET, APPEND] = [0, 2] as const;

export const controllerScenario: Scenario = {
  name: "controller",
  async run(asker) {
    await withoutElr(asker);
    await makeTopic(asker, "t", 2);
    await administer(asker);
    await changeConfigs(asker);
    await electAndMove(asker);
    await speakAsBroker(asker);
  },
};

async function administer(asker: Asker): Promise<void> {
  const topic = { name: "u", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const topics = [topic, { ...topic, name: "t" }];
  await asker.askOn("controller", createTopics, 4, { topics, timeoutMs: 5000 });
  for (const endpointType of [1, 2, 3]) {
    await asker.askOn(
      "controller",
      describeCluster,
      2,
      { endpointType, includeClusterAuthorizedOperations: false },
      "",
      (response) => {
        response.clusterId = "";
      },
    );
  }
  const resources = ["1", "", "2"].map((resourceName) => ({
    resourceType: BROKER,
    resourceName,
    configurationKeys: ["node.id", "log.retention.ms"],
  }));
  await asker.askOn("controller", describeConfigs, 4, { resources });
  for (const brokerId of [NOBODY, -1]) {
    await asker.ask(unregisterBroker, 0, { brokerId });
    await asker.askOn("controller", unregisterBroker, 0, { brokerId });
  }
}

async function changeConfigs(asker: Asker): Promise<void> {
  const change = (name: string, configOperation: number, value: string | null) => ({
    name,
    configOperation,
    value,
  });
  const resource = (
    resourceType: number,
    resourceName: string,
    ...configs: ReturnType<typeof change>[]
  ) => ({ resourceType, resourceName, configs });
  const asked = [
    [resource(TOPIC, "t", change("retention.ms", SET, "5"))],
    [resource(TOPIC, "t", change("retention.ms", SET, "x"))],
    [resource(TOPIC, "t", change("retention.ms", APPEND, "5"))],
    [resource(TOPIC, "absent", change("retention.ms", SET, "5"))],
    [resource(BROKER, "1", change("log.retention.ms", SET, "50000"))],
    [resource(BROKER, "2", change("log.retention.ms", SET, "50000"))],
    [resource(BROKER, "x", change("log.retention.ms", SET, "50000"))],
    [resource(BROKER_LOGGER, "1", change("root", SET, "INFO"))],
    [resource(BROKER_LOGGER, "2", change("root", SET, "INFO"))],
    [resource(64, "t", change("retention.ms", SET, "5"))],
    [resource(TOPIC, "t"), resource(TOPIC, "t")],
    [],
  ];
  for (const resources of asked) {
    const request = { resources, validateOnly: false };
    await asker.askOn("controller", incrementalAlterConfigs, 1, request);
    const replaced = resources.filter(({ resourceType }) => resourceType !== BROKER_LOGGER);
    await asker.askOn("controller", alterConfigs, 2, { ...request, resources: replaced });
  }
}

async function electAndMove(asker: Asker): Promise<void> {
  const some = [{ topic: "t", partitions: [0, 1, 9] }];
  const absent = [{ topic: "absent", partitions: [0] }];
  for (const version of versionsOf(electLeaders)) {
    for (const topicPartitions of [null, [], some, absent]) {
      for (const electionType of version === 0 ? [0] : [0, 1, 2]) {
        const kind = version === 0 ? {} : { electionType };
        await asker.ask(electLeaders, version, { ...kind, topicPartitions, timeoutMs: 5000 });
      }
    }
  }
  await asker.ask(electLeaders, 2, { electionType: 0, topicPartitions: null, timeoutMs: 0 });
  for (const topics of [null, [], [{ name: "t", partitionIndexes: [0, 9] }]]) {
    await asker.ask(listPartitionReassignments, 0, { topics });
    await asker.askOn("controller", listPartitionReassignments, 0, { topics });
  }
}

async function speakAsBroker(asker: Asker): Promise<void> {
  const brokerEpoch = 1_000_000;
  for (const brokerId of [1, NOBODY]) {
    const who = { brokerId, brokerEpoch };
    await asker.askOn("controller", allocateProducerIds, 0, who);
    await asker.askOn("controller", alterPartition, 3, { ...who, topics: [] });
    await asker.askOn("controller", assignReplicasToDirs, 0, { ...who, directories: [] });
    for (const version of versionsOf(brokerHeartbeat)) {
      const beat = { currentMetadataOffset: 0, wantFence: false, wantShutDown: false };
      await asker.askOn("controller", brokerHeartbeat, version, { ...who, ...beat });
    }
  }
  for (const version of versionsOf(brokerRegistration)) {
    await asker.askOn("controller", brokerRegistration, version, {
      brokerId: NOBODY,
      clusterId: "another",
      incarnationId: SOME_ID,
      listeners: [],
      features: [],
      rack: null,
    });
  }
}

/** KRaft's own requests, from one that is behind or mistaken. */
export const raftScenario: Scenario = {
  name: "raft",
  async run(asker) {
    for (const clusterId of [null, "another"]) {
      await askForVotes(asker, clusterId);
      await claimEpochs(asker, clusterId);
      await readAlong(asker, clusterId);
    }
  },
};

const TOPIC_NAME = "__cluster_metadata";

async function askForVotes(asker: Asker, clusterId: string | null): Promise<void> {
  const partition = {
    partitionIndex: 0,
    replicaEpoch: 0,
    replicaId: NOBODY,
    lastOffsetEpoch: 0,
    lastOffset: 0,
  };
  const cases = [
    partition,
    { ...partition, replicaId: -1 },
    { ...partition, lastOffset: -1 },
    { ...partition, lastOffsetEpoch: 3 },
    { ...partition, partitionIndex: 1 },
  ];
  for (const version of versionsOf(vote)) {
    for (const each of cases) {
      const topics = [{ topicName: TOPIC_NAME, partitions: [each] }];
      await asker.askOn("controller", vote, version, { clusterId, topics });
    }
    await asker.askOn("controller", vote, version, { clusterId, topics: [] });
  }
}

async function claimEpochs(asker: Asker, clusterId: string | null): Promise<void> {
  const claim = { partitionIndex: 0, leaderId: NOBODY, leaderEpoch: 0 };
  for (const version of versionsOf(beginQuorumEpoch)) {
    for (const partition of [claim, { ...claim, leaderId: -1 }, { ...claim, partitionIndex: 3 }]) {
      const topics = [{ topicName: TOPIC_NAME, partitions: [partition] }];
      await asker.askOn("controller", beginQuorumEpoch, version, { clusterId, topics });
    }
    await asker.askOn("controller", beginQuorumEpoch, version, { clusterId, topics: [] });
  }
  for (const version of versionsOf(endQuorumEpoch)) {
    const topics = [{ topicName: TOPIC_NAME, partitions: [claim] }];
    await asker.askOn("controller", endQuorumEpoch, version, { clusterId, topics });
    await asker.askOn("controller", endQuorumEpoch, version, { clusterId, topics: [] });
  }
}

async function readAlong(asker: Asker, clusterId: string | null): Promise<void> {
  for (const version of versionsOf(fetch)) {
    if (version < 12) continue;
    for (const topicId of [METADATA_TOPIC_ID, ZERO_UUID]) {
      await fetchLog(asker, version, clusterId, topicId);
    }
  }
}

async function fetchLog(
  asker: Asker,
  version: number,
  clusterId: string | null,
  topicId: string,
): Promise<void> {
  const partition = {
    partition: 0,
    currentLeaderEpoch: 0,
    fetchOffset: 0,
    lastFetchedEpoch: 0,
    logStartOffset: 0,
    partitionMaxBytes: 1000,
  };
  const topic = version >= 13 ? { topicId } : { topic: TOPIC_NAME };
  const request = {
    clusterId,
    ...(version < 15 ? { replicaId: NOBODY } : {}),
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1000,
    sessionId: 0,
    sessionEpoch: -1,
    forgottenTopicsData: [],
    topics: [{ ...topic, partitions: [partition] }],
  };
  await asker.askOn("controller", fetch, version, request, "", (response) => {
    for (const { partitions } of response.responses) {
      for (const each of partitions) each.highWatermark = Math.sign(each.highWatermark);
    }
  });
}
