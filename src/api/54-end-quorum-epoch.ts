/**
 * EndQuorumEpoch: v0-1 (KIP-595).
 *
 * - A leader of the metadata quorum resigns.
 *
 * Versions: v1 directory ids and endpoints (KIP-853).
 */
import { endQuorumEpoch } from "../protocol/messages/54-end-quorum-epoch.ts";
import { endQuorumEpochAdapter } from "../raft/adapter/quorum-epoch.ts";
import { handler } from "./handler.ts";
import { answerCaller } from "./raft-caller.ts";

export const endQuorumEpochHandler = handler(
  endQuorumEpoch,
  (request, context, broker) => answerCaller(broker, endQuorumEpochAdapter, request, context),
  { isExempt: true },
);
