/**
 * What batches were refused for, by Kafka's kinds and, as there, of all topics together. Others
 * (timestamps, sizes, codecs) are not counted apart.
 */
export interface Flaw {
  readonly kind: FlawKind;
  /** Of records without a key each one counts. */
  readonly count: number;
}

export type FlawKind = "magic" | "checksum" | "offsetOrSequence" | "noKey";

export class ValidationStats {
  readonly #counts: Record<FlawKind, number> = {
    magic: 0,
    checksum: 0,
    offsetOrSequence: 0,
    noKey: 0,
  };

  add({ kind, count }: Flaw): void {
    this.#counts[kind] += count;
  }

  of(kind: FlawKind): number {
    return this.#counts[kind];
  }
}

export const WRONG_MAGIC: Flaw = { kind: "magic", count: 1 };
export const WRONG_CHECKSUM: Flaw = { kind: "checksum", count: 1 };
export const WRONG_OFFSET_OR_SEQUENCE: Flaw = { kind: "offsetOrSequence", count: 1 };
