/** UpdateFeatures: raises or lowers the levels of feature flags, all of those named or none. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { updateFeatures as api } from "../../protocol/messages/57-update-features.ts";
import type { Value } from "../../protocol/schema.ts";
import { ConfigResourceType } from "../configs-image.ts";
import {
  CONTROLLER_REGISTRATION_LEVEL,
  DISABLED,
  ELIGIBLE_LEADER_REPLICAS_VERSION,
  type FeatureRange,
  KRAFT_VERSION,
  METADATA_LEVEL_MAX,
  METADATA_LEVEL_MIN,
  METADATA_VERSION,
  isWithin,
  metadataChangedBetween,
  metadataVersionOf,
  reasonAgainst,
} from "../features.ts";
import type { NewRecord } from "../record.ts";
import {
  type Command,
  type ControllerState,
  type Refusal,
  atomic,
  refusal,
  unchanged,
} from "./command.ts";

export type UpdateFeaturesRequest = Value<typeof api.request>;
export type UpdateFeaturesResponse = Value<typeof api.response>;

/** How a feature may be changed. */
export const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const;

/** `version` 0 knows upgrades alone; up to 1, there is a result for each feature. */
export function updateFeatures(
  request: UpdateFeaturesRequest,
  version: number,
): Command<UpdateFeaturesResponse> {
  return (state) => {
    const updates = request.featureUpdates.map((update) => ({
      feature: update.feature,
      level: update.maxVersionLevel,
      // Kafka reads v0's flag for downgrades, and does not look at it.
      upgradeType: version === 0 ? UpgradeType.UPGRADE : update.upgradeType,
    }));
    const proposed = new Map(state.image.features);
    for (const { feature, level } of updates) proposed.set(feature, level);
    const records: NewRecord[] = [];
    for (const update of updates) {
      const refused = reasonAgainstUpdate(state, update, proposed);
      if (refused !== null) return unchanged(refusedResponse(refused));
      records.push(...recordsOf(update));
    }
    const response = acceptedResponse(version <= 1 ? updates : []);
    if (request.validateOnly) return unchanged(response);
    return atomic([...elrSafetyRecords(state, updates), ...records], response);
  };
}

interface FeatureUpdate {
  readonly feature: string;
  readonly level: number;
  readonly upgradeType: number;
}

function recordsOf({ feature, level }: FeatureUpdate): NewRecord[] {
  // That level lives in KRaft's own control records: `RaftNode.upgradeKRaftVersion`.
  if (feature === KRAFT_VERSION) return [];
  return [
    { name: "FeatureLevelRecord", version: 0, value: { name: feature, featureLevel: level } },
  ];
}

function reasonAgainstUpdate(
  state: ControllerState,
  update: FeatureUpdate,
  proposed: ReadonlyMap<string, number>,
): Refusal | null {
  const { feature, level, upgradeType } = update;
  const invalid = (reason: string) =>
    refusal(
      ErrorCode.INVALID_UPDATE_VERSION,
      `Invalid update version ${level} for feature ${feature}. ${reason}`,
    );
  if (upgradeType < UpgradeType.UPGRADE || upgradeType > UpgradeType.UNSAFE_DOWNGRADE) {
    return invalid("The controller does not support the given upgrade type.");
  }
  if (level < 0) return invalid("A feature version cannot be less than 0.");
  const unsupported = reasonUnsupported(state, feature, level);
  if (unsupported !== null) return invalid(unsupported);
  const current = currentLevel(state, feature);
  if (level < current && upgradeType === UpgradeType.UPGRADE) {
    return invalid(
      "Can't downgrade the version of this feature without setting the upgrade type to either " +
        "safe or unsafe downgrade.",
    );
  }
  if (level > current && upgradeType !== UpgradeType.UPGRADE) {
    return invalid("Can't downgrade to a newer version.");
  }
  if (feature === METADATA_VERSION) return reasonAgainstMetadata(current, level, upgradeType);
  if (feature === KRAFT_VERSION) {
    return level >= current ? null : invalid("Can't downgrade the version of this feature.");
  }
  const conflict = reasonAgainst(feature, level, proposed);
  return conflict === null ? null : invalid(conflict);
}

