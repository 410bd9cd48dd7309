/**
 * Changes to a broker's settings while it runs: which may be made, and how they come into force.
 *
 * `checkChange` judges a request before it is written to the metadata log; `changeSettings` takes
 * what the log holds, whoever wrote it, and so must live with anything.
 */
import { brokerTable, type BrokerSettingName } from "./broker-settings.ts";
import { checkTogether } from "./cross-checks.ts";
import { logRetentionMs } from "./effective.ts";
import { brokerQuotaSettings } from "./entity-settings.ts";
import { clampIntervals } from "./group-bounds.ts";
import { parsePairs, readListeners } from "./listeners.ts";
import { refuseProtocol } from "./not-yet.ts";
import { SettingError, invalidValue } from "./setting-error.ts";
import type { Setting } from "./setting.ts";
import type { SettingTexts, Settings } from "./settings.ts";
import { listenerBaseName } from "./synonyms.ts";
import { parseSetting } from "./value.ts";

/** Settings of quotas are settings of a broker too, though only while it runs. */
const quotaTable: ReadonlyMap<string, Setting> = new Map(Object.entries(brokerQuotaSettings));

/** The row of a setting that may be changed while the broker runs; undefined for every other. */
export function dynamicSetting(name: string): Setting | undefined {
  const setting = brokerTable.get(name) ?? quotaTable.get(name);
  return setting?.dynamic === "read-only" ? undefined : setting;
}

/**
 * Takes all changed settings that the metadata log holds for all brokers and for this one. Returns
 * what was left out, a line each; what contradicts the rest leaves the old values in force.
 */
export function changeSettings(
  settings: Settings,
  clusterWide: SettingTexts,
  perBroker: SettingTexts,
): string[] {
  const problems: string[] = [];
  const forAll = usable(clusterWide, false, problems);
  const forOne = usable(perBroker, true, problems);
  try {
    const inForce = settings.with(
      clampIntervals(settings, forAll),
      clampIntervals(settings, forOne),
    );
    checkTogether(inForce);
    checkListeners(settings, inForce);
    settings.adopt(forAll, forOne, inForce);
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    settings.adopt(forAll, forOne, null);
    problems.push(`Changed settings are not in force: ${error.message}`);
  }
  return problems;
}

/**
 * Throws a `SettingError` when `texts` may not become all changed settings of this broker (or of
 * all brokers).
 */
export function checkChange(settings: Settings, texts: SettingTexts, perBroker: boolean): void {
  const names = [...texts.keys()];
  refuse(names.filter(isReadOnly), "Cannot update these configs dynamically");
  refuse(
    names.filter(needsListener),
    "These security configs can be dynamically updated only per-listener using the listener prefix",
  );
  for (const [name, text] of texts) checkText(name, text);
  if (!perBroker) {
    refuse(
      names.filter(needsBroker),
      "Cannot update these configs at default cluster level, broker id must be specified",
    );
  }
  refuse(names.filter(isUnsupported), "These configs cannot be updated dynamically yet");
  const inForce = perBroker
    ? settings.with(settings.clusterWide, texts)
    : settings.with(texts, settings.perBroker);
  checkTogether(inForce);
  checkListeners(settings, inForce);
  for (const name of inForce.texts.keys()) checkThreads(settings, inForce, name);
  checkCleaner(settings, inForce);
  checkLocalRetention(inForce);
}

/** Leaves out what may not be changed, and says so. */
function usable(texts: SettingTexts, perBroker: boolean, problems: string[]): SettingTexts {
  const result = new Map(texts);
  const drop = (unfit: (name: string) => boolean, why: string) => {
    for (const name of [...result.keys()].filter(unfit)) {
      result.delete(name);
      problems.push(`Changed setting ${name} is left out: ${why}`);
    }
  };
  drop((name) => problemOf(name, result.get(name) ?? "") !== null, "its value is invalid");
  drop(isReadOnly, "it cannot be changed while running");
  drop(needsListener, "it can be changed for one listener only");
  if (!perBroker) drop(needsBroker, "it can be changed for one broker only");
  drop(isUnsupported, "changing it while running is not supported yet");
  return result;
}

function refuse(names: readonly string[], why: string): void {
  if (names.length > 0) throw new SettingError(`${why}: [${names.toSorted().join(", ")}]`);
}

function isReadOnly(name: string): boolean {
  return brokerTable.get(name)?.dynamic === "read-only";
}

/** TLS material is changed for one listener at a time. */
function needsListener(name: string): boolean {
  return TLS_MATERIAL.has(name);
}

