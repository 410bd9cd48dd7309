/**
 * Kafka's feature flags: what levels exist, with what release each came, and what it needs.
 * `metadata.version` says which records and record versions may be written at all.
 */

export interface FeatureRange {
  readonly min: number;
  readonly max: number;
}

/** By feature name: what a node is able to run. */
export type SupportedFeatures = ReadonlyMap<string, FeatureRange>;

export const METADATA_VERSION = "metadata.version";
export const KRAFT_VERSION = "kraft.version";
export const TRANSACTION_VERSION = "transaction.version";
export const GROUP_VERSION = "group.version";
export const ELIGIBLE_LEADER_REPLICAS_VERSION = "eligible.leader.replicas.version";
export const SHARE_VERSION = "share.version";
export const STREAMS_VERSION = "streams.version";

/** A feature that a node does not know: level 0 alone. */
export const DISABLED: FeatureRange = { min: 0, max: 0 };

/** Levels of metadata.version from which on something may be written. */
export const SCRAM_LEVEL = 11;
export const NO_EPOCH_BUMP_ON_SHRINK_LEVEL = 12;
export const TRANSACTIONS_LEVEL = 13;
export const CONTROLLER_REGISTRATION_LEVEL = 15;
export const DIRECTORIES_LEVEL = 17;
const ELIGIBLE_LEADER_REPLICAS_LEVEL = 23;
export const CORDONED_DIRECTORIES_LEVEL = 30;
const MIGRATION_LEVEL = 8;

export interface MetadataVersion {
  readonly level: number;
  /** As in "4.3-IV0". */
  readonly name: string;
  /** Whether records changed since the level below. */
  readonly changedMetadata: boolean;
}

/** Level 7 is the oldest that Kafka 4 reads; 31 exists, but is not released. */
export const METADATA_VERSIONS: readonly MetadataVersion[] = [
  { level: 7, name: "3.3-IV3", changedMetadata: true },
  { level: 8, name: "3.4-IV0", changedMetadata: true },
  { level: 9, name: "3.5-IV0", changedMetadata: false },
  { level: 10, name: "3.5-IV1", changedMetadata: false },
  { level: 11, name: "3.5-IV2", changedMetadata: true },
  { level: 12, name: "3.6-IV0", changedMetadata: false },
  { level: 13, name: "3.6-IV1", changedMetadata: true },
  { level: 14, name: "3.6-IV2", changedMetadata: true },
  { level: 15, name: "3.7-IV0", changedMetadata: true },
  { level: 16, name: "3.7-IV1", changedMetadata: false },
  { level: 17, name: "3.7-IV2", changedMetadata: true },
  { level: 18, name: "3.7-IV3", changedMetadata: false },
  { level: 19, name: "3.7-IV4", changedMetadata: false },
  { level: 20, name: "3.8-IV0", changedMetadata: false },
  { level: 21, name: "3.9-IV0", changedMetadata: false },
  { level: 22, name: "4.0-IV0", changedMetadata: false },
  { level: 23, name: "4.0-IV1", changedMetadata: true },
  { level: 24, name: "4.0-IV2", changedMetadata: false },
  { level: 25, name: "4.0-IV3", changedMetadata: false },
  { level: 26, name: "4.1-IV0", changedMetadata: false },
  { level: 27, name: "4.1-IV1", changedMetadata: false },
  { level: 28, name: "4.2-IV0", changedMetadata: false },
  { level: 29, name: "4.2-IV1", changedMetadata: false },
  { level: 30, name: "4.3-IV0", changedMetadata: true },
  { level: 31, name: "4.4-IV0", changedMetadata: false },
];

export const METADATA_LEVEL_MIN = 7;
export const METADATA_LEVEL_PRODUCTION = 30;
/** The highest that Kafka 4.3 knows, released or not. */
export const METADATA_LEVEL_MAX = 31;

interface FeatureLevel {
  readonly level: number;
  /** The metadata.version with which it becomes the default of a new cluster. */
  readonly bootstrapLevel: number;
  readonly needs: Readonly<Record<string, number>>;
}

