/**
 * TxnOffsetCommit: v0-5.
 *
 * - Commits offsets of a group as part of a transaction: they are in `__consumer_offsets` before it
 *   is answered, and count once the transaction commits. Until then whoever asks for stable offsets
 *   (OffsetFetch) is told to wait.
 *
 * Versions: v2 leader epochs (KIP-320); v3 member, instance and generation, by which a zombie is
 * known (KIP-447); v4 TRANSACTION_ABORTABLE; v5 adds the group's partition to the transaction
 * (KIP-890). In all others the partition must have been added before.
 */
import { txnOffsetCommit } from "../protocol/messages/28-txn-offset-commit.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const txnOffsetCommitHandler = handler(txnOffsetCommit, (request, context, broker) =>
  broker.groups.commitOffsetsInTransaction(request, groupCaller(context)),
);
