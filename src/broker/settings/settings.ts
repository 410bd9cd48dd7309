/**
 * The settings of this broker: what was given at the start, and what was changed since.
 *
 *     static      the file and the command line, read once
 *     clusterWide changed for all brokers (the resource of type broker without a name)
 *     perBroker   changed for this broker; the strongest
 *
 * Invariants: every static value is good, or the constructor has thrown. `get` gives the newest
 * values that were good as a whole: a change that does not fit leaves the old ones in force.
 */
import {
  brokerSettings,
  brokerTable,
  type BrokerSettingName,
  type BrokerSettingValue,
} from "./broker-settings.ts";
import type { Setting, SettingValue } from "./setting.ts";
import { listenerBaseName, listenerPrefix, unitSynonyms } from "./synonyms.ts";
import { defaultOf, parseSetting } from "./value.ts";

/** Text by name, as a file or the metadata log holds it. */
export type SettingTexts = ReadonlyMap<string, string>;

const NONE: SettingTexts = new Map();

export class Settings {
  readonly static: SettingTexts;
  #clusterWide = NONE;
  #perBroker = NONE;
  #texts: SettingTexts;
  #values: Map<string, SettingValue>;
  readonly #watchers = new Set<(changed: ReadonlySet<string>) => void>();

  /** Throws a `SettingError` for a value that its setting does not take. */
  constructor(given: SettingTexts) {
    this.static = withNodeId(given);
    this.#texts = this.static;
    this.#values = parseAll(this.static);
    for (const [name, setting] of brokerTable) {
      if (setting.fallback === undefined && !this.#values.has(name)) defaultOf(name, setting);
    }
  }

  get clusterWide(): SettingTexts {
    return this.#clusterWide;
  }

  get perBroker(): SettingTexts {
    return this.#perBroker;
  }

  /** The texts in force: static ones, overlaid by the changed ones. */
  get texts(): SettingTexts {
    return this.#texts;
  }

  get<N extends BrokerSettingName>(name: N): BrokerSettingValue<N> {
    // The table types every value by its name, which a map by string cannot tell.
    const value = this.#values.get(name) as BrokerSettingValue<N> | undefined;
    return value === undefined ? this.#default(name) : value;
  }

  /** The value for one listener, which may have its own. */
  getFor<N extends BrokerSettingName>(listenerName: string, name: N): BrokerSettingValue<N> {
    const own = this.#texts.get(listenerPrefix(listenerName) + name);
    const setting: Setting = brokerSettings[name];
    if (own === undefined) return this.get(name);
    return parseSetting(name, setting, own) as BrokerSettingValue<N>;
  }

  /** A value of any name, for those that only know it at run time. */
  valueOf(name: string): SettingValue {
    const value = this.#values.get(name);
    if (value !== undefined) return value;
    const setting = brokerTable.get(name);
    return setting === undefined ? null : defaultOf(name, setting);
  }

  /** True when somebody has set it, at the start or since. */
  isGiven(name: BrokerSettingName): boolean {
    return this.#texts.has(name);
  }

  /** What is in force when these changes are laid over the static settings; throws when bad. */
  with(clusterWide: SettingTexts, perBroker: SettingTexts): Settings {
    return new Settings(overlay(overlay(this.static, clusterWide), perBroker));
  }

  /** Remembers changes. They come into force with `inForce`; without it the old ones stay. */
  adopt(clusterWide: SettingTexts, perBroker: SettingTexts, inForce: Settings | null): void {
    this.#clusterWide = clusterWide;
    this.#perBroker = perBroker;
    if (inForce === null) return;
    const changed = differing(this.#texts, inForce.#texts);
    this.#texts = inForce.#texts;
    this.#values = inForce.#values;
    if (changed.size > 0) for (const watcher of this.#watchers) watcher(changed);
  }

  /** Tells of every change in force, with the names that differ. Returns how to stop it. */
  watch(watcher: (changed: ReadonlySet<string>) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #default<N extends BrokerSettingName>(name: N): BrokerSettingValue<N> {
    const setting: Setting = brokerSettings[name];
    return defaultOf(name, setting) as BrokerSettingValue<N>;
  }
}

/** `over` replaces entries of `texts`, and those that say the same in another unit. */
function overlay(texts: SettingTexts, over: SettingTexts): SettingTexts {
  if (over.size === 0) return texts;
  const result = new Map(texts);
  for (const [name, text] of over) {
    for (const synonym of unitSynonyms(name)) result.delete(synonym.name);
    result.set(name, text);
  }
  return result;
}

/** `broker.id` is the old name of `node.id`: either stands for both. */
function withNodeId(given: SettingTexts): SettingTexts {
  const nodeId = given.get("node.id");
  const brokerId = given.get("broker.id");
  const result = new Map(given);
  if (nodeId === undefined && brokerId !== undefined) result.set("node.id", brokerId);
  if (brokerId === undefined && nodeId !== undefined) result.set("broker.id", nodeId);
  return result;
}

function parseAll(texts: SettingTexts): Map<string, SettingValue> {
  const values = new Map<string, SettingValue>();
  for (const [name, text] of texts) {
    const setting = brokerTable.get(name);
    if (setting !== undefined) values.set(name, parseSetting(name, setting, text));
    else checkListenerSetting(name, text);
  }
  return values;
}

function checkListenerSetting(name: string, text: string): void {
  const base = listenerBaseName(name);
  const setting = base === null ? undefined : brokerTable.get(base);
  if (setting !== undefined) parseSetting(name, setting, text);
}

function differing(before: SettingTexts, after: SettingTexts): Set<string> {
  const names = new Set<string>();
  for (const [name, text] of after) if (before.get(name) !== text) names.add(name);
  for (const name of before.keys()) if (!after.has(name)) names.add(name);
  return names;
}
