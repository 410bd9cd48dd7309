/**
 * Ids for idempotent producers: no two producers of the cluster ever get the same one.
 *
 *   block in use    [first ...... next ......... last]      the controller gave it to this node
 *   block ahead     [first ..................... last]      asked for when most of the other is out
 *
 * The controller writes each block to the metadata log before it is used here, so handing out an
 * id writes nothing. What is left of a block when the node stops is never used.
 */
import type { Logger } from "../base/logger.ts";
import type { Clock } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import type { ProducerIdBlock } from "../metadata/controller/allocate-producer-ids.ts";
import { MetadataStoppedError } from "../metadata/metadata-errors.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";

export interface ProducerIdsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** AllocateProducerIds in the name of this broker. */
  readonly allocate: () => Promise<ProducerIdBlock>;
}

/** `producerId` is -1 unless `errorCode` is NONE. */
export interface NewProducerId {
  readonly errorCode: ErrorCode;
  readonly producerId: number;
}

/** The next block is asked for when this part of the one in use is out. */
const PREFETCH_PART = 0.9;
const RETRY_AFTER_MS = 50;
const NO_PRODUCER_ID = -1;

export class ProducerIds {
  readonly #options: ProducerIdsOptions;
  #next = 0;
  #end = 0;
  #prefetchAt = 0;
  #ahead: ProducerIdBlock | null = null;
  #asking: Promise<boolean> | null = null;
  #retryAtMs = 0;

  constructor(options: ProducerIdsOptions) {
    this.#options = options;
  }

  /** Waits only while there is no block. */
  async next(): Promise<NewProducerId> {
    // More may wait for a block than it has ids.
    while (this.#next === this.#end && !this.#useAhead()) {
      if (!this.#mayAsk() || !(await this.#ask())) return NONE_YET;
    }
    const producerId = this.#next++;
    if (producerId >= this.#prefetchAt && this.#ahead === null && this.#mayAsk()) void this.#ask();
    return { errorCode: ErrorCode.NONE, producerId };
  }

  #useAhead(): boolean {
    const block = this.#ahead;
    if (block === null) return false;
    this.#ahead = null;
    this.#next = block.producerIdStart;
    this.#end = block.producerIdStart + block.producerIdLength;
    this.#prefetchAt = block.producerIdStart + Math.floor(block.producerIdLength * PREFETCH_PART);
    return true;
  }

  #mayAsk(): boolean {
    return this.#asking !== null || this.#options.clock.monotonicMs() >= this.#retryAtMs;
  }

  /** All that wait share one request. False when there is no new block. */
  #ask(): Promise<boolean> {
    this.#asking ??= this.#askController().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #askController(): Promise<boolean> {
    const { clock, logger, allocate } = this.#options;
    const block = await allocate().catch(reasonForNone);
    if (typeof block !== "string" && isAfter(block, this.#end)) {
      this.#ahead = block;
      return true;
    }
    this.#retryAtMs = clock.monotonicMs() + RETRY_AFTER_MS;
    const reason = typeof block === "string" ? block : errorName(block.errorCode);
    logger.warn(`the controller gave no producer ids: ${reason}`);
    return false;
  }
}

function isAfter({ errorCode, producerIdStart }: ProducerIdBlock, end: number): boolean {
  return errorCode === ErrorCode.NONE && producerIdStart >= end;
}

function reasonForNone(error: unknown): string {
  if (error instanceof NodeError || error instanceof MetadataStoppedError) return error.message;
  throw error;
}

/** Clients try again. */
const NONE_YET: NewProducerId = {
  errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  producerId: NO_PRODUCER_ID,
};
