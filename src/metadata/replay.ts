/**
 * Applies the records of the log, in its order, to an image. KIP-868: what lies between the begin
 * and the end of a metadata transaction is held back, and takes effect as a whole or not at all.
 */
import { assert } from "../base/assert.ts";
import { DiscardedDelta, MetadataDelta } from "./delta.ts";
import type { MetadataImage } from "./image.ts";
import type { MetadataRecord } from "./record.ts";

interface Held {
  readonly record: MetadataRecord;
  readonly offset: number;
}

export class Replay {
  readonly image: MetadataImage;
  /** Null outside of a transaction. */
  #held: Held[] | null = null;
  #transactionOffset = -1;
  /** While the node starts, nobody asks what changed: they will ask for everything. */
  #delta: MetadataDelta = new DiscardedDelta();

  constructor(image: MetadataImage) {
    this.image = image;
  }

  /** Where the open transaction began; -1 when there is none. */
  get transactionOffset(): number {
    return this.#transactionOffset;
  }

  /** What changed since this was asked the last time. */
  takeDelta(): MetadataDelta {
    const delta = this.#delta;
    this.#delta = new MetadataDelta();
    return delta;
  }

  /** What came before a snapshot that stands for it is forgotten, a transaction among it too. */
  restart(): void {
    this.#held = null;
    this.#transactionOffset = -1;
    this.#delta = new MetadataDelta();
  }

  replay(record: MetadataRecord, offset: number): void {
    switch (record.name) {
      case "BeginTransactionRecord":
        assert(this.#held === null, `the transaction at ${this.#transactionOffset} was closed`);
        this.#held = [];
        this.#transactionOffset = offset;
        return;
      case "EndTransactionRecord":
        for (const held of this.#close(offset)) {
          this.image.apply(held.record, held.offset, this.#delta);
        }
        return;
      case "AbortTransactionRecord":
        this.#close(offset);
        return;
      default:
        if (this.#held === null) this.image.apply(record, offset, this.#delta);
        else this.#held.push({ record, offset });
    }
  }

  #close(offset: number): readonly Held[] {
    const held = this.#held;
    assert(held !== null, `a transaction is open where offset ${offset} closes it`);
    this.#held = null;
    this.#transactionOffset = -1;
    return held;
  }
}
