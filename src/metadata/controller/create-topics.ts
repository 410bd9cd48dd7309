/** CreateTopics: with replicas placed or given, and with settings of their own. */
import { Pace, type Steps } from "../../base/slices.ts";
import { ZERO_UUID, randomUuid } from "../../base/uuid.ts";
import { CLUSTER_METADATA_TOPIC } from "../../log/log-names.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { createTopics as api } from "../../protocol/messages/19-create-topics.ts";
import type { Value } from "../../protocol/schema.ts";
import { ConfigResourceType } from "../configs-image.ts";
import type { NewRecord } from "../record.ts";
import { clearElrRecords, reasonAgainstChanges } from "./alter-configs.ts";
import { activeReplicas, newPartition, reasonAgainstReplicas } from "./assignments.ts";
import {
  type Command,
  type ControllerState,
  type MutationPermits,
  RECORDS_PER_COMMAND_MAX,
  type Refusal,
  TOO_MANY_MUTATIONS,
  limited,
  refusal,
  unchanged,
} from "./command.ts";
import { type Placement, placeReplicas, placementOn } from "./replica-placement.ts";
import { topicNameError } from "../topic-name.ts";

export type CreateTopicsRequest = Value<typeof api.request>;
export type CreateTopicsResponse = Value<typeof api.response>;
type CreatableTopic = CreateTopicsRequest["topics"][number];
type TopicResult = CreateTopicsResponse["topics"][number];

interface NewPartition {
  readonly placement: Placement;
  readonly isr: readonly number[];
}

const USE_DEFAULT = -1;
const PARTITIONS_A_STEP = 64;

/**
 * Topics that are not to be described are created all the same, but their settings not shown.
 * Without permits there is no limit.
 */
export function createTopics(
  request: CreateTopicsRequest,
  permits: MutationPermits | null = null,
  isDescribable: (name: string) => boolean = () => true,
): Command<CreateTopicsResponse> {
  return function* (state) {
    if (partitionsAsked(state, request) > RECORDS_PER_COMMAND_MAX) {
      const message = "Excessively large number of partitions per request.";
      return unchanged(refuseAll(request, refusal(ErrorCode.POLICY_VIOLATION, message)));
    }
    const records: NewRecord[] = [];
    const topics: TopicResult[] = [];
    const names = Map.groupBy(request.topics, (topic) => topic.name);
    for (const [name, [topic, ...others]] of names) {
      yield;
      const refused = others.length > 0 ? DUPLICATE : reasonAgainstTopic(state, topic!);
      if (refused !== null) {
        topics.push(failed(name, refused));
        continue;
      }
      const partitions = partitionsOf(state, topic!);
      if ("errorCode" in partitions) topics.push(failed(name, partitions));
      else if (permits?.take(partitions.length) === false) {
        topics.push(failed(name, TOO_MANY_MUTATIONS));
      } else {
        const topicId = randomUuid(state.random);
        yield* addRecords(records, state, topic!, topicId, partitions);
        topics.push(created(state, topic!, topicId, partitions, isDescribable(name)));
      }
    }
    const refused = (tooMany: Refusal) => refuseAll(request, tooMany);
    return limited(records, { throttleTimeMs: 0, topics }, refused, request.validateOnly);
  };
}

const DUPLICATE = refusal(ErrorCode.INVALID_REQUEST, "Duplicate topic name.");

function partitionsAsked(state: ControllerState, request: CreateTopicsRequest): number {
  let count = 0;
  for (const { assignments, numPartitions } of request.topics) {
    if (assignments.length > 0) count += assignments.length;
    else if (numPartitions === USE_DEFAULT) count += state.rules.numPartitions;
    else count += Math.max(numPartitions, 0);
  }
  return count;
}

/** By name and settings; an existing topic is told of before anything that is wrong with it. */
function reasonAgainstTopic(state: ControllerState, topic: CreatableTopic): Refusal | null {
  const { name } = topic;
  if (name === CLUSTER_METADATA_TOPIC) {
    const message = `Creation of internal topic ${CLUSTER_METADATA_TOPIC} is prohibited.`;
    return refusal(ErrorCode.INVALID_REQUEST, message);
  }
  if (state.image.topics.byName(name) !== null) {
    return refusal(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  }
  const colliding = state.image.topics.collidingWith(name);
  if (colliding !== null) {
    const message = `Topic '${name}' collides with existing topic: ${colliding}`;
    return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, message);
  }
  const invalidName = topicNameError(name);
  if (invalidName !== null) return refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, invalidName);
  const withoutValue = topic.configs.filter((config) => config.value === null);
  if (withoutValue.length > 0) {
    const keys = withoutValue.map((config) => config.name).join(",");
    const message = `Null value not supported for topic configs: ${keys}`;
    return refusal(ErrorCode.INVALID_CONFIG, message);
  }
  return topic.configs.length === 0 ? null : reasonAgainstNewTopicConfigs(state, topic);
}

function reasonAgainstNewTopicConfigs(
  state: ControllerState,
  topic: CreatableTopic,
): Refusal | null {
  const resource = { type: ConfigResourceType.TOPIC, name: topic.name };
  const configs = ownConfigs(topic);
  return reasonAgainstChanges(state, resource, configs, { isNew: true, isForwarded: true });
}

