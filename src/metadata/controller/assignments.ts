/** Replicas of new partitions: chosen by people, or placed by the controller. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { partitionRecordVersion } from "../features.ts";
import { LeaderRecoveryState, toPartitionRecord } from "../partition-registration.ts";
import type { NewRecord } from "../record.ts";
import { type ControllerState, type Refusal, refusal } from "./command.ts";
import type { Placement } from "./replica-placement.ts";

/** Null when people's choice is possible. `replicationFactor` is null for the first partition. */
export function reasonAgainstReplicas(
  state: ControllerState,
  replicas: readonly number[],
  replicationFactor: number | null,
): Refusal | null {
  const invalid = (message: string) => refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
  const assignment = "The manual partition assignment includes";
  if (replicas.length === 0) return invalid(`${assignment} an empty replica list.`);
  const ids = replicas.toSorted((a, b) => a - b);
  for (const [index, id] of ids.entries()) {
    if (state.image.cluster.broker(id) === null) {
      return invalid(`${assignment} broker ${id}, but no such broker is registered.`);
    }
    if (id === ids[index - 1]) return invalid(`${assignment} the broker ${id} more than once.`);
  }
  if (replicationFactor !== null && ids.length !== replicationFactor) {
    return invalid(
      `${assignment} a partition with ${ids.length} replica(s), but this is not consistent with ` +
        `previous partitions, which have ${replicationFactor} replica(s).`,
    );
  }
  return null;
}

/** The replicas that are in sync from the start. */
export function activeReplicas(state: ControllerState, replicas: readonly number[]): number[] {
  return replicas.filter((id) => state.image.cluster.isActive(id));
}

/** `isr` is not empty: its first member leads. */
export function newPartition(
  state: ControllerState,
  topicId: string,
  partitionId: number,
  placement: Placement,
  isr: readonly number[],
): NewRecord {
  const { metadataVersion, isElrEnabled } = state.image;
  const registration = {
    ...placement,
    isr,
    removingReplicas: [],
    addingReplicas: [],
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    leader: isr[0]!,
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    leaderEpoch: 0,
    partitionEpoch: 0,
  };
  const level = { metadataVersion, isElrEnabled };
  return {
    name: "PartitionRecord",
    version: partitionRecordVersion(metadataVersion),
    value: toPartitionRecord(registration, topicId, partitionId, level),
  };
}
