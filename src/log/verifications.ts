/**
 * KIP-890: which producers are about to begin a transaction here. The coordinator is asked before
 * the first batch of a transaction is appended, so that none is left open that it does not know:
 *
 *   start ── the coordinator is asked ──▶ append with the verification ── begun, forgotten here
 *                        a marker, or another beginning, comes between: it is void
 *
 * A verification is void as soon as it is forgotten: the append must bring the very object that is
 * kept here. It is a matter of this leader alone, and no record tells of it.
 */

/** What lets the first batch of a transaction in. */
export class Verification {
  readonly startMs: number;
  /** KIP-890, transaction version 2: every transaction has an epoch of its own. */
  readonly supportsEpochBump: boolean;
  epoch: number;
  /**
   * No batch behind this sequence number comes first: one before it failed in a way that lets the
   * client send it again, and nothing may overtake it.
   */
  lowestSequence: number;

  constructor(startMs: number, sequence: number, epoch: number, supportsEpochBump: boolean) {
    this.startMs = startMs;
    this.lowestSequence = sequence;
    this.epoch = epoch;
    this.supportsEpochBump = supportsEpochBump;
  }

  startAgain(sequence: number, epoch: number): void {
    if (epoch === this.epoch && sequence < this.lowestSequence) this.lowestSequence = sequence;
    if (epoch <= this.epoch) return;
    this.epoch = epoch;
    this.lowestSequence = sequence;
  }
}

/** Of one partition: the oldest is void when more producers are about to begin. */
const VERIFICATIONS_MAX = 10_000;

export class Verifications {
  readonly #byProducer = new Map<number, Verification>();

  get count(): number {
    return this.#byProducer.size;
  }

  get(producerId: number): Verification | undefined {
    return this.#byProducer.get(producerId);
  }

  start(
    producerId: number,
    sequence: number,
    epoch: number,
    supportsEpochBump: boolean,
    nowMs: number,
  ): Verification {
    let verification = this.#byProducer.get(producerId);
    if (verification === undefined) {
      if (this.#byProducer.size >= VERIFICATIONS_MAX) this.#forgetOldest();
      verification = new Verification(nowMs, sequence, epoch, supportsEpochBump);
      this.#byProducer.set(producerId, verification);
    }
    verification.startAgain(sequence, epoch);
    return verification;
  }

  /** The transaction has begun. */
  batchAppended(producerId: number): void {
    this.#byProducer.delete(producerId);
  }

  /**
   * The transaction has ended. With epochs of their own, a verification of the marker's epoch is
   * for the next transaction, which has that epoch.
   */
  markerAppended(producerId: number, epoch: number): void {
    const verification = this.#byProducer.get(producerId);
    if (verification === undefined) return;
    if (verification.supportsEpochBump && epoch === verification.epoch) return;
    this.#byProducer.delete(producerId);
  }

  removeExpired(nowMs: number, expirationMs: number): void {
    for (const [producerId, { startMs }] of this.#byProducer) {
      if (nowMs - startMs >= expirationMs) this.#byProducer.delete(producerId);
    }
  }

  #forgetOldest(): void {
    for (const producerId of this.#byProducer.keys()) {
      this.#byProducer.delete(producerId);
      return;
    }
  }
}
