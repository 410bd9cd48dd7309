/**
 * BeginQuorumEpoch: v0-1 (KIP-595).
 *
 * - A new leader of the metadata quorum tells the voters.
 *
 * Versions: v1 directory ids and endpoints (KIP-853).
 */
import { beginQuorumEpoch } from "../protocol/messages/53-begin-quorum-epoch.ts";
import { answerBeginQuorumEpoch } from "../raft/quorum-requests.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const beginQuorumEpochHandler = handler(
  beginQuorumEpoch,
  (request, context, broker) => {
    const caller = raftCaller(context, broker);
    return broker.metadata.raft.answer((quorum) => answerBeginQuorumEpoch(quorum, caller, request));
  },
  { isExempt: true },
);
