/**
 * One connection of the HTTP server.
 *
 *   head ---> answering: piece, piece, ... ---> head (keep-alive) | closed
 *
 * Pieces go out chunked, or to an HTTP/1.0 client until the connection closes. The next piece is
 * made in another turn, when the socket has taken the one before.
 */
import type { Clock, Socket, SocketHandler, Timer } from "../../base/world.ts";
import { Gzip } from "./gzip.ts";
import { type BadRequest, type HttpRequest, qualityOf, readRequest } from "./http-request.ts";
import type { HttpAnswer, HttpServerOptions } from "./http-answer.ts";

interface ConnectionEvents {
  readonly active: () => void;
  readonly closed: () => void;
}

const HEAD_MS_MAX = 10_000;
/** Between two requests: a collector comes once a minute or more often. */
const IDLE_MS_MAX = 150_000;
const ANSWER_MS_MAX = 30_000;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  505: "HTTP Version Not Supported",
};

export class HttpConnection implements SocketHandler {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #options: HttpServerOptions;
  readonly #events: ConnectionEvents;
  #received: Buffer = Buffer.alloc(0);
  #timer: Timer;
  #answer: Sending | null = null;
  /** What the socket has not taken of a piece. */
  #rest: Buffer | null = null;
  #isEnded = false;
  /** Nothing is answered any more. */
  #isDone = false;
  #stepScheduled = false;

  constructor(socket: Socket, options: HttpServerOptions, events: ConnectionEvents) {
    this.#socket = socket;
    this.#clock = options.clock;
    this.#options = options;
    this.#events = events;
    this.#timer = this.#deadline(HEAD_MS_MAX);
  }

  data(chunk: Buffer): void {
    if (this.#isDone) return;
    if (this.#received.length === 0) this.#expectWithin(HEAD_MS_MAX);
    this.#received = Buffer.concat([this.#received, chunk]);
    // Nothing is read while an answer is on its way: at most this chunk has to be kept.
    if (this.#answer !== null) this.#socket.pause();
    else this.#nextRequest();
  }

  drain(): void {
    const rest = this.#rest;
    this.#rest = null;
    if (rest === null || this.#write(rest)) this.#scheduleStep();
  }

  end(): void {
    this.#isEnded = true;
    if (this.#answer === null) this.#socket.terminate();
  }

  close(): void {
    this.#isDone = true;
    this.#timer.cancel();
    this.#answer = null;
    this.#events.closed();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #nextRequest(): void {
    const request = readRequest(this.#received);
    if (request === null) return;
    this.#events.active();
    this.#expectWithin(ANSWER_MS_MAX);
    try {
      this.#begin(request, "path" in request ? this.#options.answer(request) : refusal(request));
    } catch (error) {
      this.#options.fatal(error);
    }
  }

  #begin(request: HttpRequest | BadRequest, answer: HttpAnswer): void {
    const isGood = "path" in request;
    this.#received = isGood ? this.#received.subarray(request.size) : Buffer.alloc(0);
    const isOld = isGood && request.version === "1.0";
    const wantsClose = isGood && (request.headers.get("connection") ?? "").includes("close");
    const closes = !isGood || isOld || wantsClose;
    const isHead = isGood && request.method === "HEAD";
    const zips = isGood && qualityOf(request.headers.get("accept-encoding"), "gzip") > 0;
    const headers: Record<string, string> = {
      "Content-Type": answer.contentType,
      ...answer.headers,
      ...(zips ? { "Content-Encoding": "gzip" } : {}),
      Vary: "Accept, Accept-Encoding",
      ...(isOld ? {} : { "Transfer-Encoding": "chunked" }),
      ...(closes ? { Connection: "close" } : {}),
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const first = `HTTP/1.1 ${answer.status} ${REASONS[answer.status] ?? ""}\r\n`;
    this.#answer = {
      pieces: isHead ? null : answer.pieces,
      gzip: zips ? new Gzip() : null,
      isChunked: !isOld,
      closes,
    };
    if (this.#write(Buffer.from(`${first}${lines.join("")}\r\n`, "latin1"))) this.#step();
  }

  #scheduleStep(): void {
    if (this.#stepScheduled) return;
    this.#stepScheduled = true;
    this.#clock.afterTurn(() => {
      this.#stepScheduled = false;
      this.#step();
    });
  }

  #step(): void {
    const answer = this.#answer;
    if (answer === null) return;
    try {
      const { pieces } = answer;
      if (pieces === null) return this.#finish(answer);
      const next = pieces.next();
      if (next.done === true) answer.pieces = null;
      if (this.#write(framed(answer, next.done === true ? null : next.value))) {
        this.#scheduleStep();
      }
    } catch (error) {
      this.#options.fatal(error);
    }
  }

  #finish({ closes }: Sending): void {
    this.#answer = null;
    if (closes || this.#isEnded) {
      // Its FIN, or the deadline, ends it.
      this.#isDone = true;
      this.#expectWithin(HEAD_MS_MAX);
      this.#socket.shutdown();
      return;
    }
    this.#expectWithin(IDLE_MS_MAX);
    this.#socket.resume();
    if (this.#received.length > 0) this.#nextRequest();
  }

  /** False when the socket is full, or gone. */
  #write(bytes: Buffer): boolean {
    const taken = this.#socket.write(bytes, 0, bytes.length);
    if (taken === -1) return false;
    if (taken < bytes.length) this.#rest = bytes.subarray(taken);
    return taken === bytes.length;
  }

  #expectWithin(delayMs: number): void {
    this.#timer.cancel();
    this.#timer = this.#deadline(delayMs);
  }

  #deadline(delayMs: number): Timer {
    return this.#clock.schedule(delayMs, () => this.#socket.terminate());
  }
}

interface Sending {
  /** Null when all is written. */
  pieces: Iterator<string> | null;
  readonly gzip: Gzip | null;
  readonly isChunked: boolean;
  readonly closes: boolean;
}

/** A piece as it goes to the socket; null for the end of all. */
function framed({ gzip, isChunked }: Sending, piece: string | null): Buffer {
  const last = piece === null;
  const plain = last ? (gzip?.end() ?? Buffer.alloc(0)) : Buffer.from(piece);
  const bytes = last || gzip === null ? plain : gzip.push(plain);
  if (!isChunked) return bytes;
  const parts: Buffer[] = [];
  if (bytes.length > 0) {
    parts.push(Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n"));
  }
  if (last) parts.push(Buffer.from("0\r\n\r\n"));
  return Buffer.concat(parts);
}

function refusal({ status }: BadRequest): HttpAnswer {
  return { status, contentType: "text/plain", pieces: [`${status}\n`].values() };
}
