/** ElectLeaders on request, and the elections that the controller holds by itself. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { electLeaders as api } from "../../protocol/messages/43-elect-leaders.ts";
import type { Value } from "../../protocol/schema.ts";
import { hasLeader, hasPreferredLeader } from "../partition-registration.ts";
import type { NewRecord } from "../record.ts";
import { imbalancedPartitions, partitionsWithoutLeader } from "../topics-image.ts";
import {
  type Command,
  type ControllerState,
  DONE,
  RECORDS_PER_COMMAND_MAX,
  type Refusal,
  TOO_MANY_RECORDS,
  divisible,
  isUncleanElectionAllowed,
  refusal,
  unchanged,
} from "./command.ts";
import { changePartition } from "./partition-change.ts";

export type ElectLeadersRequest = Value<typeof api.request>;
export type ElectLeadersResponse = Value<typeof api.response>;
type TopicResult = ElectLeadersResponse["replicaElectionResults"][number];

export const ElectionType = { PREFERRED: 0, UNCLEAN: 1 } as const;

/** At once; more wait for the next time. */
const ELECTIONS_MAX = 1000;

export function electLeaders(request: ElectLeadersRequest): Command<ElectLeadersResponse> {
  return (state) => {
    const { electionType, topicPartitions } = request;
    if (electionType !== ElectionType.PREFERRED && electionType !== ElectionType.UNCLEAN) {
      return unchanged(failed(ErrorCode.INVALID_REQUEST));
    }
    const records: NewRecord[] = [];
    const isAll = topicPartitions === null;
    const asked = topicPartitions ?? allPartitions(state);
    const replicaElectionResults = asked.map(({ topic, partitions }): TopicResult => {
      const partitionResult: TopicResult["partitionResult"] = [];
      for (const partitionId of partitions) {
        const elected = elect(state, topic, partitionId, electionType);
        const isRefused = "errorCode" in elected;
        if (!isRefused) records.push(elected);
        const outcome = isRefused ? elected : DONE;
        // Where all are meant, those that need no election are left out.
        if (isAll && outcome.errorCode === ErrorCode.ELECTION_NOT_NEEDED) continue;
        partitionResult.push({ partitionId, ...outcome });
      }
      return { topic, partitionResult };
    });
    if (records.length > RECORDS_PER_COMMAND_MAX) {
      return unchanged(failed(TOO_MANY_RECORDS.errorCode));
    }
    const response = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, replicaElectionResults };
    return divisible(records, response);
  };
}

/** Gives partitions back to their first replica. Answers whether there may be more to do. */
export function balanceLeaders(): Command<boolean> {
  return (state) => {
    const records: NewRecord[] = [];
    for (const partition of imbalancedPartitions(state.image.topics)) {
      if (records.length >= ELECTIONS_MAX) break;
      const record = changePartition(state, partition, { election: "preferred" });
      if (record !== null) records.push(record);
    }
    return divisible(records, records.length >= ELECTIONS_MAX);
  };
}

/** Where the topic allows it, a replica that may lack records leads rather than none. */
export function electUncleanLeaders(): Command<boolean> {
  return (state) => {
    const records: NewRecord[] = [];
    for (const partition of partitionsWithoutLeader(state.image.topics)) {
      if (records.length >= ELECTIONS_MAX) break;
      if (!isUncleanElectionAllowed(state, partition.topic.name)) continue;
      const record = changePartition(state, partition, { election: "unclean" });
      if (record !== null) records.push(record);
    }
    return divisible(records, records.length >= ELECTIONS_MAX);
  };
}

const NOT_NEEDED = refusal(
  ErrorCode.ELECTION_NOT_NEEDED,
  "Leader election not needed for topic partition.",
);
const PREFERRED_NOT_AVAILABLE = refusal(
  ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
  "The preferred leader was not available.",
);
const ELIGIBLE_NOT_AVAILABLE = refusal(
  ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
  "Eligible topic partition leaders are not available.",
);

function elect(
  state: ControllerState,
  topicName: string,
  partitionId: number,
  electionType: number,
): NewRecord | Refusal {
  const unknown = (message: string) => refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
  const topic = state.image.topics.byName(topicName);
  if (topic === null) return unknown(`No such topic as ${topicName}`);
  const registration = topic.partitions[partitionId];
  if (registration === undefined) {
    return unknown(`No such partition as ${topicName}-${partitionId}`);
  }
  const isPreferred = electionType === ElectionType.PREFERRED;
  if (isPreferred ? hasPreferredLeader(registration) : hasLeader(registration)) return NOT_NEEDED;
  const election = isPreferred ? "preferred" : "unclean";
  const record = changePartition(state, { topic, partitionId, registration }, { election });
  return record ?? (isPreferred ? PREFERRED_NOT_AVAILABLE : ELIGIBLE_NOT_AVAILABLE);
}

function allPartitions(state: ControllerState): { topic: string; partitions: number[] }[] {
  return [...state.image.topics.values()].map((topic) => ({
    topic: topic.name,
    partitions: [...topic.partitions.keys()],
  }));
}

function failed(errorCode: ErrorCode): ElectLeadersResponse {
  return { throttleTimeMs: 0, errorCode, replicaElectionResults: [] };
}
