import { describeConfigs } from "../../../src/protocol/messages/32-describe-configs.ts";
import { alterConfigs } from "../../../src/protocol/messages/33-alter-configs.ts";
import { incrementalAlterConfigs } from "../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { listConfigResources } from "../../../src/protocol/messages/74-list-config-resources.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { makeTopic, withoutElr } from "./prepare.ts";

const TOPIC = 2;
const BROKER = 4;
const BROKER_LOGGER = 8;
const CLIENT_METRICS = 16;
const GROUP = 32;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const;

type Resource = [type: number, name: string];
type Change = [name: string, operation: number, value: string | null];

export const configsScenario: Scenario = {
  name: "configs",
  settings: { "num.partitions": "2" },
  async run(asker) {
    await withoutElr(asker);
    await change(asker, 1, [
      [
        [BROKER_LOGGER, "1"],
        ["root", SET, "INFO"],
      ],
    ]);
    await makeTopic(asker, "t", 1, { "retention.ms": "1000" });
    await describeEverything(asker);
    await alterEverything(asker);
    await alterIncrementally(asker);
    await alterLoggers(asker);
    await list(asker);
  },
};

const RESOURCES: Resource[] = [
  [TOPIC, "t"],
  [TOPIC, "absent"],
  [TOPIC, ""],
  [TOPIC, "no name"],
  [BROKER, "1"],
  [BROKER, ""],
  [BROKER, "2"],
  [BROKER, "x"],
  [BROKER_LOGGER, ""],
  [BROKER_LOGGER, "2"],
  [CLIENT_METRICS, "m"],
  [CLIENT_METRICS, ""],
  [GROUP, "g"],
  [GROUP, ""],
];

const KEYS = ["retention.ms", "num.partitions", "log.retention.ms", "interval.ms", "root"].concat([
  "consumer.session.timeout.ms",
  "no.such.setting",
]);

async function describeEverything(asker: Asker): Promise<void> {
  for (const version of versionsOf(describeConfigs)) {
    for (const resource of RESOURCES) await describe(asker, version, [resource]);
  }
  for (const type of [0, 1, 64])
    await describe(
      asker,
      4,
      [
        [TOPIC, "t"],
        [type, "t"],
      ],
      "a type",
    );
  await describe(asker, 4, []);
  await describe(
    asker,
    4,
    [
      [TOPIC, "t"],
      [TOPIC, "t"],
    ],
    "twice",
  );
  await describe(asker, 4, [[BROKER_LOGGER, "1"]], "the loggers");
}

function describe(asker: Asker, version: number, resources: Resource[], label = "") {
  const request = {
    resources: resources.map(([resourceType, resourceName]) => ({
      resourceType,
      resourceName,
      configurationKeys: KEYS,
    })),
    includeSynonyms: true,
  };
  return asker.ask(describeConfigs, version, request, label);
}

/** After a change the broker's settings follow a moment later. */
async function describeChanged(asker: Asker, resources: Resource[]): Promise<void> {
  await asker.sleep(200);
  await describe(asker, 4, resources);
}

async function alterEverything(asker: Asker): Promise<void> {
  const replace = (
    version: number,
    resources: [Resource, Record<string, string | null>][],
    validateOnly = false,
    label = "",
  ) =>
    asker.ask(
      alterConfigs,
      version,
      {
        resources: resources.map(([[resourceType, resourceName], configs]) => ({
          resourceType,
          resourceName,
          configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
        })),
        validateOnly,
      },
      label,
    );
  for (const version of versionsOf(alterConfigs)) {
    await replace(version, [[[TOPIC, "t"], { "retention.ms": "7" }]], true, "only checked");
    await describeChanged(asker, [[TOPIC, "t"]]);
    await replace(version, [[[TOPIC, "t"], { "retention.ms": "2000" }]]);
    await describeChanged(asker, [[TOPIC, "t"]]);
    await replace(version, [[[TOPIC, "t"], {}]]);
    await describeChanged(asker, [[TOPIC, "t"]]);
    await replace(version, [
      [[TOPIC, "t"], { "retention.ms": "x" }],
      [[TOPIC, "absent"], {}],
    ]);
    await replace(version, [[[TOPIC, "t"], { "retention.ms": null }]]);
    await replace(version, []);
  }
  for (const resource of RESOURCES) await replace(2, [[resource, {}]], false, "nothing");
  for (const type of [0, 1, 64]) await replace(2, [[[type, "t"], {}]], false, "a type");
  await replace(2, [
    [[BROKER, "1"], { "log.retention.ms": "5000" }],
    [[GROUP, "g"], {}],
  ]);
  await describeChanged(asker, [
    [BROKER, "1"],
    [BROKER, ""],
    [TOPIC, "t"],
  ]);
  await replace(2, [[[BROKER, "1"], {}]]);
  await describeChanged(asker, [
    [BROKER, "1"],
    [TOPIC, "t"],
  ]);
}

function change(
  asker: Asker,
  version: number,
  resources: [Resource, ...Change[]][],
  label = "",
  validateOnly = false,
) {
  const request = {
    resources: resources.map(([[resourceType, resourceName], ...changes]) => ({
      resourceType,
      resourceName,
      configs: changes.map(([name, configOperation, value]) => ({ name, configOperation, value })),
    })),
    validateOnly,
  };
  return asker.ask(incrementalAlterConfigs, version, request, label);
}

