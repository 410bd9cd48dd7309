import { ProtocolError } from "./protocol-error.ts";

/** Compressed bytes that stand for more than there may be. No more than that was made of them. */
export class OutputTooLargeError extends ProtocolError {
  constructor() {
    super("compressed bytes that stand for more than is allowed");
  }
}
