/** Settings of transactions, under Kafka's names. They are asked anew each time. */
export interface TransactionConfig {
  /** The longest timeout that a producer may ask for. */
  readonly transactionMaxTimeoutMs: number;
  /** How often open transactions are looked through for those past their timeout. */
  readonly transactionAbortTimedOutTransactionCleanupIntervalMs: number;
  /** How often transactional ids are looked through for those that nobody uses. */
  readonly transactionRemoveExpiredTransactionCleanupIntervalMs: number;
  readonly transactionalIdExpirationMs: number;
  /** KIP-939. */
  readonly transactionTwoPhaseCommitEnable: boolean;
  readonly transactionStateLogLoadBufferSize: number;
  readonly requestTimeoutMs: number;
}
