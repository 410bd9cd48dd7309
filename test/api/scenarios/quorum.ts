import { describeQuorum } from "../../../src/protocol/messages/55-describe-quorum.ts";
import { apiVersions } from "../../../src/protocol/messages/18-api-versions.ts";
import { updateFeatures } from "../../../src/protocol/messages/57-update-features.ts";
import type { Asker, Scenario } from "../asker.ts";
import { versionsOf } from "../asker.ts";

export const quorumScenario: Scenario = {
  name: "quorum",
  async run(asker) {
    for (const version of versionsOf(describeQuorum)) {
      for (const [topicName, partitionIndex] of PARTITIONS) {
        await askQuorum(asker, version, [[topicName, partitionIndex]]);
      }
      await askQuorum(asker, version, []);
      await askQuorum(asker, version, [PARTITIONS[0]!, PARTITIONS[0]!]);
    }
  },
};

const PARTITIONS: [topic: string, partition: number][] = [
  ["__cluster_metadata", 0],
  ["__cluster_metadata", 1],
  ["t", 0],
];

async function askQuorum(
  asker: Asker,
  version: number,
  asked: [topic: string, partition: number][],
): Promise<void> {
  const topics = asked.map(([topicName, partitionIndex]) => ({
    topicName,
    partitions: [{ partitionIndex }],
  }));
  for (const listener of ["broker", "controller"] as const) {
    await asker.askOn(listener, describeQuorum, version, { topics }, "", (response) => {
      for (const topic of response.topics) {
        for (const partition of topic.partitions) {
          partition.leaderEpoch = Math.sign(partition.leaderEpoch);
          partition.highWatermark = Math.sign(partition.highWatermark);
          for (const replica of [...partition.currentVoters, ...partition.observers]) {
            replica.logEndOffset = Math.sign(replica.logEndOffset);
            replica.lastFetchTimestamp = Math.sign(replica.lastFetchTimestamp);
            replica.lastCaughtUpTimestamp = Math.sign(replica.lastCaughtUpTimestamp);
          }
        }
      }
    });
  }
}

export const updateFeaturesScenario: Scenario = {
  name: "update-features",
  async run(asker) {
    for (const version of versionsOf(updateFeatures)) {
      for (const [feature, maxVersionLevel, upgradeType] of UPDATES) {
        // Kafka reads the flag of v0, and does not look at it.
        if (version === 0 && upgradeType > 1) continue;
        const kind = version === 0 ? { allowDowngrade: upgradeType > 1 } : { upgradeType };
        await asker.ask(updateFeatures, version, {
          featureUpdates: [{ feature, maxVersionLevel, ...kind }],
          ...(version === 0 ? {} : { validateOnly: true }),
        });
      }
      await asker.ask(updateFeatures, version, { featureUpdates: [] });
    }
  },
};

/** With effect: levels go up and down, several at once or none, and clients are told. */
export const changeFeaturesScenario: Scenario = {
  name: "change-features",
  async run(asker) {
    const [elr, transactions] = ["eligible.leader.replicas.version", "transaction.version"];
    const changes: [feature: string, level: number, upgradeType: number][][] = [
      [[elr!, 0, 1]],
      [[elr!, 0, 2]],
      [[elr!, 0, 2]],
      [[elr!, 1, 2]],
      [[elr!, 1, 1]],
      [
        [elr!, 0, 3],
        [transactions!, 0, 1],
      ],
      [
        [elr!, 0, 3],
        [transactions!, 1, 3],
      ],
      [
        [transactions!, 2, 1],
        [transactions!, 0, 2],
      ],
      [[transactions!, 0, 2]],
      [[transactions!, 3, 1]],
      [[transactions!, -1, 2]],
      [
        [transactions!, 2, 1],
        [elr!, 1, 1],
        ["metadata.version", 30, 1],
        ["kraft.version", 1, 1],
      ],
      [["kraft.version", 0, 2]],
      [["metadata.version", 29, 2]],
      [["metadata.version", 0, 2]],
      [["", 1, 1]],
    ];
    for (const each of changes) {
      const featureUpdates = each.map(([feature, maxVersionLevel, upgradeType]) => ({
        feature,
        maxVersionLevel,
        upgradeType,
      }));
      await asker.ask(updateFeatures, 2, { featureUpdates });
      await asker.sleep(PUBLISHED_MS);
      const { finalizedFeatures } = await asker.quietly(apiVersions, 4, SOFTWARE);
      const own = finalizedFeatures.filter(({ name }) => FEATURES.has(name));
      asker.remember("the levels now", own);
    }
    for (const version of versionsOf(updateFeatures)) {
      const kind = version === 0 ? { allowDowngrade: true } : { upgradeType: 2 };
      await asker.askOn("controller", updateFeatures, version, {
        featureUpdates: [{ feature: elr!, maxVersionLevel: version % 2, ...kind }],
      });
    }
  },
};

/** The image that brokers answer from is a moment behind the controller's answer. */
const PUBLISHED_MS = 100;
const SOFTWARE = { clientSoftwareName: "some-client", clientSoftwareVersion: "1" };
const FEATURES = new Set([
  "metadata.version",
  "kraft.version",
  "transaction.version",
  "eligible.leader.replicas.version",
]);

const UPDATES: [feature: string, level: number, upgradeType: number][] = [
  ["metadata.version", 30, 1],
  ["metadata.version", 99, 1],
  ["metadata.version", 6, 2],
  ["metadata.version", 29, 1],
  ["metadata.version", 29, 2],
  ["metadata.version", 29, 3],
  ["metadata.version", 0, 3],
  ["metadata.version", -1, 3],
  ["kraft.version", 1, 1],
  ["kraft.version", 2, 1],
  ["no.such.feature", 1, 1],
  ["no.such.feature", 0, 2],
  ["metadata.version", 30, 0],
  ["metadata.version", 30, 9],
];
