/**
 * ElectLeaders: v0-2 (KIP-183).
 *
 * - Gives partitions back to their first replica, or to any that lives where none in sync does.
 *
 * Versions: v1 the kind of election (KIP-460).
 */
import * as controller from "../metadata/controller/elect-leaders.ts";
import { type Refusal, refusal } from "../metadata/controller/command.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { electLeaders } from "../protocol/messages/43-elect-leaders.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(controller.ElectionType));

export const electLeadersHandler = handler(electLeaders, (request, _context, broker) => {
  const { electionType, topicPartitions, timeoutMs } = request;
  const isAnything = topicPartitions === null || topicPartitions.length > 0;
  if (isAnything && !KNOWN_TYPES.has(electionType)) {
    const message = `Unknown election type ${electionType}`;
    return refuseAll(request, refusal(ErrorCode.INVALID_REQUEST, message));
  }
  const failed = (refused: Refusal) => refuseAll(request, refused);
  if (isAnything) return submit(broker, controller.electLeaders(request), failed, timeoutMs);
  return { errorCode: ErrorCode.NONE, replicaElectionResults: [] };
});

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
