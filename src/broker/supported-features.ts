/** What this program can run, of Kafka's feature flags. A flag that is not here is at level 0. */
import {
  ELIGIBLE_LEADER_REPLICAS_VERSION,
  KRAFT_VERSION,
  METADATA_LEVEL_MIN,
  METADATA_LEVEL_PRODUCTION,
  METADATA_VERSION,
  TRANSACTION_VERSION,
  type SupportedFeatures,
} from "../metadata/features.ts";

export const SUPPORTED_FEATURES: SupportedFeatures = new Map([
  [METADATA_VERSION, { min: METADATA_LEVEL_MIN, max: METADATA_LEVEL_PRODUCTION }],
  [KRAFT_VERSION, { min: 0, max: 1 }],
  [TRANSACTION_VERSION, { min: 0, max: 2 }],
  [ELIGIBLE_LEADER_REPLICAS_VERSION, { min: 0, max: 1 }],
]);
