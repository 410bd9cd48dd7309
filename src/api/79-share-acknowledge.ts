/**
 * ShareAcknowledge: v1-2 (KIP-932).
 *
 * - Says of records that a member has acquired what became of them: done, to be had by others, not
 *   to be delivered again; answered when it is written.
 * - Epoch -1 closes the member's session: what else it has acquired is free.
 *
 * Versions: v2 a member asks for more time (KIP-1222), and hears how long it has.
 */
import type { Broker } from "../broker/broker.ts";
import { FINAL_EPOCH } from "../broker/share/share-sessions.ts";
import { isShareProtocolEnabled } from "../broker/supported-features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { shareAcknowledge } from "../protocol/messages/79-share-acknowledge.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { type Body, handler, type RequestContext } from "./handler.ts";
import { type AcknowledgeAnswers, acknowledgeAll, shareCaller } from "./share-acknowledgements.ts";
import { ShareLeaders } from "./share-leaders.ts";

type AcknowledgeRequest = Value<typeof shareAcknowledge.request>;
type AcknowledgeResponse = Body<Input<typeof shareAcknowledge.response>>;

export const shareAcknowledgeHandler = handler(shareAcknowledge, acknowledge);

async function acknowledge(
  request: AcknowledgeRequest,
  context: RequestContext,
  broker: Broker,
): Promise<AcknowledgeResponse> {
  if (!isShareProtocolEnabled(broker.image)) return refusal(ErrorCode.UNSUPPORTED_VERSION);
  const caller = shareCaller(request);
  if (caller === null) return refusal(ErrorCode.INVALID_REQUEST);
  const { groupId, memberId } = caller;
  const { shareFetching } = broker;
  const { sessions } = shareFetching;
  const errorCode = sessions.acknowledged(groupId, memberId, request.shareSessionEpoch);
  if (errorCode !== ErrorCode.NONE) return refusal(errorCode);
  const { isRenewAck, topics } = request;
  const { apiVersion } = context;
  const asked = { groupId, memberId, apiVersion, isRenewAck, topics };
  const answers = await acknowledgeAll(asked, broker);
  if (request.shareSessionEpoch === FINAL_EPOCH) {
    const session = sessions.find(groupId, memberId);
    if (session !== null) void shareFetching.closeSession(session);
  }
  const acquisitionLockTimeoutMs = shareFetching.recordLockDurationMs(groupId);
  return { ...answerOf(answers, context, broker), acquisitionLockTimeoutMs };
}

function answerOf(answers: AcknowledgeAnswers, context: RequestContext, broker: Broker) {
  const leaders = new ShareLeaders(broker, context.listenerName);
  const responses = [...answers]
    .filter(([, partitions]) => partitions.size > 0)
    .map(([topicId, partitions]) => ({
      topicId,
      partitions: [...partitions].map(([partitionIndex, error]) => {
        const errorCode = error?.errorCode ?? ErrorCode.NONE;
        return {
          partitionIndex,
          errorCode,
          errorMessage: error?.message ?? null,
          currentLeader: leaders.of(topicId, partitionIndex, errorCode),
        };
      }),
    }));
  return { errorCode: ErrorCode.NONE, responses, nodeEndpoints: leaders.endpoints() };
}

function refusal(errorCode: ErrorCode): AcknowledgeResponse {
  return { errorCode, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
}
