/**
 * JoinGroup: v0-9.
 *
 * - Answered when the rebalance has gathered its members: the leader learns of them all and
 *   assigns; the others learn who leads. May wait for as long as the rebalance timeout.
 *
 * Versions: v1 rebalance timeout apart from the session's; v4 a member id must be asked for first
 * (KIP-394); v5 static members (KIP-345); v7 protocol type; v8 a reason (KIP-800); v9 the leader of
 * a static group may skip the assignment (KIP-814).
 */
import { joinGroup } from "../protocol/messages/11-join-group.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const joinGroupHandler = handler(joinGroup, (request, context, broker) =>
  broker.groups.joinGroup(request, groupCaller(context)),
);
