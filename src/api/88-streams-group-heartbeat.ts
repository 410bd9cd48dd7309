/**
 * StreamsGroupHeartbeat: v0 (KIP-1071).
 *
 * - The one request of a Kafka Streams member: it joins with the topology of its application, says
 *   which tasks it has, is told which it shall have, and leaves. The coordinator assigns.
 * - Internal topics of the topology that are missing are created on the way; the member is told
 *   that they are missing until they are there, and why where they cannot be made.
 * - UNSUPPORTED_VERSION where the cluster does not have streams.version 1, or the node does not
 *   speak the protocol (group.coordinator.rebalance.protocols).
 *
 * Static members, warm-up tasks, offsets of tasks and patterns of source topics have their fields,
 * and are refused, as in Kafka 4.3.
 */
import type { Broker } from "../broker/broker.ts";
import { isStreamsProtocolEnabled } from "../broker/supported-features.ts";
import type { StreamsAnswer } from "../coordinator/group/streams-answer.ts";
import { streamsError } from "../coordinator/group/streams-answer.ts";
import { StreamsStatus } from "../coordinator/group/streams-status.ts";
import type {
  StreamsHeartbeatRequest,
  StreamsHeartbeatResponse,
} from "../coordinator/group/group-messages.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { topicNameError } from "../metadata/topic-name.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { streamsGroupHeartbeat } from "../protocol/messages/88-streams-group-heartbeat.ts";
import { groupCaller } from "./group-caller.ts";
import { handler, type RequestContext } from "./handler.ts";
import { clientAsking } from "./topic-asker.ts";

const SHOWN_ERROR_COUNT_MAX = 3;

export const streamsGroupHeartbeatHandler = handler(
  streamsGroupHeartbeat,
  async (request, context, broker) => {
    if (!isStreamsProtocolEnabled(broker.image, broker.settings)) {
      return streamsError(ErrorCode.UNSUPPORTED_VERSION).response;
    }
    const refusal = checkTopicNames(request);
    if (refusal !== null) return refusal;
    const answer = await broker.groups.streamsHeartbeat(request, groupCaller(context));
    if (answer.missingTopics.length === 0) return answer.response;
    return withCreation(answer, request.groupId, context, broker);
  },
);

/** Null where all topics of the topology may be used by an application. */
function checkTopicNames({ topology }: StreamsHeartbeatRequest): StreamsHeartbeatResponse | null {
  const names = new Set(
    (topology?.subtopologies ?? []).flatMap((subtopology) => [
      ...subtopology.sourceTopics,
      ...subtopology.repartitionSinkTopics,
      ...subtopology.repartitionSourceTopics.map(({ name }) => name),
      ...subtopology.stateChangelogTopics.map(({ name }) => name),
    ]),
  );
  const refused = (text: string) => streamsError(ErrorCode.STREAMS_INVALID_TOPOLOGY, text).response;
  const internal = [...names].filter(isInternalTopic).join(",");
  if (internal !== "") {
    return refused(
      `Use of Kafka internal topics ${internal} in a Kafka Streams topology is prohibited.`,
    );
  }
  const invalid = [...names].filter((name) => topicNameError(name) !== null);
  if (invalid.length === 0) return null;
  return refused(`Topic names ${invalid.join(",")} are not valid topic names.`);
}

/** Begins to create what is missing; says why where that has failed a short while ago. */
function withCreation(
  { response, missingTopics }: StreamsAnswer,
  groupId: string,
  context: RequestContext,
  broker: Broker,
): StreamsHeartbeatResponse {
  const { topicCreation, quotas } = broker;
  topicCreation.createInternal(missingTopics, clientAsking(context), {
    permits: quotas.mutation.permitsFor(context, true),
    // Two heartbeats without another attempt.
    backoffMs: 2 * broker.groups.streamsHeartbeatIntervalMs(groupId),
  });
  const errors = topicCreation.errorsOf(missingTopics.map(({ name }) => name));
  if (errors.size === 0) return response;
  const shown = [...errors].slice(0, SHOWN_ERROR_COUNT_MAX);
  const text = shown.map(([name, error]) => `${name} (${error})`).join(", ");
  const more = errors.size - shown.length;
  const failed = `; Creation failed: ${more > 0 ? `${text} and ${more} more` : text}.`;
  const status = (response.status ?? []).map((each) =>
    each.statusCode === StreamsStatus.MISSING_INTERNAL_TOPICS
      ? { ...each, statusDetail: each.statusDetail + failed }
      : each,
  );
  return { ...response, status };
}
