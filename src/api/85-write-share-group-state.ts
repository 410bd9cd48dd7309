/**
 * WriteShareGroupState: v0-1 (KIP-932).
 *
 * - Between brokers: the leader of a share partition has what became of its records remembered.
 * - INVALID_REQUEST before the state is initialised; FENCED_LEADER_EPOCH for a leader of the past,
 *   FENCED_STATE_EPOCH where the state was initialised again since.
 *
 * Versions: v1 how many records are done with (KIP-1226).
 */
import { writeShareGroupState } from "../protocol/messages/85-write-share-group-state.ts";
import { handler } from "./handler.ts";
import { askEachPartition, hasEmptyTopic } from "./share-state-results.ts";

export const writeShareGroupStateHandler = handler(
  writeShareGroupState,
  (request, _context, broker) =>
    hasEmptyTopic(request)
      ? { results: [] }
      : askEachPartition(request, (key, partition) =>
          broker.shareCoordinator.write(key, partition),
        ),
  { isExempt: true },
);
