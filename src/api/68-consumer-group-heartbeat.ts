/**
 * ConsumerGroupHeartbeat: v0-1 (KIP-848).
 *
 * - The one request of the consumer protocol: a member joins with it, says what it has, is told
 *   what it shall have, and leaves. The coordinator assigns, not a member.
 * - UNSUPPORTED_VERSION where the cluster does not have group.version 1, or the node does not speak
 *   the protocol (group.coordinator.rebalance.protocols).
 *
 * Versions: v1 subscription by pattern (KIP-848), members choose their ids (KIP-1082).
 */
import { isConsumerProtocolEnabled } from "../broker/supported-features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { consumerGroupHeartbeat } from "../protocol/messages/68-consumer-group-heartbeat.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const consumerGroupHeartbeatHandler = handler(
  consumerGroupHeartbeat,
  (request, context, broker) => {
    if (isConsumerProtocolEnabled(broker.image, broker.settings)) {
      return broker.groups.consumerHeartbeat(request, groupCaller(context));
    }
    const errorCode = ErrorCode.UNSUPPORTED_VERSION;
    return { errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 };
  },
);
