/**
 * BeginQuorumEpoch: v0-1 (KIP-595).
 *
 * - A new leader of the metadata quorum tells the voters.
 *
 * Versions: v1 directory ids and endpoints (KIP-853).
 */
import { beginQuorumEpoch } from "../protocol/messages/53-begin-quorum-epoch.ts";
import { beginQuorumEpochAdapter } from "../raft/adapter/quorum-epoch.ts";
import { handler } from "./handler.ts";
import { answerCaller } from "./raft-caller.ts";

export const beginQuorumEpochHandler = handler(
  beginQuorumEpoch,
  (request, context, broker) => answerCaller(broker, beginQuorumEpochAdapter, request, context),
  { isExempt: true },
);
