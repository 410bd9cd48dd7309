/** What share groups have done on this node: Kafka's ShareGroupMetrics, of all groups together. */
import { Histogram } from "../../base/histogram.ts";
import type { AcknowledgedBatch } from "./acknowledging.ts";

/** One more than the highest `AcknowledgeType`. */
const TYPES = 5;

export class ShareStats {
  /** Reading the state of share partitions, from their coordinator. */
  readonly loadsUs = new Histogram();
  readonly #acknowledged = new Float64Array(TYPES);

  /** Batches that count, and are written. */
  acknowledged(batches: readonly AcknowledgedBatch[]): void {
    for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
      if (acknowledgeTypes.length === 1) {
        this.#acknowledged[acknowledgeTypes[0]!]! += lastOffset - firstOffset + 1;
      } else {
        for (const type of acknowledgeTypes) this.#acknowledged[type]!++;
      }
    }
  }

  /** Records of which this was said. */
  recordsWith(acknowledgeType: number): number {
    return this.#acknowledged[acknowledgeType]!;
  }
}
