/**
 * RemoveRaftVoter: v0 (KIP-853).
 *
 * - A controller is to leave the quorum, which its last voter cannot.
 */
import { removeRaftVoter } from "../protocol/messages/81-remove-raft-voter.ts";
import { removeVoterAdapter } from "../raft/adapter/voter-changes.ts";
import { handler } from "./handler.ts";
import { answerCaller } from "./raft-caller.ts";

export const removeRaftVoterHandler = handler(
  removeRaftVoter,
  (request, context, broker) => answerCaller(broker, removeVoterAdapter, request, context),
  { refused: (_request, refusal) => ({ ...refusal }) },
);
