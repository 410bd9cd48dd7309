/** One request and the answer it gets, from the frame to the last byte sent. */
import type { ConnectionContext, Request, Response } from "../api/request.ts";
import { assert } from "../base/assert.ts";
import type { Reader } from "../protocol/reader.ts";
import type { Frame } from "./block.ts";

export class Exchange implements Request {
  /** Null until the handler is done, and for ever when the client expects no answer. */
  response: Response | null = null;
  isFinished = false;
  /** It cannot be answered, and so nothing behind it can be. */
  isBroken = false;
  #isReleased = false;

  constructor(
    readonly frame: Frame,
    readonly apiKey: number,
    readonly apiVersion: number,
    readonly correlationId: number,
    readonly clientId: string,
    readonly body: Reader,
    readonly connection: ConnectionContext,
    readonly receivedMs: number,
    readonly mayOverlap: boolean,
  ) {}

  finish(response: Response | null): void {
    assert(!this.isFinished, "a request is answered once");
    this.isFinished = true;
    this.response = response;
  }

  /** Sent or dropped; never before the handler is done, which may still look at the frame. */
  release(): void {
    assert(!this.#isReleased, "an exchange is released once");
    this.#isReleased = true;
    this.frame.release();
    this.response?.release?.();
  }
}
