/**
 * ReadShareGroupState: v0 (KIP-932).
 *
 * - Between brokers: a new leader of a share partition asks for its state; older ones are fenced.
 * - INVALID_REQUEST before the state is initialised; FENCED_LEADER_EPOCH for a leader of the past.
 */
import { readShareGroupState } from "../protocol/messages/84-read-share-group-state.ts";
import { handler } from "./handler.ts";
import { askEachPartition, hasEmptyTopic } from "./share-state-results.ts";

export const readShareGroupStateHandler = handler(
  readShareGroupState,
  (request, _context, broker) =>
    hasEmptyTopic(request)
      ? { results: [] }
      : askEachPartition(request, (key, { leaderEpoch }) =>
          broker.shareCoordinator.read(key, leaderEpoch),
        ),
  { isExempt: true },
);
