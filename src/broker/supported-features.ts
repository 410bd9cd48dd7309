/** What this program can run, of Kafka's feature flags. A flag that is not here is at level 0. */
import {
  ELIGIBLE_LEADER_REPLICAS_VERSION,
  GROUP_VERSION,
  KRAFT_VERSION,
  METADATA_LEVEL_MIN,
  METADATA_LEVEL_PRODUCTION,
  METADATA_VERSION,
  SHARE_VERSION,
  STREAMS_VERSION,
  TRANSACTION_VERSION,
  type SupportedFeatures,
} from "../metadata/features.ts";
import type { MetadataImage } from "../metadata/image.ts";
import type { Settings } from "./settings/settings.ts";

export const SUPPORTED_FEATURES: SupportedFeatures = new Map([
  [METADATA_VERSION, { min: METADATA_LEVEL_MIN, max: METADATA_LEVEL_PRODUCTION }],
  [KRAFT_VERSION, { min: 0, max: 1 }],
  [TRANSACTION_VERSION, { min: 0, max: 2 }],
  [GROUP_VERSION, { min: 0, max: 1 }],
  [SHARE_VERSION, { min: 0, max: 1 }],
  [ELIGIBLE_LEADER_REPLICAS_VERSION, { min: 0, max: 1 }],
  [STREAMS_VERSION, { min: 0, max: 1 }],
]);

/** Whether groups of the consumer protocol (KIP-848) may come into being and go on. */
export function isConsumerProtocolEnabled(image: MetadataImage, settings: Settings): boolean {
  return (
    image.featureLevel(GROUP_VERSION) >= 1 &&
    settings.get("group.coordinator.rebalance.protocols").includes("consumer")
  );
}

/** Whether share groups (KIP-932) may come into being and go on. */
export function isShareProtocolEnabled(image: MetadataImage): boolean {
  return image.featureLevel(SHARE_VERSION) >= 1;
}

/** Whether groups of Kafka Streams (KIP-1071) may come into being and go on. */
export function isStreamsProtocolEnabled(image: MetadataImage, settings: Settings): boolean {
  return (
    image.featureLevel(STREAMS_VERSION) >= 1 &&
    settings.get("group.coordinator.rebalance.protocols").includes("streams")
  );
}
