/**
 * EndQuorumEpoch: v0-1 (KIP-595).
 *
 * - A leader of the metadata quorum resigns.
 *
 * Versions: v1 directory ids and endpoints (KIP-853).
 */
import { onEndQuorumEpoch } from "../metadata/raft-answers.ts";
import { endQuorumEpoch } from "../protocol/messages/54-end-quorum-epoch.ts";
import { handler } from "./handler.ts";
import { raftCaller } from "./raft-caller.ts";

export const endQuorumEpochHandler = handler(
  endQuorumEpoch,
  (request, context, broker) =>
    onEndQuorumEpoch(broker.metadata, raftCaller(context, broker), request),
  { isExempt: true },
);
