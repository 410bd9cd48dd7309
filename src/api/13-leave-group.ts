/**
 * LeaveGroup: v0-5.
 *
 * Versions: v3 many members at once, static ones by their instance id (KIP-345); v5 a reason
 * (KIP-800).
 */
import { leaveGroup } from "../protocol/messages/13-leave-group.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const leaveGroupHandler = handler(leaveGroup, (request, context, broker) =>
  broker.groups.leaveGroup(request, groupCaller(context)),
);
