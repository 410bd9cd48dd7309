/** What a share session knows of a client's connection. */
import { Signal } from "../../../src/base/signal.ts";
import type { SessionConnection } from "../../../src/broker/share/share-sessions.ts";

export class TestConnection implements SessionConnection {
  readonly closing = new Signal();
  isClosing = false;

  constructor(readonly id: number) {}

  close(): void {
    this.isClosing = true;
    this.closing.move();
  }
}
