/**
 * BrokerHeartbeat: v0-2 (KIP-631).
 *
 * - A broker tells the controller that it lives, how far it has read, and what it wants: to be
 *   fenced, or to stop.
 *
 * Versions: v1 directories that failed (KIP-858); v2 cordoned ones (KIP-1066).
 */
import { heartbeat } from "../metadata/controller/broker-heartbeat.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { brokerHeartbeat } from "../protocol/messages/63-broker-heartbeat.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

const NOT_HEARD = { isCaughtUp: false, isFenced: true, shouldShutDown: false };

export const brokerHeartbeatHandler = handler(
  brokerHeartbeat,
  async (request, context, broker) => {
    const { errorMessage: _, ...reply } = await submit(broker, heartbeat(request));
    const { brokerId, brokerEpoch } = request;
    if (reply.errorCode === ErrorCode.NONE && !reply.shouldShutDown) {
      broker.brokerWatch.heard(brokerId, brokerEpoch, context.connection);
    }
    return reply;
  },
  { refused: (_request, { errorCode }) => ({ errorCode, ...NOT_HEARD }) },
);
