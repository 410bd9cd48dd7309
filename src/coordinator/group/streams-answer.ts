/** What a member of a streams group is told at a heartbeat. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { StreamsHeartbeatRequest, StreamsHeartbeatResponse } from "./group-messages.ts";
import { grownCapacity, stringsInJavaOrder } from "../java-order.ts";
import { JOIN_EPOCH } from "./member-checks.ts";
import { partitionsByEndpoint } from "./streams-endpoints.ts";
import { type OwnTasks, sameOwnTasks, type StreamsMember } from "./streams-member.ts";
import { type StreamsProblem, StreamsStatus } from "./streams-status.ts";
import type { StreamsChange } from "./streams-change.ts";
import type { ConfiguredTopology, NewInternalTopic } from "./streams-topics.ts";

export interface StreamsAnswer {
  readonly response: StreamsHeartbeatResponse;
  /** What is missing, to be made by whoever can. */
  readonly missingTopics: readonly NewInternalTopic[];
}

export interface Answered {
  readonly request: StreamsHeartbeatRequest;
  readonly member: StreamsMember;
  readonly next: StreamsMember;
  readonly configured: ConfiguredTopology;
  readonly status: StreamsProblem[];
}

export function respond(
  change: StreamsChange,
  { request, member, next, configured, status }: Answered,
): StreamsHeartbeatResponse {
  const { group, groups } = change;
  const { config, topics } = groups.context;
  const isKnown = groups.get(group.groupId) !== undefined;
  const isToldTasks =
    request.memberEpoch === JOIN_EPOCH || !sameOwnTasks(member.assignedTasks, next.assignedTasks);
  let endpointEpoch = group.endpointInformationEpoch;
  if (isToldTasks && next.userEndpoint !== null) endpointEpoch += 1;
  const isToldEndpoints = endpointEpoch !== request.endpointInformationEpoch;
  const shutdownId =
    group.shutdownRequestMemberId ?? (request.shutdownApplication ? next.memberId : null);
  if (shutdownId !== null) status.push(shutdownOf(shutdownId));
  if (isKnown) {
    change.whenApplied((applied) => {
      applied.endpointInformationEpoch = endpointEpoch;
      applied.shutdownRequestMemberId = shutdownId;
    });
  }
  const { active, standby, warmup } = next.assignedTasks;
  return {
    ...NO_ANSWER,
    memberId: next.memberId,
    memberEpoch: next.memberEpoch,
    heartbeatIntervalMs: config.streams.heartbeatIntervalMs(group.groupId),
    status,
    ...(isToldTasks && {
      activeTasks: plainTasks(active),
      standbyTasks: plainTasks(standby),
      warmupTasks: plainTasks(warmup),
    }),
    endpointInformationEpoch: isKnown ? endpointEpoch : 0,
    partitionsByUserEndpoint: isToldEndpoints
      ? partitionsByEndpoint(group, next, configured, topics)
      : null,
  };
}

export const NO_ANSWER: StreamsHeartbeatResponse = {
  throttleTimeMs: 0,
  errorCode: ErrorCode.NONE,
  memberId: "",
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  acceptableRecoveryLag: 0,
  taskOffsetIntervalMs: 0,
  status: [],
  endpointInformationEpoch: 0,
};

export function streamsError(
  errorCode: ErrorCode,
  errorMessage: string | null = null,
): StreamsAnswer {
  return { response: { ...NO_ANSWER, errorCode, errorMessage }, missingTopics: [] };
}

function plainTasks(
  tasks: OwnTasks["active"],
): NonNullable<StreamsHeartbeatRequest["activeTasks"]> {
  return stringsInJavaOrder([...tasks.keys()], grownCapacity(tasks.size)).map((subtopologyId) => ({
    subtopologyId,
    partitions: [...tasks.get(subtopologyId)!.keys()].sort((one, other) => one - other),
  }));
}

function shutdownOf(memberId: string): StreamsProblem {
  const statusDetail =
    `Streams group member ${memberId} encountered a fatal error and requested a shutdown ` +
    "for the entire application.";
  return { statusCode: StreamsStatus.SHUTDOWN_APPLICATION, statusDetail };
}
