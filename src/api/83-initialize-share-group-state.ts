/**
 * InitializeShareGroupState: v0 (KIP-932).
 *
 * - Between brokers: the state of share partitions begins anew, at an offset or, with -1, where the
 *   group's reset policy says. The group coordinator sends it to the share coordinator.
 * - A state epoch below the known one is FENCED_STATE_EPOCH.
 */
import { initializeShareGroupState } from "../protocol/messages/83-initialize-share-group-state.ts";
import { handler } from "./handler.ts";
import { askEachPartition } from "./share-state-results.ts";

export const initializeShareGroupStateHandler = handler(
  initializeShareGroupState,
  (request, _context, broker) =>
    askEachPartition(request, (key, { stateEpoch, startOffset }) =>
      broker.shareCoordinator.initialize(key, stateEpoch, startOffset),
    ),
  { isExempt: true },
);
