/** One request and the answer it gets, from the frame to the last byte sent. */
import type { ConnectionContext, Request, RequestHandler, Response } from "../api/request.ts";
import { assert } from "../base/assert.ts";
import { decoderOf } from "../protocol/compile.ts";
import { requestHeader } from "../protocol/messages/header.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { Reader } from "../protocol/reader.ts";
import type { Frame } from "./block.ts";

/** Reads the header of a frame. Whoever calls it keeps the frame if that fails. */
export function readExchange(
  frame: Frame,
  handler: RequestHandler,
  connection: ConnectionContext,
  receivedMs: number,
): Exchange {
  const { bytes } = frame.block;
  const apiKey = bytes.readInt16BE(frame.start);
  const apiVersion = bytes.readInt16BE(frame.start + 2);
  const version = handler.requestHeaderVersion(apiKey, apiVersion);
  if (version === -1) throw new ProtocolError(unknownApi(apiKey, apiVersion));
  const reader = new Reader(bytes, frame.start, frame.end);
  const { correlationId, clientId } = decoderOf(requestHeader, version)(reader);
  return new Exchange(
    frame,
    apiKey,
    apiVersion,
    correlationId,
    clientId ?? "",
    reader,
    connection,
    receivedMs,
    handler.mayOverlap(apiKey),
  );
}

export function unknownApi(apiKey: number, apiVersion: number): string {
  return `unknown API ${apiKey} version ${apiVersion}`;
}

export class Exchange implements Request {
  /** Null until the handler is done, and for ever when the client expects no answer. */
  response: Response | null = null;
  isFinished = false;
  holdsBack = false;
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

  get size(): number {
    return this.frame.end - this.frame.start;
  }

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
