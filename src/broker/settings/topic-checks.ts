/** What a topic's settings must be, each for itself and together. */
import { SettingError, invalidValue } from "./setting-error.ts";
import type { SettingValue } from "./setting.ts";
import type { SettingTexts, Settings } from "./settings.ts";
import { fromBroker, topicTable, type TopicSettingName } from "./topic-log-config.ts";
import { parseSetting } from "./value.ts";

/** Throws a `SettingError` when `texts` may not become the settings of a topic. */
export function checkTopicConfigs(
  settings: Settings,
  texts: SettingTexts,
  existing: SettingTexts,
): void {
  for (const name of texts.keys()) {
    if (!topicTable.has(name)) throw new SettingError(`Unknown topic config name: ${name}`);
  }
  const values = new Map<string, SettingValue>();
  for (const [name, setting] of topicTable) {
    const text = texts.get(name);
    const value =
      text === undefined
        ? fromBroker(settings, name as TopicSettingName)
        : parseSetting(name, setting, text);
    values.set(name, value);
  }
  const value = (name: TopicSettingName) => values.get(name) ?? null;
  checkCompactionLag(
    Number(value("min.compaction.lag.ms")),
    Number(value("max.compaction.lag.ms")),
  );
  if (value("remote.storage.enable") !== true) {
    checkTurningOff(existing, value("remote.log.delete.on.disable") === true);
    return;
  }
  checkTiering(settings, value);
}

function checkCompactionLag(minMs: number, maxMs: number): void {
  if (minMs <= maxMs) return;
  throw new SettingError(
    `conflict topic config setting min.compaction.lag.ms (${minMs}) > max.compaction.lag.ms ` +
      `(${maxMs})`,
  );
}

/** KIP-950: data in the remote store must not be orphaned. */
function checkTurningOff(existing: SettingTexts, deletesRemote: boolean): void {
  const was = existing.get("remote.storage.enable")?.trim().toLowerCase() === "true";
  if (!was || deletesRemote) return;
  throw new SettingError(
    "Turning remote.storage.enable off leaves data in the remote store: set " +
      "remote.log.delete.on.disable=true to delete it, or keep it and set " +
      "remote.log.copy.disable=true instead",
  );
}

type ValueOf = (name: TopicSettingName) => SettingValue;

function checkTiering(settings: Settings, value: ValueOf): void {
  if (!settings.get("remote.log.storage.system.enable")) {
    throw new SettingError(
      "remote.storage.enable needs a broker with remote.log.storage.system.enable=true",
    );
  }
  const policy = value("cleanup.policy");
  if (Array.isArray(policy) && policy.join() !== "delete" && policy.length > 0) {
    throw new SettingError("remote.storage.enable needs a cleanup.policy of delete, or none");
  }
  for (const unit of ["bytes", "ms"] as const) {
    checkLocal(unit, Number(value(`local.retention.${unit}`)), Number(value(`retention.${unit}`)));
  }
  if (value("remote.log.copy.disable") === true) {
    for (const unit of ["bytes", "ms"] as const) checkSame(unit, value);
  }
}

/** -2 stands for the whole retention, -1 for no bound. */
function checkLocal(unit: "bytes" | "ms", local: number, whole: number): void {
  const name = `local.retention.${unit}`;
  if (whole < 0 || local === -2) return;
  if (local === -1) {
    const reason = `Value must not be -1 as retention.${unit} value is set as ${whole}.`;
    throw invalidValue(name, "-1", reason);
  }
  if (local > whole) {
    const reason = `Value must not be more than retention.${unit} property value: ${whole}`;
    throw invalidValue(name, String(local), reason);
  }
}

function checkSame(unit: "bytes" | "ms", value: ValueOf): void {
  const local = value(`local.retention.${unit}`);
  if (local === -2 || local === value(`retention.${unit}`)) return;
  throw new SettingError(
    `local.retention.${unit} must be retention.${unit} when remote.log.copy.disable is true`,
  );
}
