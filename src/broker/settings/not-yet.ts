/**
 * Settings that Bunka knows but does not honour yet.
 *
 * Most are harmless: they are named once when somebody sets them. Those that guard something are
 * refused: a broker that ignored them would be less safe than its owner believes.
 */
import { brokerTable } from "./broker-settings.ts";
import { readListeners, type SecurityProtocol } from "./listeners.ts";
import { reasonWithoutEffect } from "./idle-settings.ts";
import { OWN_SETTINGS } from "./own-settings.ts";
import { SettingError } from "./setting-error.ts";
import type { Setting } from "./setting.ts";
import type { SettingTexts, Settings } from "./settings.ts";
import { listenerBaseName } from "./synonyms.ts";
import { canonicalText, formatValue } from "./value.ts";

/** Throws a `SettingError` for the first setting that may not be ignored. */
export function refuseUnguarded(settings: Settings): void {
  for (const { name, protocol } of readListeners(settings).all) refuseProtocol(name, protocol);
  for (const [name, text] of settings.static) {
    if (!rowOf(name)?.guards || isDefault(name, text)) continue;
    throw new SettingError(
      `Setting ${name} is not supported yet, and ignoring it would leave the broker less guarded ` +
        "than it asks for: remove it to go on without",
    );
  }
  refuseForeignQuotas(settings);
}

export function refuseProtocol(listenerName: string, protocol: SecurityProtocol): void {
  if (protocol === "PLAINTEXT") return;
  throw new SettingError(
    `Listener ${listenerName} uses ${protocol}, which is not supported yet: ` +
      "only PLAINTEXT listeners are",
  );
}

/** What was set to something else than its default and has no effect: names, by the reason. */
export function withoutEffect(given: SettingTexts): Map<string, string[]> {
  const names = [...given.keys()]
    .filter((name) => rowOf(name)?.about === null && !isDefault(name, given.get(name) ?? ""))
    .sort();
  return Map.groupBy(names, (name) => {
    return reasonWithoutEffect(listenerBaseName(name) ?? name) ?? NOT_YET;
  });
}

const NOT_YET = "they are not honoured yet";

/** Names that no setting has, sorted. */
export function unknownNames(given: SettingTexts): string[] {
  return [...given.keys()]
    .filter((name) => rowOf(name) === undefined && !OWN_SETTINGS.has(name))
    .sort();
}

/** It would decide who is throttled. */
function refuseForeignQuotas(settings: Settings): void {
  const name = settings.get("client.quota.callback.class");
  if (name === null) return;
  throw new SettingError(
    `Invalid value ${name} for configuration client.quota.callback.class: no Java class runs in ` +
      "this broker; remove it to limit clients by their quotas alone",
  );
}

/** The row of a setting, also behind a listener's prefix. */
function rowOf(name: string): Setting | undefined {
  return brokerTable.get(name) ?? brokerTable.get(listenerBaseName(name) ?? "");
}

function isDefault(name: string, text: string): boolean {
  const setting = rowOf(name);
  if (setting === undefined || setting.fallback === undefined) return false;
  return canonicalText(name, setting, text) === formatValue(setting.type, setting.fallback);
}
