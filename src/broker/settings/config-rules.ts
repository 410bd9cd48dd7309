/** What the table of settings tells the controller, which lies below it. */
import type { ConfigRules, EffectiveConfig, Refusal } from "../../metadata/controller/command.ts";
import { refusal } from "../../metadata/controller/command.ts";
import {
  CLUSTER_DEFAULT,
  ConfigResourceType,
  type ConfigResource,
  type Configs,
} from "../../metadata/configs-image.ts";
import { topicNameError } from "../../metadata/topic-name.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { brokerTable } from "./broker-settings.ts";
import { checkClientMetrics } from "./client-metrics-config.ts";
import { ConfigSource } from "./describe-configs.ts";
import { checkGroupConfigs } from "./group-config.ts";
import { SettingError } from "./setting-error.ts";
import type { Setting } from "./setting.ts";
import type { SettingTexts, Settings } from "./settings.ts";
import { unitSynonyms } from "./synonyms.ts";
import { checkTopicConfigs } from "./topic-checks.ts";
import { topicTable } from "./topic-log-config.ts";
import { formatValue } from "./value.ts";

export function configRules(settings: Settings): ConfigRules {
  const nodeId = String(settings.get("node.id"));
  return {
    check: (resource, configs, existing) => check(settings, resource, configs, existing),
    isList: (type, key) => rowOf(type, key)?.type === "list",
    defaultOf: (type, key) => {
      const setting = rowOf(type, key);
      return setting === undefined ? null : formatValue(setting.type, setting.fallback ?? null);
    },
    staticTopicConfig: (key) =>
      effective(key, [[settings.static, ConfigSource.STATIC_BROKER]]).value ?? "",
    effectiveTopicConfigs: (own, image) => {
      const forNode = image.configs.of(ConfigResourceType.BROKER, nodeId);
      const forAll = image.configs.of(ConfigResourceType.BROKER, CLUSTER_DEFAULT);
      const names = [...topicTable.keys()].filter(
        (name) => topicTable.get(name)?.internal === false || own.has(name),
      );
      return names.map((name) => {
        const text = own.get(name);
        if (text !== undefined) return described(name, text, ConfigSource.TOPIC);
        return effective(name, [
          [forNode, ConfigSource.DYNAMIC_BROKER],
          [forAll, ConfigSource.DYNAMIC_DEFAULT_BROKER],
          [settings.static, ConfigSource.STATIC_BROKER],
        ]);
      });
    },
  };
}

function check(
  settings: Settings,
  { type, name }: ConfigResource,
  configs: Configs,
  existing: Configs,
): Refusal | null {
  switch (type) {
    case ConfigResourceType.TOPIC:
      if (name === "") return invalidRequest("Default topic resources are not allowed.");
      return topicRefusal(name) ?? guarded(() => checkTopicConfigs(settings, configs, existing));
    case ConfigResourceType.BROKER:
      return brokerRefusal(name);
    case ConfigResourceType.CLIENT_METRICS:
      if (name === "") return invalidRequest("Subscription name can't be empty");
      return checkClientMetrics(configs);
    case ConfigResourceType.GROUP:
      if (name === "") return invalidRequest("Default group resources are not allowed.");
      return guarded(() => checkGroupConfigs(settings, configs));
    default:
      return invalidRequest(`Unknown resource type ${type}`);
  }
}

function topicRefusal(name: string): Refusal | null {
  const message = topicNameError(name);
  return message === null ? null : refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, message);
}

function brokerRefusal(name: string): Refusal | null {
  if (name === CLUSTER_DEFAULT) return null;
  if (!/^[+-]?\d{1,10}$/.test(name)) {
    return invalidRequest("Unable to parse broker name as a base 10 number.");
  }
  return Number(name) < 0 ? invalidRequest("Invalid negative broker ID.") : null;
}

function guarded(ensure: () => void): Refusal | null {
  try {
    ensure();
    return null;
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    return refusal(ErrorCode.INVALID_CONFIG, error.message);
  }
}

function invalidRequest(message: string): Refusal {
  return refusal(ErrorCode.INVALID_REQUEST, message);
}

function rowOf(type: number, key: string): Setting | undefined {
  if (type === ConfigResourceType.BROKER) return brokerTable.get(key);
  return type === ConfigResourceType.TOPIC ? topicTable.get(key) : undefined;
}

/** A topic setting as the first of the layers has it, by any of its names, else its default. */
function effective(
  name: string,
  layers: readonly (readonly [SettingTexts, number])[],
): EffectiveConfig {
  const setting = topicTable.get(name);
  const synonyms = setting?.brokerName == null ? [] : unitSynonyms(setting.brokerName);
  for (const [texts, source] of layers) {
    for (const { name: synonym, factor } of synonyms) {
      const text = texts.get(synonym);
      if (text === undefined) continue;
      return described(name, factor === 1 ? text : String(Number(text) * factor), source);
    }
  }
  const value = setting === undefined ? null : formatValue(setting.type, setting.fallback ?? null);
  return described(name, value, ConfigSource.DEFAULT);
}

function described(name: string, value: string | null, configSource: number): EffectiveConfig {
  return { name, value, readOnly: false, configSource, isSensitive: false };
}
