/**
 * OffsetFetch: v1-10.
 *
 * - The committed offsets of a group: of the partitions named, or all of them (null).
 *
 * Versions: v2 all topics; v3 throttling; v5 leader epochs (KIP-320); v7 `requireStable`, which
 * waits out open transactions (KIP-447); v8 many groups (KIP-709); v9 members of the new protocol;
 * v10 topic ids.
 */
import { offsetFetch } from "../protocol/messages/09-offset-fetch.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const offsetFetchHandler = handler(offsetFetch, (request, context, broker) =>
  broker.groups.fetchOffsets(request, groupCaller(context)),
);
