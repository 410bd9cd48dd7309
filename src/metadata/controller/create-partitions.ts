/** CreatePartitions: more partitions for topics that exist. */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { createPartitions as api } from "../../protocol/messages/37-create-partitions.ts";
import type { Value } from "../../protocol/schema.ts";
import type { NewRecord } from "../record.ts";
import type { TopicImage } from "../topics-image.ts";
import { activeReplicas, newPartition, reasonAgainstReplicas } from "./assignments.ts";
import {
  type Command,
  type ControllerState,
  DONE,
  type MutationPermits,
  RECORDS_PER_COMMAND_MAX,
  type Refusal,
  TOO_MANY_MUTATIONS,
  TOO_MANY_RECORDS,
  limited,
  refusal,
} from "./command.ts";
import { type Placement, placeReplicas, placementOn } from "./replica-placement.ts";

export type CreatePartitionsRequest = Value<typeof api.request>;
export type CreatePartitionsResponse = Value<typeof api.response>;
type CreatePartitionsTopic = CreatePartitionsRequest["topics"][number];
type Results = CreatePartitionsResponse["results"];

/** Without permits there is no limit. */
export function createPartitions(
  request: CreatePartitionsRequest,
  permits: MutationPermits | null = null,
): Command<CreatePartitionsResponse> {
  return (state) => {
    const records: NewRecord[] = [];
    const results: Results = [];
    const names = Map.groupBy(request.topics, (topic) => topic.name);
    for (const [name, [topic, ...others]] of names) {
      const added = others.length > 0 ? DUPLICATE : partitionsAdded(state, topic!, permits);
      const isRefused = "errorCode" in added;
      if (!isRefused) records.push(...added);
      results.push({ name, ...(isRefused ? added : DONE) });
      if (records.length > RECORDS_PER_COMMAND_MAX) break;
    }
    const refused = (tooMany: Refusal) => ({
      throttleTimeMs: 0,
      results: [...names.keys()].map((name) => ({ name, ...tooMany })),
    });
    return limited(records, { throttleTimeMs: 0, results }, refused, request.validateOnly);
  };
}

const DUPLICATE = refusal(ErrorCode.INVALID_REQUEST, "Duplicate topic name.");

function partitionsAdded(
  state: ControllerState,
  request: CreatePartitionsTopic,
  permits: MutationPermits | null,
): NewRecord[] | Refusal {
  const topic = state.image.topics.byName(request.name);
  if (topic === null) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null);
  const count = topic.partitions.length;
  if (request.count === count) {
    const message = `Topic already has ${count} partition(s).`;
    return refusal(ErrorCode.INVALID_PARTITIONS, message);
  }
  if (request.count < count) {
    return refusal(
      ErrorCode.INVALID_PARTITIONS,
      `The topic ${request.name} currently has ${count} partition(s); ${request.count} would ` +
        `not be an increase.`,
    );
  }
  const added = request.count - count;
  const given = request.assignments?.length ?? added;
  if (given !== added) {
    return refusal(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `Attempted to add ${added} additional partition(s), but only ${given} assignment(s) were ` +
        `specified.`,
    );
  }
  if (added > RECORDS_PER_COMMAND_MAX) return TOO_MANY_RECORDS;
  if (permits?.take(added) === false) return TOO_MANY_MUTATIONS;
  return request.assignments === null
    ? placed(state, topic, added)
    : assigned(state, topic, request.assignments);
}

function placed(state: ControllerState, topic: TopicImage, added: number): NewRecord[] | Refusal {
  const factor = replicationFactorOf(topic);
  const placements = placeReplicas(state.image, state.random, added, factor);
  if (typeof placements === "string") {
    return refusal(ErrorCode.INVALID_REPLICATION_FACTOR, placements);
  }
  const cannot = `Unable to replicate the partition ${factor} time(s):`;
  const message = `${cannot} All brokers are currently fenced or in controlled shutdown.`;
  return recordsOf(state, topic, placements, () =>
    refusal(ErrorCode.INVALID_REPLICATION_FACTOR, message),
  );
}

function assigned(
  state: ControllerState,
  topic: TopicImage,
  assignments: NonNullable<CreatePartitionsTopic["assignments"]>,
): NewRecord[] | Refusal {
  const placements: Placement[] = [];
  for (const { brokerIds } of assignments) {
    const refused = reasonAgainstReplicas(state, brokerIds, replicationFactorOf(topic));
    if (refused !== null) return refused;
    placements.push(placementOn(state.image, brokerIds));
  }
  return recordsOf(state, topic, placements, (partitionId) =>
    refusal(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `All brokers specified in the manual partition assignment for partition ${partitionId} ` +
        `are fenced or in controlled shutdown.`,
    ),
  );
}

function recordsOf(
  state: ControllerState,
  topic: TopicImage,
  placements: readonly Placement[],
  refusalFor: (partitionId: number) => Refusal,
): NewRecord[] | Refusal {
  const records: NewRecord[] = [];
  for (const [index, placement] of placements.entries()) {
    const partitionId = topic.partitions.length + index;
    const isr = activeReplicas(state, placement.replicas);
    if (isr.length === 0) return refusalFor(partitionId);
    records.push(newPartition(state, topic.id, partitionId, placement, isr));
  }
  return records;
}

function replicationFactorOf(topic: TopicImage): number {
  const first = topic.partitions[0];
  assert(first !== undefined, `topic ${topic.name} has partitions`);
  return first.replicas.length;
}
