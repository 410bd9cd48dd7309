/**
 * SyncGroup: v0-5.
 *
 * - The leader brings the assignments; every member is answered with its own once they are in
 *   `__consumer_offsets`.
 *
 * Versions: v3 static members (KIP-345); v5 protocol type and name must be the group's (KIP-559).
 */
import { syncGroup } from "../protocol/messages/14-sync-group.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const syncGroupHandler = handler(syncGroup, (request, context, broker) =>
  broker.groups.syncGroup(request, groupCaller(context)),
);
