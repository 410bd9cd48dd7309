/**
 * RemoveRaftVoter: v0 (KIP-853).
 *
 * - A controller is to leave the quorum, which its last voter cannot.
 */
import { onRemoveVoter } from "../metadata/raft-answers.ts";
import { removeRaftVoter } from "../protocol/messages/81-remove-raft-voter.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const removeRaftVoterHandler = handler(removeRaftVoter, (request, context, broker) =>
  onRemoveVoter(broker.metadata, raftCaller(context, broker), request),
);
