/**
 * UpdateRaftVoter: v0 (KIP-853).
 *
 * - A voter says where it is reached and what it can run.
 */
import { updateRaftVoter } from "../protocol/messages/82-update-raft-voter.ts";
import { answerUpdateVoter } from "../raft/voter-requests.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const updateRaftVoterHandler = handler(updateRaftVoter, (request, context, broker) =>
  answerUpdateVoter(broker.metadata.raft.quorum, raftCaller(context, broker), request),
);
