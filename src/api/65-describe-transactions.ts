/** DescribeTransactions: v0 (KIP-664). Those that are not coordinated here are NOT_COORDINATOR. */
import { describeTransactions } from "../protocol/messages/65-describe-transactions.ts";
import { handler } from "./handler.ts";

export const describeTransactionsHandler = handler(
  describeTransactions,
  async ({ transactionalIds }, _context, broker) => ({
    transactionStates: await Promise.all(
      transactionalIds.map((transactionalId) => broker.transactions.describe(transactionalId)),
    ),
  }),
);
