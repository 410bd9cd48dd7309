/** What the settings say to the transaction coordinator. */
import type { TransactionConfig } from "../coordinator/transaction/transaction-config.ts";
import type { Settings } from "./settings/settings.ts";

/** Asks the settings anew each time, as some of them change while the node runs. */
export function transactionCoordinatorConfig(settings: Settings): TransactionConfig {
  return {
    get transactionMaxTimeoutMs() {
      return settings.get("transaction.max.timeout.ms");
    },
    get transactionAbortTimedOutTransactionCleanupIntervalMs() {
      return settings.get("transaction.abort.timed.out.transaction.cleanup.interval.ms");
    },
    get transactionRemoveExpiredTransactionCleanupIntervalMs() {
      return settings.get("transaction.remove.expired.transaction.cleanup.interval.ms");
    },
    get transactionalIdExpirationMs() {
      return settings.get("transactional.id.expiration.ms");
    },
    get transactionTwoPhaseCommitEnable() {
      return settings.get("transaction.two.phase.commit.enable");
    },
    get transactionStateLogLoadBufferSize() {
      return settings.get("transaction.state.log.load.buffer.size");
    },
    get requestTimeoutMs() {
      return settings.get("request.timeout.ms");
    },
  };
}
