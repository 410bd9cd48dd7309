/**
 * One request and the answer it gets, from the frame to the last byte sent.
 *
 *   received -> started -> handled ------> ready -------> handed ------> sent
 *     frame      its        the handler    the answer     to the         the kernel has
 *     whole      turn       has returned   is there       socket         its last byte
 *
 * The write that all appends of a turn share comes behind `handled`.
 */
import type {
  ConnectionContext,
  Late,
  Request,
  RequestHandler,
  Response,
  Undertaking,
} from "../api/request.ts";
import { assert } from "../base/assert.ts";
import { decoderOf } from "../protocol/compile.ts";
import { requestHeader } from "../protocol/messages/header.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { Reader } from "../protocol/reader.ts";
import type { Frame } from "../protocol/frames/block.ts";
import type { ApiStats, ListenerStats } from "./request-stats.ts";

/** Reads the header of a frame. Whoever calls it keeps the frame if that fails. */
export function readExchange(
  frame: Frame,
  handler: RequestHandler,
  connection: ConnectionContext,
  stats: ListenerStats,
  receivedMs: number,
  isFollowed: boolean,
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
    stats.of(apiKey),
    receivedMs,
    handler.mayOverlap(apiKey),
    isFollowed,
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
  variant = 0;
  // See the drawing.
  startedMs = 0;
  handledMs = 0;
  readyMs = 0;
  handedMs = 0;
  /** Where its answer ends among all bytes that the connection sends, and how long it is. */
  endPosition = 0;
  responseSize = 0;
  /** Without the header. */
  bodySize = 0;
  /** Behind it in its `UnsentList`. */
  next: Exchange | null = null;
  #late: Late<Response | null> | null = null;

  constructor(
    public frame: Frame | null,
    readonly apiKey: number,
    readonly apiVersion: number,
    readonly correlationId: number,
    readonly clientId: string,
    public body: Reader,
    readonly connection: ConnectionContext,
    readonly stats: ApiStats,
    readonly receivedMs: number,
    readonly mayOverlap: boolean,
    readonly isFollowed: boolean,
  ) {}

  get size(): number {
    return this.frame === null ? 0 : this.frame.end - this.frame.start;
  }

  get errorCounts(): Float64Array {
    return this.stats.errorCounts;
  }

  converted(tookMs: number, temporaryBytes: number): void {
    this.stats.kind(this.variant).converted(tookMs, temporaryBytes);
  }

  finish(response: Response | null): void {
    assert(!this.isFinished, "a request is answered once");
    this.isFinished = true;
    this.response = response;
  }

  /** It is answered, but what is answered is made by `complete`. */
  finishLate(late: Late<Response | null>): void {
    this.finish(null);
    this.#late = late;
  }

  get isLate(): boolean {
    return this.#late !== null;
  }

  /** What has to be over before it can be completed without holding up others. */
  get waitsFor(): Undertaking | null {
    const waits = this.#late?.waits ?? null;
    return waits === null || waits.isOver ? null : waits;
  }

  /** Throws what the handler throws. */
  complete(): void {
    const late = this.#late;
    if (late === null) return;
    this.#late = null;
    this.response = late.complete();
  }

  /**
   * Sent or dropped; never before the handler is done, which may still look at the frame. What
   * remains is small: it may wait in an `UnsentList`.
   */
  release(): void {
    // The handler may still need the frame for it.
    this.complete();
    const { frame, response } = this;
    assert(frame !== null, "an exchange is released once");
    this.frame = null;
    this.body = NO_BODY;
    this.response = null;
    frame.release();
    response?.release?.();
  }
}

const NO_BODY = new Reader(Buffer.alloc(0));
