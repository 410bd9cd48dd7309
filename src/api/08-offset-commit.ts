/**
 * OffsetCommit: v2-10.
 *
 * - A member commits for its group with its generation; anybody may commit for a group without
 *   members (generation -1). What is committed is in `__consumer_offsets` before it is answered.
 *
 * Versions: v2-4 may ask for their own retention; v6 leader epochs (KIP-320); v7 static members;
 * v10 topic ids (KIP-848).
 */
import { offsetCommit } from "../protocol/messages/08-offset-commit.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const offsetCommitHandler = handler(offsetCommit, (request, context, broker) =>
  broker.groups.commitOffsets(request, groupCaller(context)),
);