function partitionsOf(state: ControllerState, topic: CreatableTopic): NewPartition[] | Refusal {
  if (topic.assignments.length > 0) return assignedPartitions(state, topic);
  if (topic.replicationFactor < USE_DEFAULT || topic.replicationFactor === 0) {
    const message = "Replication factor must be larger than 0, or -1 to use the default value.";
    return refusal(ErrorCode.INVALID_REPLICATION_FACTOR, message);
  }
  if (topic.numPartitions < USE_DEFAULT || topic.numPartitions === 0) {
    const message = "Number of partitions was set to an invalid non-positive value.";
    return refusal(ErrorCode.INVALID_PARTITIONS, message);
  }
  const { rules, image, random } = state;
  const isDefaultCount = topic.numPartitions === USE_DEFAULT;
  const partitionCount = isDefaultCount ? rules.numPartitions : topic.numPartitions;
  const isDefaultFactor = topic.replicationFactor === USE_DEFAULT;
  const factor = isDefaultFactor ? rules.defaultReplicationFactor : topic.replicationFactor;
  const cannot = `Unable to replicate the partition ${factor} time(s):`;
  const placements = placeReplicas(image, random, partitionCount, factor);
  if (typeof placements === "string") {
    return refusal(ErrorCode.INVALID_REPLICATION_FACTOR, `${cannot} ${placements}`);
  }
  const partitions = placements.map((placement) => ({
    placement,
    isr: activeReplicas(state, placement.replicas),
  }));
  if (partitions.some(({ isr }) => isr.length === 0)) {
    const message = `${cannot} All brokers are currently fenced or in controlled shutdown.`;
    return refusal(ErrorCode.INVALID_REPLICATION_FACTOR, message);
  }
  return partitions;
}

function assignedPartitions(
  state: ControllerState,
  topic: CreatableTopic,
): NewPartition[] | Refusal {
  const given = "A manual partition assignment was specified, but";
  if (topic.replicationFactor !== USE_DEFAULT) {
    const message = `${given} replication factor was not set to -1.`;
    return refusal(ErrorCode.INVALID_REQUEST, message);
  }
  if (topic.numPartitions !== USE_DEFAULT) {
    return refusal(ErrorCode.INVALID_REQUEST, `${given} numPartitions was not set to -1.`);
  }
  const invalid = (message: string) => refusal(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
  const partitions = new Map<number, NewPartition>();
  let replicationFactor: number | null = null;
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (partitions.has(partitionIndex)) {
      const message = "Found multiple manual partition assignments for partition";
      return invalid(`${message} ${partitionIndex}`);
    }
    const refused = reasonAgainstReplicas(state, brokerIds, replicationFactor);
    if (refused !== null) return refused;
    replicationFactor = brokerIds.length;
    const isr = activeReplicas(state, brokerIds);
    if (isr.length === 0) {
      return invalid(
        `All brokers specified in the manual partition assignment for partition ` +
          `${partitionIndex} are fenced or in controlled shutdown.`,
      );
    }
    partitions.set(partitionIndex, { placement: placementOn(state.image, brokerIds), isr });
  }
  const inOrder = [...partitions].sort(([a], [b]) => a - b);
  if (inOrder.some(([partitionIndex], index) => partitionIndex !== index)) {
    return invalid("partitions should be a consecutive 0-based integer sequence");
  }
  return inOrder.map(([, partition]) => partition);
}

function* addRecords(
  records: NewRecord[],
  state: ControllerState,
  topic: CreatableTopic,
  topicId: string,
  partitions: readonly NewPartition[],
): Steps<void> {
  const { name } = topic;
  const first: NewRecord[] = [{ name: "TopicRecord", version: 0, value: { name, topicId } }];
  for (const [key, value] of ownConfigs(topic)) {
    const resourceType = ConfigResourceType.TOPIC;
    const config = { resourceType, resourceName: name, name: key, value };
    first.push({ name: "ConfigRecord", version: 0, value: config });
  }
  records.push(...first, ...clearElrRecords(state, first));
  const pace = new Pace(PARTITIONS_A_STEP);
  for (const [partitionId, { placement, isr }] of partitions.entries()) {
    records.push(newPartition(state, topicId, partitionId, placement, isr));
    if (pace.endsStep()) yield;
  }
}

function ownConfigs(topic: CreatableTopic): Map<string, string> {
  return new Map(topic.configs.map(({ name, value }) => [name, value ?? ""]));
}

function created(
  state: ControllerState,
  topic: CreatableTopic,
  topicId: string,
  partitions: readonly NewPartition[],
  isDescribable: boolean,
): TopicResult {
  const result = { name: topic.name, topicId, errorCode: ErrorCode.NONE, errorMessage: null };
  if (!isDescribable) {
    const topicConfigErrorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    return { ...result, ...NOT_DESCRIBED, topicConfigErrorCode };
  }
  const configs = state.rules.configs.effectiveTopicConfigs(ownConfigs(topic), state.image);
  return {
    ...result,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: partitions.length,
    replicationFactor: partitions[0]!.placement.replicas.length,
    configs: configs.map((config) => ({
      ...config,
      value: config.isSensitive ? null : config.value,
    })),
  };
}

const NOT_DESCRIBED = {
  topicConfigErrorCode: ErrorCode.NONE,
  numPartitions: -1,
  replicationFactor: -1,
  configs: [],
};

function failed(name: string, refused: Refusal): TopicResult {
  return { name, topicId: ZERO_UUID, ...refused, ...NOT_DESCRIBED };
}

function refuseAll(request: CreateTopicsRequest, refused: Refusal): CreateTopicsResponse {
  const names = new Set(request.topics.map((topic) => topic.name));
  const topics = [...names].map((name) => failed(name, refused));
  return { throttleTimeMs: 0, topics };
}
