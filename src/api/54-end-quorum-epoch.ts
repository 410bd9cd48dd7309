/**
 * EndQuorumEpoch: v0-1 (KIP-595).
 *
 * - A leader of the metadata quorum resigns.
 *
 * Versions: v1 directory ids and endpoints (KIP-853).
 */
import { endQuorumEpoch } from "../protocol/messages/54-end-quorum-epoch.ts";
import { answerEndQuorumEpoch } from "../raft/quorum-requests.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const endQuorumEpochHandler = handler(
  endQuorumEpoch,
  (request, context, broker) => {
    const caller = raftCaller(context, broker);
    return broker.metadata.raft.answer((quorum) => answerEndQuorumEpoch(quorum, caller, request));
  },
  { isExempt: true },
);
