import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import type { Input } from "../../../src/protocol/schema.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { withoutElr } from "./prepare.ts";

type Topic = Input<typeof createTopics.request>["topics"][number];

/** Topic settings that do not come from the broker's own. */
const SHOWN = ["cleanup.policy", "retention.ms", "segment.bytes", "min.insync.replicas"];

export const createTopicsScenario: Scenario = {
  name: "create-topics",
  settings: { "num.partitions": "3" },
  async run(asker) {
    await withoutElr(asker);
    for (const version of versionsOf(createTopics)) await createEverything(asker, version);
    await createSeveral(asker);
    for (const name of NAMES) await ask(asker, 7, [topic(name)], "a name");
    for (const configs of CONFIGS) await ask(asker, 7, [topic("wrong", 1, 1, { configs })]);
    for (const partitions of [0, -2, 10_001]) await ask(asker, 7, [topic("wrong", partitions, 1)]);
    for (const factor of [0, -2, 2, 1000]) await ask(asker, 7, [topic("wrong", 1, factor)]);
    for (const assignments of ASSIGNMENTS) {
      await ask(asker, 7, [topic("wrong", -1, -1, { assignments })], "an assignment");
    }
    const assignments = [{ partitionIndex: 0, brokerIds: [1] }];
    await ask(asker, 7, [topic("wrong", 1, -1, { assignments })], "assigned, and a count");
    await ask(asker, 7, [topic("wrong", -1, 1, { assignments })], "assigned, and a factor");
    await ask(asker, 7, [topic("a_b"), topic("a.b")], "names that collide");
    await ask(asker, 7, [topic("x_y")]);
    await ask(asker, 7, [topic("x.y")], "collides with a topic");
    await ask(asker, 7, [topic("late")], "no time", { timeoutMs: 0 });
    await asker.ask(metadata, 12, { topics: ["new7", "x_y", "a_b"].map((name) => ({ name })) });
  },
};

const NAMES = ["", ".", "..", "a b", "ä", "a/b", "x".repeat(249), "x".repeat(250)].concat([
  "__cluster_metadata",
  "__consumer_offsets",
]);

const CONFIGS: Topic["configs"][] = [
  [{ name: "no.such.setting", value: "1" }],
  [{ name: "retention.ms", value: "soon" }],
  [{ name: "retention.ms", value: null }],
  [{ name: "retention.ms", value: "-2" }],
  [{ name: "cleanup.policy", value: "compact,forget" }],
  [{ name: "min.insync.replicas", value: "0" }],
  [
    { name: "retention.ms", value: null },
    { name: "cleanup.policy", value: null },
  ],
];

const ASSIGNMENTS: Topic["assignments"][] = [
  [{ partitionIndex: 0, brokerIds: [] }],
  [{ partitionIndex: 0, brokerIds: [1, 1] }],
  [{ partitionIndex: 0, brokerIds: [7] }],
  [{ partitionIndex: 0, brokerIds: [-1] }],
  [{ partitionIndex: 1, brokerIds: [1] }],
  [{ partitionIndex: -1, brokerIds: [1] }],
  [
    { partitionIndex: 0, brokerIds: [1] },
    { partitionIndex: 0, brokerIds: [1] },
  ],
];

async function createEverything(asker: Asker, version: number): Promise<void> {
  const name = `new${version}`;
  await ask(asker, version, [topic(name, 2, 1)], "only checked", { validateOnly: true });
  const isDefault = version >= 4 ? [topic(name, -1, -1)] : [topic(name, 2, 1)];
  await ask(asker, version, isDefault);
  await ask(asker, version, [topic(name, 2, 1)], "exists");
  await ask(asker, version, [topic(name, 2, 1)], "exists, only checked", { validateOnly: true });
  await ask(asker, version, []);
  const configs = [
    { name: "retention.ms", value: "1000" },
    { name: "cleanup.policy", value: "compact" },
  ];
  const assignments = [
    { partitionIndex: 1, brokerIds: [1] },
    { partitionIndex: 0, brokerIds: [1] },
  ];
  await ask(asker, version, [topic(`${name}-given`, -1, -1, { assignments, configs })]);
}

async function createSeveral(asker: Asker): Promise<void> {
  await ask(asker, 7, [topic("twice"), topic("once"), topic("twice")], "named twice");
  await ask(asker, 7, [topic("fine"), topic("not fine"), topic("new7")], "some are wrong");
  await ask(asker, 7, [topic("checked"), topic("checked too", 0)], "", { validateOnly: true });
}

async function ask(
  asker: Asker,
  version: number,
  topics: Topic[],
  label = "",
  options: { validateOnly?: boolean; timeoutMs?: number } = {},
): Promise<void> {
  await asker.ask(
    createTopics,
    version,
    { topics, timeoutMs: 5000, ...options },
    label,
    (response) => {
      // What a broker's own settings give is tested elsewhere.
      for (const created of response.topics) {
        created.configs = created.configs?.filter(({ name }) => SHOWN.includes(name)) ?? null;
      }
    },
  );
}

function topic(
  name: string,
  numPartitions = 1,
  replicationFactor = 1,
  rest: Partial<Topic> = {},
): Topic {
  return { name, numPartitions, replicationFactor, assignments: [], configs: [], ...rest };
}
