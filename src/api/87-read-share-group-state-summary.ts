/**
 * ReadShareGroupStateSummary: v0-1 (KIP-932).
 *
 * - Between brokers: how far a share partition has come, for those who describe it. Start offset -1
 *   says that nothing is known.
 *
 * Versions: v1 how many records are done with (KIP-1226).
 */
import * as summaries from "../protocol/messages/87-read-share-group-state-summary.ts";
import { handler } from "./handler.ts";
import { askEachPartition, hasEmptyTopic } from "./share-state-results.ts";

export const readShareGroupStateSummaryHandler = handler(
  summaries.readShareGroupStateSummary,
  (request, _context, broker) =>
    hasEmptyTopic(request)
      ? { results: [] }
      : askEachPartition(request, (key) => broker.shareCoordinator.summary(key)),
  { isExempt: true },
);