async function alterIncrementally(asker: Asker): Promise<void> {
  for (const version of versionsOf(incrementalAlterConfigs)) {
    await change(
      asker,
      version,
      [
        [
          [TOPIC, "t"],
          ["retention.ms", SET, "7"],
        ],
      ],
      "checked",
      true,
    );
    await change(asker, version, [
      [
        [TOPIC, "t"],
        ["retention.ms", SET, "3000"],
      ],
    ]);
    await change(asker, version, [
      [
        [TOPIC, "t"],
        ["cleanup.policy", APPEND, "compact"],
      ],
    ]);
    await describeChanged(asker, [[TOPIC, "t"]]);
    await change(asker, version, [
      [
        [TOPIC, "t"],
        ["cleanup.policy", SUBTRACT, "compact"],
      ],
    ]);
    await change(asker, version, [
      [
        [TOPIC, "t"],
        ["cleanup.policy", SUBTRACT, "delete"],
      ],
    ]);
    await change(asker, version, [
      [
        [TOPIC, "t"],
        ["retention.ms", DELETE, null],
      ],
    ]);
    await describeChanged(asker, [[TOPIC, "t"]]);
  }
  for (const changes of CHANGES) await change(asker, 1, [[[TOPIC, "t"], ...changes]]);
  for (const resource of RESOURCES) await change(asker, 1, [[resource]], "nothing");
  for (const type of [0, 1, 64]) await change(asker, 1, [[[type, "t"]]], "a type");
  await change(asker, 1, [
    [
      [TOPIC, "t"],
      ["retention.ms", SET, "4000"],
    ],
    [
      [TOPIC, "absent"],
      ["retention.ms", SET, "4000"],
    ],
    [
      [GROUP, "g"],
      ["consumer.session.timeout.ms", SET, "50000"],
    ],
    [
      [CLIENT_METRICS, "m"],
      ["interval.ms", SET, "6000"],
    ],
    [
      [BROKER, ""],
      ["log.retention.ms", SET, "6000"],
    ],
  ]);
  await describeChanged(asker, [
    [TOPIC, "t"],
    [GROUP, "g"],
    [CLIENT_METRICS, "m"],
    [BROKER, ""],
    [BROKER, "1"],
  ]);
  await change(asker, 1, [
    [
      [BROKER, "1"],
      ["num.partitions", SET, "5"],
    ],
    [
      [BROKER, ""],
      ["num.partitions", SET, "5"],
    ],
    [
      [BROKER, "2"],
      ["log.retention.ms", SET, "5"],
    ],
    [
      [GROUP, "g"],
      ["consumer.session.timeout.ms", SET, "1"],
    ],
    [
      [GROUP, "h"],
      ["no.such.setting", SET, "1"],
    ],
    [
      [CLIENT_METRICS, "m"],
      ["interval.ms", SET, "1"],
    ],
  ]);
  await change(asker, 1, [[[TOPIC, "t"]], [[TOPIC, "t"]]], "the same resource twice");
}

const CHANGES: Change[][] = [
  [["retention.ms", SET, null]],
  [["retention.ms", SET, "x"]],
  [["retention.ms", APPEND, "1"]],
  [["no.such.setting", SET, "1"]],
  [["no.such.setting", DELETE, null]],
  [["no.such.setting", APPEND, "1"]],
  [
    ["retention.ms", SET, "1"],
    ["retention.ms", SET, "2"],
  ],
  [["leader.replication.throttled.replicas", APPEND, "0:1"]],
  [["leader.replication.throttled.replicas", DELETE, "ignored"]],
];

async function alterLoggers(asker: Asker): Promise<void> {
  const loggers = (...changes: Change[]) => change(asker, 1, [[[BROKER_LOGGER, "1"], ...changes]]);
  await loggers(["root", SET, "ERROR"]);
  await describe(asker, 4, [[BROKER_LOGGER, "1"]]);
  await loggers(["root", SET, "LOUD"]);
  await loggers(["root", SET, "info"]);
  await loggers(["root", DELETE, null]);
  await loggers(["root", APPEND, "INFO"]);
  await loggers(["root", SUBTRACT, "INFO"]);
  await loggers(["no.such.logger", SET, "INFO"]);
  await loggers(["no.such.logger", DELETE, null]);
  await loggers(["root", SET, null]);
  await loggers(["root", SET, "INFO"], ["root", SET, "WARN"]);
  await change(asker, 1, [
    [
      [BROKER_LOGGER, "2"],
      ["root", SET, "WARN"],
    ],
  ]);
  await change(asker, 1, [
    [
      [BROKER_LOGGER, "x"],
      ["root", SET, "WARN"],
    ],
  ]);
  await change(asker, 1, [[[BROKER_LOGGER, "1"]], [[BROKER_LOGGER, "1"]]], "twice");
  await change(
    asker,
    1,
    [
      [
        [BROKER_LOGGER, "1"],
        ["root", SET, "WARN"],
      ],
    ],
    "checked",
    true,
  );
  await describe(asker, 4, [[BROKER_LOGGER, "1"]]);
  await loggers(["root", SET, "INFO"]);
}

async function list(asker: Asker): Promise<void> {
  await asker.ask(listConfigResources, 0, {});
  for (const resourceTypes of [[], [TOPIC], [BROKER, BROKER_LOGGER], [GROUP], [0], [TOPIC, 64]]) {
    await asker.ask(listConfigResources, 1, { resourceTypes });
  }
}
