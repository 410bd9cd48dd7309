/**
 * AlterPartitionReassignments (KIP-455): other replicas for partitions, or an end to a move.
 *
 *     asked --> replicas + adding, removing --> all of the new ones in sync --> new replicas alone
 *
 * Where nothing has to be copied, the one record that begins the move ends it, too.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type * as messages from "../../protocol/messages/45-alter-partition-reassignments.ts";
import type { Value } from "../../protocol/schema.ts";
import type { PartitionRegistration } from "../partition-registration.ts";
import type { NewRecord } from "../record.ts";
import type { PartitionOfTopic } from "../topics-image.ts";
import { reasonAgainstReplicas } from "./assignments.ts";
import {
  type Command,
  type ControllerState,
  DONE,
  type Refusal,
  isUncleanElectionAllowed,
  limited,
  refusal,
  unchanged,
} from "./command.ts";
import { allowedElection, changePartition } from "./partition-change.ts";

export type AlterReassignmentsRequest = Value<typeof messages.alterPartitionReassignments.request>;
export type AlterReassignmentsResponse = Value<
  typeof messages.alterPartitionReassignments.response
>;
type AskedPartition = AlterReassignmentsRequest["topics"][number]["partitions"][number];

export function alterPartitionReassignments(
  request: AlterReassignmentsRequest,
): Command<AlterReassignmentsResponse> {
  return (state) => {
    const { allowReplicationFactorChange, topics } = request;
    if (topics.length === 0) return unchanged(NOTHING_ASKED);
    const records: NewRecord[] = [];
    const responses = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((asked) => {
        const { partitionIndex } = asked;
        const outcome = alter(state, name, asked, allowReplicationFactorChange);
        if ("record" in outcome) {
          if (outcome.record !== null) records.push(outcome.record);
          return { partitionIndex, ...DONE };
        }
        return { partitionIndex, ...outcome };
      }),
    }));
    const response = { throttleTimeMs: 0, allowReplicationFactorChange, ...DONE, responses };
    return limited(records, response, (tooMany) => ({ ...response, ...tooMany, responses: [] }));
  };
}

const NOTHING_ASKED: AlterReassignmentsResponse = {
  throttleTimeMs: 0,
  allowReplicationFactorChange: true,
  errorCode: ErrorCode.NONE,
  errorMessage: "",
  responses: [],
};

/** Null: nothing changes. */
interface Altered {
  readonly record: NewRecord | null;
}

function alter(
  state: ControllerState,
  topicName: string,
  asked: AskedPartition,
  allowReplicationFactorChange: boolean,
): Altered | Refusal {
  const { partitionIndex: partitionId, replicas } = asked;
  const unknown = (what: string) => refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, what);
  const topic = state.image.topics.byName(topicName);
  if (topic === null) return unknown(`Unable to find a topic named ${topicName}.`);
  const registration = topic.partitions[partitionId];
  if (registration === undefined) {
    return unknown(`Unable to find partition ${topicName}:${partitionId}.`);
  }
  const partition = { topic, partitionId, registration };
  if (replicas === null) return cancel(state, partition);
  const refused = reasonAgainstReplicas(state, replicas, null);
  if (refused !== null) return refused;
  if (!allowReplicationFactorChange) {
    const changed = reasonAgainstCount(partition, replicas);
    if (changed !== null) return changed;
  }
  return {
    record: changePartition(state, partition, { reassignment: moveTo(partition, replicas) }),
  };
}

function moveTo({ registration }: PartitionOfTopic, target: readonly number[]) {
  const difference = (a: readonly number[], b: readonly number[]) =>
    [...new Set(a)].filter((id) => !b.includes(id)).sort((x, y) => x - y);
  const removing = difference(registration.replicas, target);
  const adding = difference(target, registration.replicas);
  return {
    replicas: [...target, ...removing],
    // What an earlier request has begun goes on unless this one says otherwise.
    removing: removing.length > 0 ? removing : registration.removingReplicas,
    adding: adding.length > 0 ? adding : registration.addingReplicas,
  };
}

/** KIP-860. Of a partition on the move it is the replicas that it will have that count. */
function reasonAgainstCount(
  { registration }: PartitionOfTopic,
  target: readonly number[],
): Refusal | null {
  const { removingReplicas, replicas, addingReplicas } = registration;
  const isMoving = removingReplicas.length > 0 || addingReplicas.length > 0;
  const current = isMoving
    ? replicas.filter((id) => !removingReplicas.includes(id)).length
    : replicas.length;
  if (current === target.length) return null;
  return refusal(
    ErrorCode.INVALID_REPLICATION_FACTOR,
    `The replication factor is changed from ${current} to ${target.length}`,
  );
}

/** Back to the replicas from before the move. */
function cancel(state: ControllerState, partition: PartitionOfTopic): Altered | Refusal {
  const { topic, partitionId, registration } = partition;
  const { replicas, isr, addingReplicas, removingReplicas } = registration;
  if (addingReplicas.length === 0 && removingReplicas.length === 0) {
    return refusal(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, null);
  }
  const invalid = (message: string) => refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
  const original = without(replicas, addingReplicas);
  if (original.length === 0) {
    return invalid("Invalid replica assignment: addingReplicas contains all replicas.");
  }
  const inSync = without(isr, addingReplicas);
  if (inSync.length === 0 && !isUncleanElectionAllowed(state, topic.name)) {
    return invalid(
      `Unable to revert partition assignment for ${topic.name}:${partitionId} because it would ` +
        "require an unclean leader election.",
    );
  }
  const record = changePartition(state, partition, {
    isr: inSync.length > 0 ? inSync : original.slice(0, 1),
    election: allowedElection(state, topic.name),
    reassignment: { replicas: original, removing: [], adding: [] },
  });
  return { record };
}

function without(
  ids: PartitionRegistration["replicas"],
  others: readonly number[],
): readonly number[] {
  return ids.filter((id) => !others.includes(id));
}
