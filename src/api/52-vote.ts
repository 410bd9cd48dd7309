/**
 * Vote: v0-2 (KIP-595).
 *
 * - A controller that wants to lead the metadata quorum asks. The only voter keeps its own vote.
 *
 * Versions: v1 directory ids (KIP-853); v2 asking without standing for election (KIP-996).
 */
import { vote } from "../protocol/messages/52-vote.ts";
import { voteAdapter } from "../raft/adapter/vote.ts";
import { handler } from "./handler.ts";
import { answerCaller } from "./raft-caller.ts";

export const voteHandler = handler(
  vote,
  (request, context, broker) => answerCaller(broker, voteAdapter, request, context),
  { isExempt: true },
);
