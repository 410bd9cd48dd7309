/**
 * OffsetDelete: v0 (KIP-496).
 *
 * - Offsets of topics that no member of the group is subscribed to; GROUP_SUBSCRIBED_TO_TOPIC for
 *   the others.
 */
import { offsetDelete } from "../protocol/messages/47-offset-delete.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const offsetDeleteHandler = handler(offsetDelete, (request, context, broker) =>
  broker.groups.deleteOffsets(request, groupCaller(context)),
);
