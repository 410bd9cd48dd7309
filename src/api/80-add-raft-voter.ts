/**
 * AddRaftVoter: v0-1 (KIP-853).
 *
 * - A controller is to join the quorum: refused, for a quorum of this node alone.
 *
 * Versions: v1 may be answered before the change is committed (KIP-1186).
 */
import { addRaftVoter } from "../protocol/messages/80-add-raft-voter.ts";
import { answerAddVoter } from "../raft/voter-requests.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const addRaftVoterHandler = handler(
  addRaftVoter,
  (request, context, broker) =>
    answerAddVoter(broker.metadata.raft.quorum, raftCaller(context, broker), request),
  { refused: (_request, refusal) => refusal },
);