/** Every flag but metadata.version, with its released levels. */
export const FEATURES: ReadonlyMap<string, readonly FeatureLevel[]> = new Map([
  [KRAFT_VERSION, levels(0, 21)],
  [TRANSACTION_VERSION, levels(0, 24, 24)],
  [GROUP_VERSION, levels(0, 22)],
  [
    ELIGIBLE_LEADER_REPLICAS_VERSION,
    [
      ...levels(0),
      {
        level: 1,
        bootstrapLevel: 26,
        needs: { [METADATA_VERSION]: ELIGIBLE_LEADER_REPLICAS_LEVEL },
      },
    ],
  ],
  [SHARE_VERSION, levels(0, 28)],
  [STREAMS_VERSION, levels(0, 29)],
]);

export function metadataVersionOf(level: number): MetadataVersion | null {
  return METADATA_VERSIONS[level - METADATA_LEVEL_MIN] ?? null;
}

/** "4.3-IV0"; a release alone ("4.3") means its newest version. */
export function metadataVersionNamed(name: string): MetadataVersion | null {
  return (
    METADATA_VERSIONS.findLast(
      (version) => version.name === name || version.name.startsWith(`${name}-`),
    ) ?? null
  );
}

/** A downgrade loses nothing when no record changed between the two. */
export function metadataChangedBetween(low: number, high: number): boolean {
  return METADATA_VERSIONS.some(
    (version) => version.level > low && version.level <= high && version.changedMetadata,
  );
}

/** The level that a new cluster of this metadata.version starts with. */
export function defaultLevel(feature: string, metadataLevel: number): number {
  const known = FEATURES.get(feature) ?? [];
  return known.findLast((level) => level.bootstrapLevel <= metadataLevel)?.level ?? 0;
}

/** Null when this level may be set beside the others; else Kafka's words for why not. */
export function reasonAgainst(
  feature: string,
  level: number,
  finalized: ReadonlyMap<string, number>,
): string | null {
  const known = FEATURES.get(feature);
  if (known === undefined) return `Feature ${feature} not found.`;
  const entry = known.find((candidate) => candidate.level === level);
  if (entry === undefined) return `No feature:${feature} with feature level ${level}`;
  const metadataLevel = finalized.get(METADATA_VERSION) ?? 0;
  const setTo = `${feature} could not be set to ${level} because it depends on`;
  if (level >= 1 && metadataLevel < METADATA_LEVEL_MIN) {
    const oldest = metadataVersionOf(METADATA_LEVEL_MIN)?.name;
    return `${setTo} ${METADATA_VERSION}=${METADATA_LEVEL_MIN} (${oldest})`;
  }
  for (const [name, needed] of Object.entries(entry.needs)) {
    if ((finalized.get(name) ?? 0) < needed) return `${setTo} ${name} level ${needed}`;
  }
  return null;
}

export function isWithin(range: FeatureRange, level: number): boolean {
  return level >= range.min && level <= range.max;
}

export function registerBrokerRecordVersion(metadataLevel: number): number {
  if (metadataLevel >= CORDONED_DIRECTORIES_LEVEL) return 4;
  if (metadataLevel >= DIRECTORIES_LEVEL) return 3;
  return metadataLevel >= MIGRATION_LEVEL ? 2 : 1;
}

/** Of PartitionRecord and of PartitionChangeRecord. */
export function partitionRecordVersion(metadataLevel: number): number {
  if (metadataLevel >= ELIGIBLE_LEADER_REPLICAS_LEVEL) return 2;
  return metadataLevel >= DIRECTORIES_LEVEL ? 1 : 0;
}

/** Level 0 exists always; the others are the defaults from the given versions on. */
function levels(zero: number, ...bootstrapLevels: number[]): FeatureLevel[] {
  return [zero, ...bootstrapLevels].map((bootstrapLevel, level) => ({
    level,
    bootstrapLevel,
    needs: {},
  }));
}
