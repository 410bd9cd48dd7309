/**
 * ListGroups: v0-5.
 *
 * Versions: v4 filter by state (KIP-518); v5 filter by type (KIP-848).
 */
import { listGroups } from "../protocol/messages/16-list-groups.ts";
import { handler } from "./handler.ts";

export const listGroupsHandler = handler(listGroups, (request, _context, broker) =>
  broker.groups.listGroups(request),
);
