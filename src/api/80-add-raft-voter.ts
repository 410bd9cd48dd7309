/**
 * AddRaftVoter: v0-1 (KIP-853).
 *
 * - A controller that has read the log along is to become a voter.
 *
 * Versions: v1 may be answered before the change is committed (KIP-1186).
 */
import { addRaftVoter } from "../protocol/messages/80-add-raft-voter.ts";
import { addVoterAdapter } from "../raft/adapter/voter-changes.ts";
import { handler } from "./handler.ts";
import { answerCaller } from "./raft-caller.ts";

export const addRaftVoterHandler = handler(
  addRaftVoter,
  (request, context, broker) => answerCaller(broker, addVoterAdapter, request, context),
  { refused: (_request, refusal) => ({ ...refusal }) },
);
