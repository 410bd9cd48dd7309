/**
 * RemoveRaftVoter: v0 (KIP-853).
 *
 * - A controller is to leave the quorum, which its last voter cannot.
 */
import { removeRaftVoter } from "../protocol/messages/81-remove-raft-voter.ts";
import { answerRemoveVoter } from "../raft/voter-requests.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const removeRaftVoterHandler = handler(
  removeRaftVoter,
  (request, context, broker) =>
    answerRemoveVoter(broker.metadata.raft.quorum, raftCaller(context, broker), request),
  { refused: (_request, refusal) => refusal },
);
