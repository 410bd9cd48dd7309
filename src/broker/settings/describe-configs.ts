/**
 * What DescribeConfigs tells of a resource: every setting with its value, where the value comes
 * from, and what would hold without it. Fields are those of the response.
 */
import { brokerTable } from "./broker-settings.ts";
import { dynamicSetting } from "./change-settings.ts";
import { clientMetricsSettings } from "./entity-settings.ts";
import { groupDefault, groupTable } from "./group-config.ts";
import { reasonWithoutEffect } from "./idle-settings.ts";
import type { Setting, SettingType, SettingValue } from "./setting.ts";
import type { SettingTexts, Settings } from "./settings.ts";
import { brokerSynonyms, listenerBaseName } from "./synonyms.ts";
import { fromBroker, topicTable, type TopicSettingName } from "./topic-log-config.ts";
import { canonicalText, formatValue } from "./value.ts";

export const ConfigSource = {
  UNKNOWN: 0,
  TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
  DYNAMIC_BROKER_LOGGER: 6,
  CLIENT_METRICS: 7,
  GROUP: 8,
} as const;

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly ConfigSynonym[];
  readonly configType: number;
  readonly documentation: string | null;
}

export interface DescribeOptions {
  /** Only these settings; all when null or empty. */
  readonly keys: readonly string[] | null;
  readonly includeSynonyms: boolean;
  readonly includeDocumentation: boolean;
}

/** One broker, as it runs. */
export function describeBroker(settings: Settings, options: DescribeOptions): ConfigEntry[] {
  const names = new Set(settings.texts.keys());
  for (const [name, setting] of brokerTable) if (!setting.internal) names.add(name);
  return chosen(names, options).map((name) => {
    const setting = brokerRow(name);
    const synonyms = brokerChain(settings, name, setting);
    const described = entry(name, setting, brokerText(settings, name), synonyms, options);
    return { ...described, readOnly: isReadOnly(name) };
  });
}

/** What was changed for all brokers. */
export function describeClusterDefault(
  settings: Settings,
  options: DescribeOptions,
): ConfigEntry[] {
  return chosen(settings.clusterWide.keys(), options).map((name) => {
    const setting = brokerRow(name);
    const synonyms = brokerChain(settings, name, setting).filter(
      (synonym) => synonym.source === ConfigSource.DYNAMIC_DEFAULT_BROKER,
    );
    const text = settings.clusterWide.get(name) ?? null;
    return { ...entry(name, setting, text, synonyms, options), readOnly: isReadOnly(name) };
  });
}

export function describeTopic(
  settings: Settings,
  overrides: SettingTexts,
  options: DescribeOptions,
): ConfigEntry[] {
  return describeOwn(topicTable, overrides, ConfigSource.TOPIC, options, (name, setting) => ({
    // A row of the table of topics has the name of a topic setting.
    fallback: fromBroker(settings, name as TopicSettingName),
    synonyms: setting.brokerName === null ? [] : brokerChainOf(settings, setting.brokerName),
  }));
}

export function describeGroup(
  settings: Settings,
  overrides: SettingTexts,
  options: DescribeOptions,
): ConfigEntry[] {
  return describeOwn(groupTable, overrides, ConfigSource.GROUP, options, (name, setting) => ({
    fallback: groupDefault(settings, name),
    synonyms:
      setting.brokerName === null
        ? [defaultSynonym(name, setting)]
        : brokerChainOf(settings, setting.brokerName),
  }));
}

/** One subscription to the metrics of clients. */
export function describeClientMetrics(
  overrides: SettingTexts,
  options: DescribeOptions,
): ConfigEntry[] {
  const table = new Map<string, Setting>(Object.entries(clientMetricsSettings));
  return describeOwn(table, overrides, ConfigSource.CLIENT_METRICS, options, (_, setting) => ({
    fallback: setting.fallback ?? null,
    synonyms: [],
  }));
}

/** The log level of each part of the broker. */
export function describeLoggers(
  levels: ReadonlyMap<string, string>,
  options: DescribeOptions,
): ConfigEntry[] {
  return chosen(levels.keys(), options).map((name) => ({
    name,
    value: levels.get(name) ?? null,
    readOnly: false,
    configSource: ConfigSource.DYNAMIC_BROKER_LOGGER,
    isSensitive: false,
    synonyms: [],
    configType: TYPE_IDS.unknown,
    documentation: "",
  }));
}

