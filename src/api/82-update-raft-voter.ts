/**
 * UpdateRaftVoter: v0 (KIP-853).
 *
 * - A voter says where it is reached and what it can run.
 */
import { updateRaftVoter } from "../protocol/messages/82-update-raft-voter.ts";
import { updateVoterAdapter } from "../raft/adapter/voter-changes.ts";
import { handler } from "./handler.ts";
import { answerCaller } from "./raft-caller.ts";

export const updateRaftVoterHandler = handler(updateRaftVoter, (request, context, broker) =>
  answerCaller(broker, updateVoterAdapter, request, context),
);
