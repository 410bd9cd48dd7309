/**
 * Replays what a real Apache Kafka 4.3.1 was asked to describe and to alter, and compares every
 * entry and every message with what it answered (facts/configs-recorded.json).
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { changeSettings } from "../../src/broker/settings/change-settings.ts";
import { checkIncrementalAlter } from "../../src/broker/settings/check-alter.ts";
import { configRules } from "../../src/broker/settings/config-rules.ts";
import { describeResource } from "../../src/broker/settings/describe-resource.ts";
import { Settings } from "../../src/broker/settings/settings.ts";
import { ConfigResourceType } from "../../src/metadata/configs-image.ts";
import { incrementallyAlterConfigs } from "../../src/metadata/controller/alter-configs.ts";
import { BrokerSessions } from "../../src/metadata/controller/broker-sessions.ts";
import { type ControllerState, decide } from "../../src/metadata/controller/command.ts";
import { METADATA_LEVEL_PRODUCTION, METADATA_VERSION } from "../../src/metadata/features.ts";
import { MetadataImage } from "../../src/metadata/image.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { FakeRandom } from "../sim/fake-random.ts";

type Outcome = { readonly errorCode: number; readonly errorMessage: string | null };
type Synonym = [name: string, value: string | null, source: number];
type Entry = [
  name: string,
  value: string | null,
  source: number,
  sensitive: number,
  readOnly: number,
  type: string,
  synonyms: Synonym[],
];

interface Step {
  step: string;
  entries?: Entry[];
  /** Entries whose value is the default were left out. */
  partial?: boolean;
  error?: [code: number, message: string];
}

const [start, ...steps] = JSON.parse(
  readFileSync(join(import.meta.dir, "facts/configs-recorded.json"), "utf8"),
) as [{ static: Record<string, string> }, ...Step[]];

const TYPES: Record<string, number> = {
  topic: ConfigResourceType.TOPIC,
  broker: ConfigResourceType.BROKER,
  group: ConfigResourceType.GROUP,
  "client-metrics": ConfigResourceType.CLIENT_METRICS,
};

const TYPE_NAMES = "UNKNOWN BOOLEAN STRING INT SHORT LONG DOUBLE LIST CLASS PASSWORD".split(" ");
const OPERATIONS = ["set", "delete", "append", "subtract"];

const settings = new Settings(new Map(Object.entries(start.static)));
const image = new MetadataImage("MkU3OEVBNTcwNTJENDM2Qg");
image.features.set(METADATA_VERSION, METADATA_LEVEL_PRODUCTION);
image.topics.add("t", "JEXY6aqzQY-32P5TStzaFg");

for (const [index, recorded] of steps.entries()) {
  const [kind = "", type = "", name = "", ...rest] = recorded.step.split(" ");
  const resourceType = TYPES[type] ?? 0;
  if (kind === "D") {
    test(`${index}: describes ${type} ${name}`, () =>
      describeAsRecorded(recorded, resourceType, name));
  } else {
    test(`${index}: ${recorded.step}`, () => {
      const refused = alter(resourceType, name, rest.join(" "));
      if (recorded.error === undefined) return expect(refused).toBeNull();
      const [code, message] = recorded.error;
      expect(refused?.errorCode).toBe(code);
      if (isFormula(message)) expect(refused?.errorMessage).toBe(withoutJava(message));
      else expect(refused?.errorMessage).toContain(firstSetting(message));
    });
  }
}

function describeAsRecorded(recorded: Step, type: number, name: string): void {
  const options = { keys: null, includeSynonyms: true, includeDocumentation: false };
  const described = describeResource(
    { settings, image, logLevels: new Map() },
    type,
    name,
    options,
  );
  if (recorded.error !== undefined) {
    expect([described.errorCode as number, described.errorMessage ?? ""]).toEqual(recorded.error);
    return;
  }
  const entries = described.configs
    .filter((entry) => recorded.partial !== true || entry.configSource !== 5)
    .map((entry): Entry => [
      entry.name,
      entry.value,
      entry.configSource,
      Number(entry.isSensitive),
      Number(entry.readOnly),
      TYPE_NAMES[entry.configType] ?? "",
      entry.synonyms.map((synonym): Synonym => [synonym.name, synonym.value, synonym.source]),
    ])
    .sort(([left], [right]) => (left < right ? -1 : 1));
  expect(entries).toEqual(recorded.entries ?? []);
}

function alter(resourceType: number, resourceName: string, text: string): Outcome | null {
  const configs = text.split(";").map((change) => {
    const [, operation = "", name = "", value] = /^(\w+):([^=]*)(?:=(.*))?$/.exec(change) ?? [];
    return { name, configOperation: OPERATIONS.indexOf(operation), value: value ?? null };
  });
  const resources = [{ resourceType, resourceName, configs }];
  const [refused = null] = checkIncrementalAlter(settings, resources);
  if (refused !== null) return refused;
  const command = incrementallyAlterConfigs({ resources, validateOnly: false });
  const { records, response } = decide(command, controllerState());
  for (const record of records) {
    if (record.name !== "ConfigRecord") continue;
    image.configs.set(resourceType, resourceName, record.value.name, record.value.value);
  }
  const { BROKER } = ConfigResourceType;
  changeSettings(settings, image.configs.of(BROKER, ""), image.configs.of(BROKER, "1"));
  const outcome = response.responses[0];
  return outcome === undefined || outcome.errorCode === 0 ? null : outcome;
}

function controllerState(): ControllerState {
  return {
    image,
    rules: {
      nodeId: 1,
      defaultReplicationFactor: 1,
      numPartitions: 1,
      supportedFeatures: new Map(),
      configs: configRules(settings),
    },
    sessions: new BrokerSessions(new FakeClock(), 9000),
    nextOffset: 0,
    kraftVersion: 1,
    random: new FakeRandom(1),
  };
}

/** Kafka checks settings against each other in sentences of its own, and we in ours. */
function isFormula(message: string): boolean {
  return !/^requirement failed: |Tiered Storage/.test(message);
}

function firstSetting(message: string): string {
  if (message.includes("Tiered Storage")) return "remote.storage.enable";
  return /[a-z]+(\.[a-z]+)+/.exec(message)?.[0] ?? "";
}

/** Kafka's messages name classes of Java, which say nothing to anybody here. */
function withoutJava(message: string): string {
  return message
    .replace(/^Invalid value org\.apache\S*ConfigException: /, "")
    .replace(/ for configuration Invalid dynamic configuration$/, "");
}
