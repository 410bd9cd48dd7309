/**
 * Vote: v0-2 (KIP-595).
 *
 * - A controller that wants to lead the metadata quorum asks. The only voter keeps its own vote.
 *
 * Versions: v1 directory ids (KIP-853); v2 asking without standing for election (KIP-996).
 */
import { vote } from "../protocol/messages/52-vote.ts";
import { answerVote } from "../raft/quorum-requests.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const voteHandler = handler(
  vote,
  (request, context, broker) => {
    const caller = raftCaller(context, broker);
    return broker.metadata.raft.answer((quorum) => answerVote(quorum, caller, request));
  },
  { isExempt: true },
);
