/**
 * How transactions end in the logs, where each has an epoch of its producer's id for itself
 * (KIP-890): its marker has the next epoch.
 *
 *   data 5  data 5  commit 6 | data 6  abort 7 |
 *
 * - a transaction ends the same way in all partitions;
 * - it ends once: a marker may come again, as its answer was lost (KAFKA-19999), but not when the
 *   next transaction has begun;
 * - no marker is of an older epoch than what it ends.
 */
import type { BatchView } from "./replica-view.ts";
import { Violation } from "./violation.ts";

interface Place {
  /** Of its newest marker. */
  markerEpoch: number;
  /** Of what has come behind that marker. */
  dataEpoch: number;
}

const NONE = -1;

export class MarkerRules {
  /** By "producer id epoch" of the marker. */
  readonly #ends = new Map<string, string>();
  /** By "partition producer id". */
  readonly #places = new Map<string, Place>();

  /** What was committed in a partition, once and in order. */
  add(name: string, batch: BatchView): void {
    const { producerId, producerEpoch: epoch, end, isTransactional } = batch;
    if (producerId < 0 || !isTransactional) return;
    const key = `${name} ${producerId}`;
    const place = this.#places.get(key) ?? { markerEpoch: NONE, dataEpoch: NONE };
    this.#places.set(key, place);
    if (end === null) {
      place.dataEpoch = epoch;
      return;
    }
    const told = `${name}: ${end} at ${batch.baseOffset} of producer ${producerId} epoch ${epoch}`;
    const known = this.#ends.get(`${producerId} ${epoch}`) ?? end;
    if (known !== end) throw new Violation("ends-both-ways", `${told}, elsewhere ${known}`);
    this.#ends.set(`${producerId} ${epoch}`, end);
    if (epoch <= place.dataEpoch) {
      throw new Violation("ends-another", `${told}, behind data of epoch ${place.dataEpoch}`);
    }
    if (epoch < place.markerEpoch) {
      throw new Violation("marker-went-back", `${told}, behind a marker of ${place.markerEpoch}`);
    }
    Object.assign(place, { markerEpoch: epoch, dataEpoch: NONE });
  }
}
