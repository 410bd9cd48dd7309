/**
 * DeleteGroups: v0-2 (KIP-229).
 *
 * - Groups without members, with their offsets; NON_EMPTY_GROUP for the others.
 */
import { deleteGroups } from "../protocol/messages/42-delete-groups.ts";
import { handler } from "./handler.ts";

export const deleteGroupsHandler = handler(deleteGroups, (request, _context, broker) =>
  broker.groups.deleteGroups(request),
);
