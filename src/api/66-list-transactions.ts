/**
 * ListTransactions: v0-2 (KIP-664).
 *
 * - Every transactional id that is coordinated here, or those that pass all filters.
 *
 * Versions: v1 longer than so many ms (KIP-994); v2 by a pattern of RE2's syntax, which the whole
 * id must match (KIP-1152); what is no pattern is INVALID_REGULAR_EXPRESSION.
 */
import { listTransactions } from "../protocol/messages/66-list-transactions.ts";
import { handler } from "./handler.ts";

export const listTransactionsHandler = handler(listTransactions, (request, _context, broker) =>
  broker.transactions.list(request),
);
