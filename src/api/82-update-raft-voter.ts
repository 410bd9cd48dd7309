/**
 * UpdateRaftVoter: v0 (KIP-853).
 *
 * - A voter says where it is reached and what it can run.
 */
import { onUpdateVoter } from "../metadata/raft-answers.ts";
import { updateRaftVoter } from "../protocol/messages/82-update-raft-voter.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const updateRaftVoterHandler = handler(updateRaftVoter, (request, context, broker) =>
  onUpdateVoter(broker.metadata, raftCaller(context, broker), request),
);
