/**
 * What the partitions that this node leads ask of the controller: AlterPartition (KIP-497). Kafka's
 * AlterPartitionManager.
 *
 *   propose -> [ waiting, one a partition ] -> one request under way -> answers, by partition
 *                     ^------- no answer, or one that is about no partition: all of them again ---'
 *
 * Whoever proposes anew has heard something newer from the metadata log: what it proposed before is
 * not sent any more, and what is under way is answered for itself.
 */
import type { Clock } from "../base/world.ts";
import type { Logger } from "../base/logger.ts";
import { NodeError } from "../client/node-error.ts";
import type {
  AlterPartitionRequest,
  AlterPartitionResponse,
} from "../metadata/controller/alter-partition.ts";
import { MetadataStoppedError } from "../metadata/metadata-errors.ts";
import type { IsrAnswer, IsrChanges, IsrProposal } from "../partition/isr-changes.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";

export interface AlterPartitionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: number;
  readonly brokerEpoch: () => number;
  /** Rejects with `NodeError`, or with `MetadataStoppedError` when the node stops. */
  readonly ask: (request: AlterPartitionRequest) => Promise<AlterPartitionResponse>;
}

/** As in Kafka. */
const RETRY_MS = 50;

interface Waiting {
  readonly proposal: IsrProposal;
  readonly resolve: (answer: IsrAnswer) => void;
}

export class AlterPartitionQueue implements IsrChanges {
  readonly #options: AlterPartitionOptions;
  readonly #waiting = new Map<string, Waiting>();
  /** A request is under way, or will be at the end of the turn, or in a while. */
  #isBusy = false;

  constructor(options: AlterPartitionOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#waiting.size;
  }

  propose(proposal: IsrProposal): Promise<IsrAnswer> {
    const { promise, resolve } = Promise.withResolvers<IsrAnswer>();
    const key = keyOf(proposal.topicId, proposal.partition);
    this.#waiting.get(key)?.resolve(SUPERSEDED);
    this.#waiting.set(key, { proposal, resolve });
    if (!this.#isBusy) {
      this.#isBusy = true;
      this.#options.clock.afterTurn(() => void this.#send());
    }
    return promise;
  }

  async #send(): Promise<void> {
    const { clock, logger, ask } = this.#options;
    const sent = [...this.#waiting.values()];
    if (sent.length === 0) {
      this.#isBusy = false;
      return;
    }
    let isAnswered = false;
    try {
      const response = await ask(this.#request(sent.map(({ proposal }) => proposal)));
      isAnswered = response.errorCode === ErrorCode.NONE && this.#settle(sent, response);
      if (response.errorCode !== ErrorCode.NONE) {
        logger.warn(`the controller refused AlterPartition: ${errorName(response.errorCode)}`);
      }
    } catch (error) {
      // The node stops: nobody will ask how it came out.
      if (error instanceof MetadataStoppedError) return;
      if (!(error instanceof NodeError)) throw error;
      logger.warn(`AlterPartition: ${error.message}`);
    }
    if (isAnswered) return this.#send();
    clock.schedule(RETRY_MS, () => void this.#send());
  }

  #request(proposals: readonly IsrProposal[]): AlterPartitionRequest {
    const { nodeId, brokerEpoch } = this.#options;
    const topics = [...Map.groupBy(proposals, ({ topicId }) => topicId)];
    return {
      brokerId: nodeId,
      brokerEpoch: brokerEpoch(),
      topics: topics.map(([topicId, ofTopic]) => ({
        topicId,
        partitions: ofTopic.map((proposal) => ({
          partitionIndex: proposal.partition,
          leaderEpoch: proposal.leaderEpoch,
          newIsr: [],
          newIsrWithEpochs: [...proposal.isr],
          leaderRecoveryState: proposal.leaderRecoveryState,
          partitionEpoch: proposal.partitionEpoch,
        })),
      })),
    };
  }

  /** False when something is to be asked again, or was refused. */
  #settle(sent: readonly Waiting[], { topics }: AlterPartitionResponse): boolean {
    const answers = new Map<string, IsrAnswer>();
    for (const { topicId, partitions } of topics) {
      for (const { partitionIndex, errorCode, ...state } of partitions) {
        const answer = errorCode === ErrorCode.NONE ? { errorCode, ...state } : { errorCode };
        answers.set(keyOf(topicId, partitionIndex), answer as IsrAnswer);
      }
    }
    let isFine = true;
    for (const waiting of sent) {
      const key = keyOf(waiting.proposal.topicId, waiting.proposal.partition);
      const answer = answers.get(key);
      isFine &&= answer?.errorCode === ErrorCode.NONE;
      // What is not in the answer is sent again.
      if (answer === undefined) continue;
      // A proposal that was made meanwhile is for the next request.
      if (this.#waiting.get(key) === waiting) this.#waiting.delete(key);
      waiting.resolve(answer);
    }
    return isFine;
  }
}

const SUPERSEDED: IsrAnswer = { errorCode: ErrorCode.INVALID_UPDATE_VERSION };

function keyOf(topicId: string, partition: number): string {
  return `${topicId}:${partition}`;
}
