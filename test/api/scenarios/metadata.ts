import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { apiVersions } from "../../../src/protocol/messages/18-api-versions.ts";
import { describeCluster } from "../../../src/protocol/messages/60-describe-cluster.ts";
import { describeTopicPartitions } from "../../../src/protocol/messages/75-describe-topic-partitions.ts";
import type { Input, Value } from "../../../src/protocol/schema.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { isLed, makeTopic } from "./prepare.ts";

type MetadataTopics = Input<typeof metadata.request>["topics"];
type ApiVersionsResponse = Value<typeof apiVersions.response>;

const NOBODYS_ID = "AAAAAAAAAAAAAAAAAAAAEA";

export const metadataScenario: Scenario = {
  name: "metadata",
  settings: { "num.partitions": "2", "offsets.topic.num.partitions": "3" },
  async run(asker) {
    const id = await makeTopic(asker, "a", 2);
    await makeTopic(asker, "b", 1);
    for (const version of versionsOf(metadata)) {
      const ask = (label: string, topics: MetadataTopics, mayCreate = false) =>
        askMetadata(asker, version, label, topics, mayCreate);
      if (version === 0 || version >= 4) await ask("all", version === 0 ? [] : null);
      if (version > 0) await ask("none", []);
      // Before v4 every request may create.
      const some = ["a", `absent${version}`, "not a name", "a"];
      await ask(
        "some",
        some.map((name) => ({ name })),
      );
      await ask("names", [{ name: "" }, { name: ".." }]);
      if (version >= 4) await ask("an internal one", [{ name: "__consumer_offsets" }]);
      // Before the next version lists it.
      if (version < 4) await asker.until(() => isLed(asker, `absent${version}`, 2));
      if (version >= 10) {
        await ask("an id", [{ name: null, topicId: id }]);
        await ask("nobody's id", [{ name: null, topicId: NOBODYS_ID }]);
        await ask("an id and a name", [{ name: "b", topicId: id }]);
        await ask("ids and names", [{ name: null, topicId: id }, { name: "b" }]);
      }
    }
    await createByAsking(asker);
  },
};

function askMetadata(
  asker: Asker,
  version: number,
  label: string,
  topics: MetadataTopics,
  allowAutoTopicCreation: boolean,
) {
  const request = version < 4 ? { topics } : { topics, allowAutoTopicCreation };
  const operations = [
    ...(version >= 8 ? ["includeTopicAuthorizedOperations"] : []),
    ...(version >= 8 && version <= 10 ? ["includeClusterAuthorizedOperations"] : []),
  ];
  const wanted = Object.fromEntries(operations.map((name) => [name, label === "all"]));
  return asker.ask(metadata, version, { ...request, ...wanted }, label);
}

async function createByAsking(asker: Asker): Promise<void> {
  const names = ["new", "new", "not a name", "__transaction_state", "x.y", "x_y"];
  const topics = names.map((name) => ({ name }));
  await asker.ask(metadata, 12, { topics, allowAutoTopicCreation: true }, "created by asking");
  await asker.until(() => isLed(asker, "new", 2));
  await asker.ask(metadata, 12, { topics: [{ name: "new" }] }, "it is there");
  await asker.until(() => isLed(asker, "__transaction_state", 50));
  await asker.ask(
    metadata,
    12,
    { topics: [{ name: "__transaction_state" }] },
    "this, too",
    blurred,
  );

  function blurred(response: Value<typeof metadata.response>): void {
    // Fifty partitions say no more than two.
    for (const topic of response.topics) topic.partitions.splice(2);
  }
}

export const noAutoCreationScenario: Scenario = {
  name: "no-auto-creation",
  settings: { "auto.create.topics.enable": "false" },
  async run(asker) {
    for (const version of [0, 3, 4, 12, 13]) {
      await askMetadata(asker, version, "absent", [{ name: "absent" }, { name: "a b" }], true);
    }
  },
};

export const topicPartitionsScenario: Scenario = {
  name: "topic-partitions",
  async run(asker) {
    for (const [name, count] of [
      ["a", 3],
      ["b", 1],
      ["c", 2],
    ] as const) {
      await makeTopic(asker, name, count);
    }
    const ask = (
      names: string[],
      cursor: { topicName: string; partitionIndex: number } | null,
      responsePartitionLimit = 2000,
    ) => {
      const topics = names.map((name) => ({ name }));
      return asker.ask(describeTopicPartitions, 0, { topics, cursor, responsePartitionLimit });
    };
    for (const limit of [2000, 1, 2, 3, 4, 6, 0, -1]) await ask([], null, limit);
    for (const names of [["a"], ["absent", "a"], ["c", "a", "c"]]) {
      await ask(names, null);
      await ask(names, null, 1);
    }
    for (const topicName of ["a", "b", "bb", "z"]) {
      for (const partitionIndex of [0, 1, 5]) await ask([], { topicName, partitionIndex });
      await ask(["a", "b"], { topicName, partitionIndex: 0 });
    }
    await ask([], { topicName: "a", partitionIndex: -1 });
    await ask(["a"], { topicName: "a", partitionIndex: 2 }, 1);
    for (const version of versionsOf(describeCluster)) {
      for (const endpointType of version === 0 ? [1] : [1, 2, 0, 3]) {
        for (const includeClusterAuthorizedOperations of [false, true]) {
          const kind = version === 0 ? {} : { endpointType };
          const request = { ...kind, includeClusterAuthorizedOperations };
          await asker.ask(describeCluster, version, request);
        }
      }
    }
  },
};

export const apiVersionsScenario: Scenario = {
  name: "api-versions",
  async run(asker) {
    for (const version of versionsOf(apiVersions)) {
      const software = { clientSoftwareName: "some-client", clientSoftwareVersion: "1.2" };
      const request = version >= 3 ? software : {};
      await asker.ask(apiVersions, version, request, "", blur);
      await asker.askOn("controller", apiVersions, version, request, "", blur);
    }
    for (const name of ["", "-a", "a-", "a b", "a.b", "ä", "a"]) {
      const software = { clientSoftwareName: name, clientSoftwareVersion: "1.2" };
      await asker.ask(apiVersions, 4, software, "a name", blur);
    }
    const NO_TAGS = Buffer.of(0);
    await asker.askRaw(apiVersions.key, 5, 2, NO_TAGS);
    await asker.askRaw(apiVersions.key, 0x7fff, 2, NO_TAGS);
  },
};

function blur(response: ApiVersionsResponse): void {
  const isMetadata = ({ name }: { name: string }) => name === "metadata.version";
  response.supportedFeatures = response.supportedFeatures.filter(isMetadata);
  response.finalizedFeatures = response.finalizedFeatures.filter(isMetadata);
  response.finalizedFeaturesEpoch = Math.sign(response.finalizedFeaturesEpoch);
}
