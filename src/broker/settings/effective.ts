/** Values that several settings decide together. */
import { CompressionType } from "../../protocol/compression.ts";
import { parseVoters, type QuorumVoter } from "./quorum-voters.ts";
import { SettingError } from "./setting-error.ts";
import type { Settings } from "./settings.ts";
import { unitSynonyms } from "./synonyms.ts";

export function logDirectories(settings: Settings): readonly string[] {
  return settings.get("log.dirs") ?? settings.get("log.dir");
}

/** The topics of coordinators name a codec by its id in a batch's attributes. */
const CODECS_BY_ID = [
  CompressionType.NONE,
  CompressionType.GZIP,
  CompressionType.SNAPPY,
  CompressionType.LZ4,
  CompressionType.ZSTD,
];

export function compressionOfId(id: number): CompressionType {
  return CODECS_BY_ID[id] ?? CompressionType.NONE;
}

/** Where the metadata log lies. */
export function metadataDirectory(settings: Settings): string {
  return settings.get("metadata.log.dir") ?? logDirectories(settings)[0] ?? "";
}

/** Paths of the directories that get no new logs. */
export function cordonedDirectories(settings: Settings): readonly string[] {
  const cordoned = settings.get("cordoned.log.dirs") ?? [];
  return cordoned.includes("*") ? logDirectories(settings) : cordoned;
}

/** How fast partitions may be moved between log directories. */
export function moveBytesPerSecond(settings: Settings): number {
  return bytesPerSecond(settings, "replica.alter.log.dirs.io.max.bytes.per.second");
}

/** How fast replicas may catch up that are throttled at this broker as their leader or follower. */
export function throttledBytesPerSecond(settings: Settings, side: "leader" | "follower"): number {
  return bytesPerSecond(settings, THROTTLED_RATES[side]);
}

const THROTTLED_RATES = {
  leader: "leader.replication.throttled.rate",
  follower: "follower.replication.throttled.rate",
};

/** Of settings that no file has: only what was set for brokers counts. */
function bytesPerSecond(settings: Settings, name: string): number {
  const text = settings.perBroker.get(name) ?? settings.clusterWide.get(name);
  return text === undefined ? Number.POSITIVE_INFINITY : Number(text);
}

/** The directories of the log and of the metadata log, each once. */
export function allDirectories(settings: Settings): string[] {
  return [...new Set([...logDirectories(settings), metadataDirectory(settings)])].sort();
}

export function isController(settings: Settings): boolean {
  return settings.get("process.roles").includes("controller");
}

export function isBroker(settings: Settings): boolean {
  return settings.get("process.roles").includes("broker");
}

export function quorumVoters(settings: Settings): QuorumVoter[] {
  return parseVoters(settings.get("controller.quorum.voters"));
}

/** -1 keeps records for ever. */
export function logRetentionMs(settings: Settings): number {
  const retentionMs = firstOf(settings, "log.retention.ms");
  return retentionMs < 0 ? -1 : retentionMs;
}

export function logRollMs(settings: Settings): number {
  return firstOf(settings, "log.roll.ms");
}

export function logRollJitterMs(settings: Settings): number {
  return firstOf(settings, "log.roll.jitter.ms");
}

export function logFlushIntervalMs(settings: Settings): number {
  return firstOf(settings, "log.flush.interval.ms");
}

/** The first of a chain of synonyms that has a value, in the unit of the first name. */
function firstOf(settings: Settings, name: string): number {
  for (const synonym of unitSynonyms(name)) {
    const value = settings.valueOf(synonym.name);
    if (typeof value === "number") return value * synonym.factor;
  }
  return -1;
}

const RACK_AWARE_SELECTOR = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/** KIP-392. Throws a `SettingError` for a selector that does not come with Kafka. */
export function selectsReplicasByRack(settings: Settings): boolean {
  const name = settings.get("replica.selector.class");
  if (name === null) return false;
  if (name === RACK_AWARE_SELECTOR) return true;
  throw new SettingError(`replica.selector.class: class ${name} cannot be found`);
}

/** By name or, as Kafka takes them too, by the names of their Java classes. */
const CONSUMER_ASSIGNORS: ReadonlyMap<string, string> = new Map([
  ["uniform", "uniform"],
  ["range", "range"],
  ["org.apache.kafka.coordinator.group.assignor.UniformAssignor", "uniform"],
  ["org.apache.kafka.coordinator.group.assignor.RangeAssignor", "range"],
]);

/** Throws a `SettingError` for an assignor that does not come with Kafka. */
export function consumerAssignors(settings: Settings): string[] {
  return knownAssignors(settings, "group.consumer.assignors", CONSUMER_ASSIGNORS);
}

const SHARE_ASSIGNORS: ReadonlyMap<string, string> = new Map([
  ["simple", "simple"],
  ["org.apache.kafka.coordinator.group.assignor.SimpleAssignor", "simple"],
]);

export function shareAssignors(settings: Settings): string[] {
  return knownAssignors(settings, "group.share.assignors", SHARE_ASSIGNORS);
}

function knownAssignors(
  settings: Settings,
  setting: "group.consumer.assignors" | "group.share.assignors",
  assignors: ReadonlyMap<string, string>,
): string[] {
  return settings.get(setting).map((name) => {
    const known = assignors.get(name);
    if (known !== undefined) return known;
    throw new SettingError(`${setting}: class ${name} cannot be found`);
  });
}