function currentLevel(state: ControllerState, feature: string): number {
  return feature === KRAFT_VERSION ? state.kraftVersion : state.image.featureLevel(feature);
}

/** Every registered node must be able to run it. */
function reasonUnsupported(state: ControllerState, feature: string, level: number): string | null {
  const { rules, image } = state;
  const nodes: [string, FeatureRange | undefined][] = [
    [`Local controller ${rules.nodeId}`, rules.supportedFeatures.get(feature)],
  ];
  for (const { id, features } of image.cluster.brokers.values()) {
    nodes.push([`Broker ${id}`, features.get(feature)]);
  }
  if (image.metadataVersion >= CONTROLLER_REGISTRATION_LEVEL) {
    for (const { id, features } of image.cluster.controllers.values()) {
      if (id !== rules.nodeId) nodes.push([`Controller ${id}`, features.get(feature)]);
    }
  }
  for (const [node, range = DISABLED] of nodes) {
    if (isWithin(range, level)) continue;
    if (range.max === 0) return `${node} does not support this feature.`;
    return `${node} only supports versions ${range.min}-${range.max}`;
  }
  return null;
}

function reasonAgainstMetadata(
  current: number,
  level: number,
  upgradeType: number,
): Refusal | null {
  const invalid = (message: string) => refusal(ErrorCode.INVALID_UPDATE_VERSION, message);
  if (metadataVersionOf(level) === null) {
    const known = `Valid versions are from ${METADATA_LEVEL_MIN} to ${METADATA_LEVEL_MAX}.`;
    return invalid(`Invalid metadata.version ${level}. ${known}`);
  }
  if (level >= current || !metadataChangedBetween(level, current)) return null;
  const downgrade = `Unsupported metadata.version downgrade from ${current} to ${level}.`;
  return invalid(
    upgradeType === UpgradeType.UNSAFE_DOWNGRADE
      ? `${downgrade} Unsafe metadata downgrade is not supported in this version.`
      : `${downgrade} Refusing to perform the requested downgrade because it might delete ` +
          `metadata information.`,
  );
}

/** KIP-966: before ELR begins, min.insync.replicas becomes one value for all brokers. */
function elrSafetyRecords(state: ControllerState, updates: readonly FeatureUpdate[]): NewRecord[] {
  const elr = updates.find((update) => update.feature === ELIGIBLE_LEADER_REPLICAS_VERSION);
  if (elr === undefined || elr.level === 0) return [];
  const { configs } = state.image;
  const { BROKER } = ConfigResourceType;
  const key = "min.insync.replicas";
  const configRecord = (resourceName: string, value: string | null): NewRecord => ({
    name: "ConfigRecord",
    version: 0,
    value: { resourceType: BROKER, resourceName, name: key, value },
  });
  const records: NewRecord[] = [];
  if (configs.get(BROKER, "", key) === null) {
    records.push(configRecord("", state.rules.configs.staticTopicConfig(key)));
  }
  for (const broker of configs.names(BROKER)) {
    const isSet = broker !== "" && configs.get(BROKER, broker, key) !== null;
    if (isSet) records.push(configRecord(broker, null));
  }
  return records;
}

function refusedResponse({ errorCode, errorMessage }: Refusal): UpdateFeaturesResponse {
  return {
    throttleTimeMs: 0,
    errorCode,
    errorMessage:
      "The update failed for all features since the following feature had an error: " +
      errorMessage,
    results: [],
  };
}

function acceptedResponse(updates: readonly FeatureUpdate[]): UpdateFeaturesResponse {
  const none = { errorCode: ErrorCode.NONE, errorMessage: null };
  const results = updates.map(({ feature }) => ({ feature, ...none }));
  return { throttleTimeMs: 0, ...none, results };
}
