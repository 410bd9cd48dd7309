/** What a member of a streams group is told beside its tasks. */
import type { StreamsHeartbeatResponse } from "./group-messages.ts";

export const StreamsStatus = {
  STALE_TOPOLOGY: 0,
  MISSING_SOURCE_TOPICS: 1,
  INCORRECTLY_PARTITIONED_TOPICS: 2,
  MISSING_INTERNAL_TOPICS: 3,
  SHUTDOWN_APPLICATION: 4,
  ASSIGNMENT_DELAYED: 5,
} as const;

export type StreamsProblem = NonNullable<StreamsHeartbeatResponse["status"]>[number];
