/** A promise of Kafka's, or an invariant behind one, was broken. */
export class Violation extends Error {
  constructor(
    readonly kind: string,
    detail: string,
  ) {
    super(`${kind}: ${detail}`);
  }
}