/** Resources whose settings lie over defaults: names of the table, then unknown ones. */
function describeOwn(
  table: ReadonlyMap<string, Setting>,
  overrides: SettingTexts,
  source: number,
  options: DescribeOptions,
  under: (
    name: string,
    setting: Setting,
  ) => { readonly fallback: SettingValue; readonly synonyms: readonly ConfigSynonym[] },
): ConfigEntry[] {
  const names = new Set<string>();
  for (const [name, setting] of table) {
    if (!setting.internal || overrides.has(name)) names.add(name);
  }
  for (const name of overrides.keys()) names.add(name);
  return chosen(names, options).map((name) => {
    const setting = table.get(name);
    const own = overrides.get(name);
    const { fallback, synonyms } =
      setting === undefined ? { fallback: null, synonyms: [] } : under(name, setting);
    if (own === undefined) {
      const text = setting === undefined ? null : formatValue(setting.type, fallback);
      return entry(name, setting, text, synonyms, options);
    }
    const text = setting === undefined ? own : readable(name, setting, own);
    return entry(name, setting, text, [{ name, value: text, source }, ...synonyms], options);
  });
}

function entry(
  name: string,
  setting: Setting | undefined,
  text: string | null,
  synonyms: readonly ConfigSynonym[],
  options: DescribeOptions,
): ConfigEntry {
  const isSensitive = setting === undefined || setting.type === "password";
  return {
    name,
    value: isSensitive ? null : text,
    readOnly: false,
    configSource: synonyms[0]?.source ?? ConfigSource.DEFAULT,
    isSensitive,
    synonyms: options.includeSynonyms
      ? synonyms.map((synonym) => (isSensitive ? { ...synonym, value: null } : synonym))
      : [],
    configType: TYPE_IDS[setting?.type ?? "unknown"],
    documentation: options.includeDocumentation ? documentationOf(name, setting) : null,
  };
}

const TYPE_IDS: Record<SettingType | "unknown", number> = {
  unknown: 0,
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
};

function documentationOf(name: string, setting: Setting | undefined): string | null {
  if (setting === undefined) return null;
  if (setting.about !== null) return setting.about;
  const reason = reasonWithoutEffect(listenerBaseName(name) ?? name);
  return reason === null ? "Accepted, but without effect yet." : `Without effect: ${reason}.`;
}

function isReadOnly(name: string): boolean {
  return dynamicSetting(name) === undefined;
}

/** The row of a name, or of the name behind a listener's prefix. */
function brokerRow(name: string): Setting | undefined {
  const own = brokerTable.get(name) ?? dynamicSetting(name);
  if (own !== undefined) return own;
  for (const synonym of brokerSynonyms(name)) {
    const setting = brokerTable.get(synonym);
    if (setting !== undefined) return setting;
  }
  return undefined;
}

function brokerText(settings: Settings, name: string): string | null {
  const setting = brokerTable.get(name);
  const text = settings.texts.get(name);
  if (text === undefined) {
    return setting === undefined ? null : formatValue(setting.type, settings.valueOf(name));
  }
  return setting === undefined || setting.internal ? text : readable(name, setting, text);
}

function readable(name: string, setting: Setting, text: string): string {
  return setting.type === "password" ? text : canonicalText(name, setting, text);
}

function brokerChainOf(settings: Settings, name: string): ConfigSynonym[] {
  return brokerChain(settings, name, brokerTable.get(name));
}

/**
 * All places that give a value to a broker's setting, the strongest first, each under its own
 * name. What stands before the first of this very name says nothing about it.
 */
function brokerChain(
  settings: Settings,
  name: string,
  setting: Setting | undefined,
): ConfigSynonym[] {
  const names = brokerSynonyms(name);
  const chain: ConfigSynonym[] = [];
  const add = (texts: SettingTexts, source: number) => {
    for (const synonym of names) {
      const value = texts.get(synonym);
      if (value !== undefined) chain.push({ name: synonym, value, source });
    }
  };
  add(settings.perBroker, ConfigSource.DYNAMIC_BROKER);
  add(settings.clusterWide, ConfigSource.DYNAMIC_DEFAULT_BROKER);
  add(settings.static, ConfigSource.STATIC_BROKER);
  for (const synonym of names) {
    const row = brokerTable.get(synonym);
    if (row === undefined || (row.fallback ?? null) === null) continue;
    chain.push(defaultSynonym(synonym, row));
  }
  const first = chain.findIndex((synonym) => synonym.name === name);
  const shown = first < 0 ? [] : chain.slice(first);
  if (setting?.type !== "password") return shown;
  return shown.map((synonym) => ({ ...synonym, value: null }));
}

function defaultSynonym(name: string, setting: Setting): ConfigSynonym {
  const value = formatValue(setting.type, setting.fallback ?? null);
  return { name, value, source: ConfigSource.DEFAULT };
}

function chosen(names: Iterable<string>, { keys }: DescribeOptions): string[] {
  const all = [...names];
  return keys === null || keys.length === 0 ? all : all.filter((name) => keys.includes(name));
}
