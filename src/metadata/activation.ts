/**
 * The first records of a controller that has become active: into an empty log the bootstrap
 * records, whole or not at all; behind a transaction that nobody will end, its abort.
 */
import { ConfigResourceType } from "./configs-image.ts";
import {
  ELIGIBLE_LEADER_REPLICAS_VERSION,
  FEATURES,
  KRAFT_VERSION,
  METADATA_LEVEL_PRODUCTION,
  METADATA_VERSION,
  type SupportedFeatures,
  TRANSACTIONS_LEVEL,
  defaultLevel,
} from "./features.ts";
import type { NewRecord } from "./record.ts";

export interface Activation {
  /** Whether the log says which metadata.version holds; until then it counts as empty. */
  readonly hasMetadataVersion: boolean;
  /** -1: none is open. */
  readonly transactionOffset: number;
  readonly bootstrapRecords: readonly NewRecord[];
  /** min.insync.replicas of this node's settings. */
  readonly minIsr: string;
}

export function activationRecords(activation: Activation): NewRecord[] {
  const { hasMetadataVersion, transactionOffset, bootstrapRecords } = activation;
  const abort: NewRecord[] =
    transactionOffset < 0
      ? []
      : [{ name: "AbortTransactionRecord", version: 0, value: { reason: "Controller failover" } }];
  if (hasMetadataVersion) return abort;
  const levels = levelsIn(bootstrapRecords);
  const records = [...bootstrapRecords, ...elrRecords(levels, activation.minIsr)];
  if ((levels.get(METADATA_VERSION) ?? 0) < TRANSACTIONS_LEVEL) return [...abort, ...records];
  return [
    ...abort,
    { name: "BeginTransactionRecord", version: 0, value: { name: "Bootstrap records" } },
    ...records,
    { name: "EndTransactionRecord", version: 0, value: {} },
  ];
}

/**
 * What a new cluster begins with, where nobody said otherwise: the newest metadata.version, and
 * every feature at its default or at the highest level that this program really runs.
 */
export function defaultBootstrapRecords(supported: SupportedFeatures): NewRecord[] {
  const levels = new Map<string, number>();
  for (const feature of FEATURES.keys()) {
    const max = supported.get(feature)?.max ?? 0;
    levels.set(feature, Math.min(defaultLevel(feature, METADATA_LEVEL_PRODUCTION), max));
  }
  return bootstrapRecords(METADATA_LEVEL_PRODUCTION, levels);
}

/** As Kafka's format writes them: metadata.version, then the others above 0 by name. */
export function bootstrapRecords(
  metadataVersion: number,
  levels: ReadonlyMap<string, number>,
): NewRecord[] {
  const others = [...levels].filter(
    ([name, level]) => name !== METADATA_VERSION && name !== KRAFT_VERSION && level > 0,
  );
  const all = [[METADATA_VERSION, metadataVersion] as const, ...others.sort(byName)];
  return all.map(([name, featureLevel]) => ({
    name: "FeatureLevelRecord",
    version: 0,
    value: { name, featureLevel },
  }));
}

function byName([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : 1;
}

function levelsIn(records: readonly NewRecord[]): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  for (const record of records) {
    if (record.name !== "FeatureLevelRecord") continue;
    levels.set(record.value.name, record.value.featureLevel);
  }
  return levels;
}

/** KIP-966: with ELR, all brokers go by one min.insync.replicas. */
function elrRecords(levels: ReadonlyMap<string, number>, minIsr: string): NewRecord[] {
  if ((levels.get(ELIGIBLE_LEADER_REPLICAS_VERSION) ?? 0) === 0) return [];
  const resourceType = ConfigResourceType.BROKER;
  const value = { resourceType, resourceName: "", name: "min.insync.replicas", value: minIsr };
  return [{ name: "ConfigRecord", version: 0, value }];
}
