/**
 * ShareGroupHeartbeat: v1 (KIP-932).
 *
 * - The one request of a member of a share group: it joins with it, is told what it may fetch, and
 *   leaves. Members share partitions; none has to give up anything before another begins.
 * - UNSUPPORTED_VERSION where the cluster does not have share.version 1.
 * - A member chooses its id: one to 36 characters.
 *
 * Versions: v0 was for early access and is gone.
 */
import { isShareProtocolEnabled } from "../broker/supported-features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { shareGroupHeartbeat } from "../protocol/messages/76-share-group-heartbeat.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";
import { isMemberIdValid } from "./share-member-id.ts";

export const shareGroupHeartbeatHandler = handler(
  shareGroupHeartbeat,
  (request, context, broker) => {
    if (!isShareProtocolEnabled(broker.image)) return refused(ErrorCode.UNSUPPORTED_VERSION);
    if (!isMemberIdValid(request.memberId)) return refused(ErrorCode.INVALID_REQUEST);
    return broker.groups.shareHeartbeat(request, groupCaller(context));
  },
);

function refused(errorCode: ErrorCode) {
  return { errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 };
}
