import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import { alterReplicaLogDirs } from "../../../src/protocol/messages/34-alter-replica-log-dirs.ts";
import { describeLogDirs } from "../../../src/protocol/messages/35-describe-log-dirs.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { append, makeTopic } from "./prepare.ts";

const TIME = 1_700_000_000_000;
const BROKER = 4;
const [SET, DELETE] = [0, 1] as const;
const LONG_NAME = "n".repeat(249);

/** Moves between two directories of one broker. */
export const alterLogDirsScenario: Scenario = {
  name: "alter-log-dirs",
  settings: { "log.dirs": "DATA/one,DATA/two" },
  async run(asker) {
    const [one, two] = [asker.path("one"), asker.path("two")];
    await makeTopic(asker, "t", 1);
    for (let count = 0; count < 3; count++) await append(asker, "t", 0, { timestamps: [TIME] });
    const ask = (version: number, dirs: Asked[]) =>
      asker.ask(alterReplicaLogDirs, version, { dirs });
    for (const version of versionsOf(alterReplicaLogDirs)) {
      await ask(version, []);
      await ask(version, [{ path: one, topics: [] }]);
      await ask(version, [{ path: one, topics: [{ name: "t", partitions: [] }] }]);
      await ask(version, [of("/nowhere", "t", 0), of("", "absent", 0)]);
      await ask(version, [of(one, "absent", 0), of(one, "t", 1, -1, 7)]);
      await ask(version, [of(one, LONG_NAME, 0), of(one, "", 0)]);
      await ask(version, [of(one, "t", 0), of(two, "t", 0)]);
      await asker.until(() => isIn(asker, two));
      await describe(asker);
      await ask(version, [of(one, "t", 0)]);
      await asker.until(() => isIn(asker, one));
      await describe(asker);
    }
    await create(asker, one, two);
    await cordon(asker, two);
  },
};

type Asked = { path: string; topics: { name: string; partitions: number[] }[] };

function of(path: string, name: string, ...partitions: number[]): Asked {
  return { path, topics: [{ name, partitions }] };
}

/** Partitions that are not there yet, each with the directory that it shall have. */
async function create(asker: Asker, one: string, two: string): Promise<void> {
  await asker.ask(alterReplicaLogDirs, 2, { dirs: [of(one, "new", 0, 1), of(two, "new", 2)] });
  await makeTopic(asker, "new", 3);
  await describe(asker);
}

async function cordon(asker: Asker, two: string): Promise<void> {
  const change = (configOperation: number, value: string | null) =>
    asker.ask(
      incrementalAlterConfigs,
      1,
      {
        resources: [
          {
            resourceType: BROKER,
            resourceName: "1",
            configs: [{ name: "cordoned.log.dirs", configOperation, value }],
          },
        ],
        validateOnly: false,
      },
      "",
      (response) => {
        for (const each of response.responses) each.errorMessage &&= "why not";
      },
    );
  await change(SET, "/nowhere");
  await change(SET, two);
  await asker.until(async () => (await cordonedOf(asker)).length === 1);
  await describe(asker);
  await asker.ask(alterReplicaLogDirs, 2, { dirs: [of(two, "t", 0), of(two, "absent", 0)] });
  await makeTopic(asker, "u", 3);
  await describe(asker);
  await change(SET, "*");
  await asker.until(async () => (await cordonedOf(asker)).length === 2);
  await asker.ask(createTopics, 7, {
    topics: [
      { name: "nowhere", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
    ],
  });
  await change(DELETE, null);
  await asker.until(async () => (await cordonedOf(asker)).length === 0);
  await asker.ask(metadata, 12, { topics: [{ name: "nowhere" }] });
}

async function describe(asker: Asker): Promise<void> {
  await asker.ask(describeLogDirs, 5, { topics: null }, "", (response) => {
    for (const result of response.results) {
      result.totalBytes = Math.sign(result.totalBytes);
      result.usableBytes = Math.sign(result.usableBytes);
    }
  });
}

/** In no other directory, either. */
async function isIn(asker: Asker, path: string): Promise<boolean> {
  const { results } = await asker.quietly(describeLogDirs, 5, { topics: null });
  return results.every(({ logDir, topics }) => {
    const isThere = topics.some(({ name }) => name === "t");
    const isFuture = topics.some(({ partitions }) => partitions.some((each) => each.isFutureKey));
    return isThere === (logDir === path) && !isFuture;
  });
}

async function cordonedOf(asker: Asker): Promise<string[]> {
  const { results } = await asker.quietly(describeLogDirs, 5, { topics: [] });
  return results.filter(({ isCordoned }) => isCordoned).map(({ logDir }) => logDir);
}
