/** Transactions and idempotent producers. */
import { atLeast } from "./checks.ts";
import { acts, boolean, clusterWide, int, internal, short } from "./setting.ts";

export const transactionSettings = {
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": int(
    10_000,
    "low",
    atLeast(1),
    acts("How often open transactions are looked through for those past their timeout."),
  ),
  "transaction.max.timeout.ms": int(
    900_000,
    "high",
    atLeast(1),
    acts("The longest timeout that a producer of transactions may ask for."),
  ),
  "transaction.partition.verification.enable": boolean(
    true,
    "low",
    clusterWide,
    acts("Whether a coordinator is asked if records belong to a transaction that is open."),
  ),
  "transaction.remove.expired.transaction.cleanup.interval.ms": int(
    3_600_000,
    "low",
    atLeast(1),
    acts("How often transactional ids are looked through for those that have expired."),
  ),
  "transaction.state.log.load.buffer.size": int(
    5_242_880,
    "high",
    atLeast(1),
    acts("How much of the topic of transactions is read at once when it is loaded."),
  ),
  "transaction.state.log.min.isr": int(
    2,
    "high",
    atLeast(1),
    acts("The min.insync.replicas of the topic of transactions."),
  ),
  "transaction.state.log.num.partitions": int(
    50,
    "high",
    atLeast(1),
    acts("Partitions of the topic of transactions; not to be changed later."),
  ),
  "transaction.state.log.replication.factor": short(
    3,
    "high",
    atLeast(1),
    acts("Copies of the topic of transactions."),
  ),
  "transaction.state.log.segment.bytes": int(
    104_857_600,
    "high",
    atLeast(1),
    acts("A segment of the topic of transactions is closed at this size."),
  ),
  "transaction.two.phase.commit.enable": boolean(
    false,
    "low",
    acts("Producers may ask for transactions without a timeout, which others decide about."),
  ),
  "transactional.id.expiration.ms": int(
    604_800_000,
    "high",
    atLeast(1),
    acts("A transactional id is forgotten when it has not been used for so long."),
  ),
  "add.partitions.to.txn.retry.backoff.max.ms": int(
    100,
    "high",
    atLeast(0),
    acts("How long a produce waits for the transaction before its own to end."),
  ),
  "add.partitions.to.txn.retry.backoff.ms": int(
    20,
    "high",
    atLeast(1),
    acts("After so long a produce asks again whether the transaction before has ended."),
  ),
  "producer.id.expiration.check.interval.ms": int(
    600_000,
    "low",
    atLeast(1),
    internal,
    acts("How often partitions are looked through for silent producers."),
  ),
  "producer.id.expiration.ms": int(
    86_400_000,
    "low",
    atLeast(1),
    clusterWide,
    acts("What is known of an idempotent producer is dropped when it has been silent for so long."),
  ),
};
