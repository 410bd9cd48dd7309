/**
 * DeleteShareGroupState: v0 (KIP-932).
 *
 * - Between brokers: the states of share partitions are forgotten, with their group or topic. One
 *   that is not there is no error.
 */
import { deleteShareGroupState } from "../protocol/messages/86-delete-share-group-state.ts";
import { handler } from "./handler.ts";
import { askEachPartition, hasEmptyTopic } from "./share-state-results.ts";

export const deleteShareGroupStateHandler = handler(
  deleteShareGroupState,
  (request, _context, broker) =>
    hasEmptyTopic(request)
      ? { results: [] }
      : askEachPartition(request, (key) => broker.shareCoordinator.delete(key)),
  { isExempt: true },
);
