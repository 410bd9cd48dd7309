/**
 * FetchSnapshot: v0-1 (KIP-630).
 *
 * - A range of a snapshot of the metadata, for those who are behind the start of its log.
 *
 * Versions: v1 directory ids and endpoints (KIP-853).
 */
import { fetchSnapshot } from "../protocol/messages/59-fetch-snapshot.ts";
import { fetchSnapshotAdapter } from "../raft/adapter/fetch-snapshot.ts";
import { handler } from "./handler.ts";
import { answerCaller } from "./raft-caller.ts";

export const fetchSnapshotHandler = handler(
  fetchSnapshot,
  (request, context, broker) => answerCaller(broker, fetchSnapshotAdapter, request, context),
  { isExempt: true },
);
