/** A broken assertion is a bug: it stops the node, and is never answered to a client. */
export class AssertionError extends Error {}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
