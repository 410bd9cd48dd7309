/** A request got no answer: nobody listens there, the connection broke, or it took too long. */
export class NodeError extends Error {
  constructor(
    readonly reason: "unreachable" | "disconnected" | "timedOut" | "unsupported",
    message: string,
  ) {
    super(message);
  }
}
