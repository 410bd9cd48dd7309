/**
 * ElectLeaders: v0-2 (KIP-183).
 *
 * - Gives partitions back to their first replica, or to any that lives where none in sync does.
 *
 * Versions: v1 the kind of election (KIP-460).
 */
import type { Broker } from "../broker/broker.ts";
import * as controller from "../metadata/controller/elect-leaders.ts";
import { type Refusal, refusal } from "../metadata/controller/command.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { electLeaders } from "../protocol/messages/43-elect-leaders.ts";
import { handler, type RequestContext } from "./handler.ts";
import { submit } from "./submit.ts";

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(controller.ElectionType));

export const electLeadersHandler = handler(
  electLeaders,
  async (request, context, broker) => inVersion(await elect(request, broker), context),
  { refused: (request, refusal, context) => inVersion(refuseAll(request, refusal), context) },
);

/** v0 has no place for an error of the whole. */
function inVersion(response: controller.ElectLeadersResponse, { apiVersion }: RequestContext) {
  return apiVersion === 0 ? { ...response, errorCode: ErrorCode.NONE } : response;
}

function elect(
  request: controller.ElectLeadersRequest,
  broker: Broker,
): controller.ElectLeadersResponse | Promise<controller.ElectLeadersResponse> {
  const { electionType, topicPartitions, timeoutMs } = request;
  const isAnything = topicPartitions === null || topicPartitions.length > 0;
  if (isAnything && !KNOWN_TYPES.has(electionType)) {
    const message = `Unknown election type ${electionType}`;
    return refuseAll(request, refusal(ErrorCode.INVALID_REQUEST, message));
  }
  if (isAnything) return submit(broker, controller.electLeaders(request), timeoutMs);
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, replicaElectionResults: [] };
}

function refuseAll(
  request: controller.ElectLeadersRequest,
  refused: Refusal,
): controller.ElectLeadersResponse {
  const { errorCode } = refused;
  const replicaElectionResults = (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, ...refused })),
  }));
  return { throttleTimeMs: 0, errorCode, replicaElectionResults };
}