const TLS_MATERIAL = new Set([
  "ssl.keystore.type",
  "ssl.keystore.location",
  "ssl.keystore.password",
  "ssl.key.password",
  "ssl.truststore.type",
  "ssl.truststore.location",
  "ssl.truststore.password",
  "ssl.keystore.certificate.chain",
  "ssl.keystore.key",
  "ssl.truststore.certificates",
]);

const CLUSTER_WIDE_LISTENER = [
  "max.connections",
  "max.connection.creation.rate",
  "num.network.threads",
];

function needsBroker(name: string): boolean {
  const base = listenerBaseName(name);
  if (base !== null) return !CLUSTER_WIDE_LISTENER.includes(base);
  return brokerTable.get(name)?.dynamic === "per-broker";
}

/** Ignoring these would leave the broker otherwise than its owner was told it is. */
function isUnsupported(name: string): boolean {
  const setting = brokerTable.get(listenerBaseName(name) ?? name);
  return setting?.guards === true;
}

/** Clients go on to find what they were told of, and to speak to it as they do. */
function checkListeners(settings: Settings, inForce: Settings): void {
  const before = readListeners(settings);
  const after = readListeners(inForce);
  const names = after.all.map(({ name }) => name);
  const advertised = before.advertised.map(({ name }) => name);
  if (!advertised.every((name) => names.includes(name))) {
    throw new SettingError(
      `Advertised listeners '${advertised.join(", ")}' must be a subset of listeners ` +
        `'${names.join(", ")}'`,
    );
  }
  const known = new Map(before.all.map(({ name, protocol }) => [name, protocol]));
  for (const { name, protocol } of after.all) {
    if ((known.get(name) ?? protocol) !== protocol) {
      throw new SettingError(`Security protocol cannot be updated for existing listener ${name}`);
    }
    refuseProtocol(name, protocol);
  }
}

function problemOf(name: string, text: string): string | null {
  try {
    checkText(name, text);
    return null;
  } catch (error) {
    if (error instanceof SettingError) return error.message;
    throw error;
  }
}

/** Read-only settings are refused elsewhere, and unknown ones are taken as they are. */
function checkText(name: string, text: string): void {
  const base = listenerBaseName(name) ?? name;
  const setting = dynamicSetting(base);
  if (setting !== undefined) parseSetting(base, setting, text);
  if (base === "max.connections.per.ip.overrides") parsePairs(base, text);
}

const THREADS: ReadonlySet<string> = new Set<BrokerSettingName>([
  "num.io.threads",
  "num.replica.fetchers",
  "num.recovery.threads.per.data.dir",
  "background.threads",
  "num.network.threads",
  "remote.log.reader.threads",
  "remote.log.manager.copier.thread.pool.size",
  "remote.log.manager.expiration.thread.pool.size",
  "remote.log.manager.follower.thread.pool.size",
]);

/** Pools of threads grow and shrink by half or double at most. */
function checkThreads(settings: Settings, inForce: Settings, name: string): void {
  if (!THREADS.has(name)) return;
  const before = Number(settings.valueOf(name));
  const after = Number(inForce.valueOf(name));
  if (before === after) return;
  const problem = `Dynamic thread count update validation failed for ${name}=${after}`;
  if (after < Math.trunc(before / 2)) {
    throw new SettingError(`${problem}, value should be at least half the current value ${before}`);
  }
  if (after > before * 2) {
    throw new SettingError(
      `${problem}, value should not be greater than double the current value ${before}`,
    );
  }
}

function checkCleaner(settings: Settings, inForce: Settings): void {
  const before = settings.get("log.cleaner.threads");
  const after = inForce.get("log.cleaner.threads");
  if (before === after) return;
  if (after < 1) throw new SettingError("Log cleaner threads should be at least 1");
  const head = "Log cleaner threads cannot be";
  if (after < Math.trunc(before / 2)) {
    throw new SettingError(`${head} reduced to less than half the current value ${before}`);
  }
  if (after > before * 2) {
    throw new SettingError(`${head} increased to more than double the current value ${before}`);
  }
}

/** -2 stands for the whole retention, -1 for no bound. */
function checkLocalRetention(settings: Settings): void {
  const check = (localName: BrokerSettingName, name: BrokerSettingName, whole: number) => {
    const local = Number(settings.get(localName));
    if (whole === -1 || local === -2) return;
    if (local === -1) {
      throw invalidValue(
        localName,
        "-1",
        `Value must not be -1 as ${name} value is set as ${whole}.`,
      );
    }
    if (local > whole) {
      throw invalidValue(
        localName,
        String(local),
        `Value must not be more than ${name} property value: ${whole}`,
      );
    }
  };
  check("log.local.retention.ms", "log.retention.ms", logRetentionMs(settings));
  check("log.local.retention.bytes", "log.retention.bytes", settings.get("log.retention.bytes"));
}
