/** What holds for a group: its own settings within the broker's bounds, else the broker's. */
import { groupEntitySettings } from "./entity-settings.ts";
import { GROUP_BOUNDS } from "./group-bounds.ts";
import { SettingError } from "./setting-error.ts";
import type { Setting, SettingValue, ValueOf } from "./setting.ts";
import type { SettingTexts, Settings } from "./settings.ts";
import { defaultOf, parseSetting } from "./value.ts";

export type GroupSettingName = keyof typeof groupEntitySettings;

export const groupTable: ReadonlyMap<string, Setting> = new Map(
  Object.entries(groupEntitySettings),
);

/** The value in force: a group's own is brought within the bounds that the broker sets now. */
export function groupValue<N extends GroupSettingName>(
  settings: Settings,
  overrides: SettingTexts,
  name: N,
): ValueOf<(typeof groupEntitySettings)[N]> {
  const setting: Setting = groupEntitySettings[name];
  const own = overrides.get(name);
  const value =
    own === undefined
      ? groupDefault(settings, name)
      : clamped(settings, name, parseSetting(name, setting, own));
  // The row of a name types its value, which the table by string cannot tell.
  return value as ValueOf<(typeof groupEntitySettings)[N]>;
}

/** The value of a group without settings of its own. */
export function groupDefault(settings: Settings, name: string): SettingValue {
  const setting = groupTable.get(name);
  if (setting === undefined) return null;
  if (setting.brokerName === null) return defaultOf(name, setting);
  return settings.valueOf(setting.brokerName);
}

/** Throws a `SettingError` when `texts` may not become the settings of a group. */
export function checkGroupConfigs(settings: Settings, texts: SettingTexts): void {
  const values = new Map<string, SettingValue>();
  for (const name of texts.keys()) {
    if (!groupTable.has(name)) throw new SettingError(`Unknown group config name: ${name}`);
  }
  for (const [name, setting] of groupTable) {
    const text = texts.get(name);
    values.set(
      name,
      text === undefined ? groupDefault(settings, name) : parseSetting(name, setting, text),
    );
  }
  const number = (name: string) => Number(values.get(name));
  for (const { name, min, max } of GROUP_BOUNDS) {
    const own = name.slice("group.".length);
    if (min !== null && number(own) < Number(settings.get(min))) {
      throw new SettingError(`${own} must be greater than or equal to ${min}`);
    }
    if (max !== null && number(own) > Number(settings.get(max))) {
      throw new SettingError(`${own} must be less than or equal to ${max}`);
    }
  }
  for (const kind of ["consumer", "share", "streams"]) {
    const session = `${kind}.session.timeout.ms`;
    const heartbeat = `${kind}.heartbeat.interval.ms`;
    if (number(session) > number(heartbeat)) continue;
    throw new SettingError(`${session} must be greater than ${heartbeat}`);
  }
}

function clamped(settings: Settings, name: string, value: SettingValue): SettingValue {
  const bound = GROUP_BOUNDS.find((row) => row.name === `group.${name}`);
  if (bound === undefined || typeof value !== "number") return value;
  const low = bound.min === null ? value : Number(settings.get(bound.min));
  const high = bound.max === null ? value : Number(settings.get(bound.max));
  return Math.min(Math.max(value, low), high);
}
