/**
 * The contract between the server, which moves frames and does not know what is in them, and the
 * handlers of this folder, which know nothing of sockets.
 *
 * WHO OWNS THE BYTES. A request's `body`, and every view that decoding makes of it, lies in memory
 * that is used again. It belongs to the request until its response has been sent (or dropped, when
 * the connection closes first); a request without an answer keeps it until its handler's promise is
 * settled. So records may be written, and echoed in the response, straight from the frame. What
 * must live longer than that is copied.
 */
import type { Signal } from "../base/signal.ts";
import type { DiskFile } from "../base/world.ts";
import type { Reader } from "../protocol/reader.ts";

export interface RequestHandler {
  /**
   * Version of the request header: 1, or 2 (with tagged fields); -1 when there is no such API
   * here, which closes the connection as Kafka does. ApiVersions answers for every version.
   */
  requestHeaderVersion(apiKey: number, apiVersion: number): number;

  /**
   * Whether a request of this API may start while earlier ones of its connection wait for their
   * answers. All others run alone, one after another, as all requests do in Kafka.
   */
  mayOverlap(apiKey: number): boolean;

  /**
   * Null when the client expects no answer. Bad bytes are thrown as `ProtocolError`, at once or
   * through the promise, and close this connection; anything else that is thrown is a bug.
   *
   * What runs before the first `await` is ordered: requests of one connection start in the order
   * in which they were sent. What runs behind it may end in any order.
   */
  handle(request: Request): Outcome | Promise<Response | null>;

  /** Whether the time that requests take is counted; never, where it is left out. */
  readonly countsTime?: boolean;
  /** Sending took so long; the answer to this request was the last that was sent. */
  sent?(request: Request, durationMs: number): void;
}

/** What is known of an answer when the handler returns. */
export type Outcome = Response | Late<Response | null> | null;

/**
 * What waits for nobody, but is better made when the turn ends: work of several requests is done
 * together then. It is completed once, before the answer is sent and before the memory of the
 * request is given back.
 */
export class Late<T> {
  /** Without `waits` it can be completed when the turn ends; before that it takes longer. */
  constructor(
    readonly complete: () => T,
    readonly waits: Undertaking | null = null,
  ) {}
}

/** What is done for several requests together. */
export interface Undertaking {
  readonly isOver: boolean;
  /** Calls back in a later turn; not when it is over already. */
  whenOver(callback: () => void): void;
}

export interface Request {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** Empty when the client gave none. */
  readonly clientId: string;
  /** Stands behind the header. See the rule above for what it reads. */
  readonly body: Reader;
  readonly connection: ConnectionContext;
  /** More bytes of the client are here already. */
  readonly isFollowed: boolean;
  /** Bytes of header and body. */
  readonly size: number;
  /** When the request was whole, on the monotonic clock. */
  readonly receivedMs: number;
  /**
   * Set by a handler before its first `await`: those behind it on the connection wait until it is
   * answered, whether they may overlap or not.
   */
  holdsBack: boolean;
  /** Where the error codes of the answer are counted: by code, from -1 on. */
  readonly errorCounts: Float64Array;
  /** Set before the first `await` by a handler whose requests Kafka counts apart: OTHER_KIND. */
  variant: number;
  /** Counts what its records took beside their bytes; left out where nobody does. */
  converted?(tookMs: number, temporaryBytes: number): void;
}

/** A follower's fetch; what only verifies a transaction; an API in the days of another name. */
export const OTHER_KIND = 1;

export interface Response {
  /** Whether the response header has tagged fields (version 1): never for ApiVersions. */
  readonly flexibleHeader: boolean;
  /** The body. Big parts are sent as they lie, without a copy. */
  readonly parts: readonly Part[];
  /** Called exactly once, when no part is needed any more: sent, or the connection is gone. */
  readonly release?: (() => void) | null;
  /** The connection's next requests are left unread for this long (KIP-219). */
  readonly throttleMs?: number;
  /** Nothing is sent: the client expects no answer, but is throttled. */
  readonly isSilent?: boolean;
  /** The connection closes when this response has been sent; the text goes to the log. */
  readonly closeReason?: string | null;
}

export type Part = Uint8Array | FileSlice;

/** A range of a file that stays open and unchanged until the response is released. */
export interface FileSlice {
  readonly file: DiskFile;
  readonly position: number;
  readonly size: number;
}

/** What handlers may know and keep of a connection. */
export interface ConnectionContext {
  /** Never used again, for the life of the process. */
  readonly id: number;
  readonly listenerName: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** From ApiVersions; empty until then. */
  clientSoftwareName: string;
  clientSoftwareVersion: string;
  /** True when no answer should be waited for: the peer has left, or the node stops. */
  readonly isClosing: boolean;
  /** Moves when `isClosing` becomes true. Whoever waits long for a client watches it too. */
  readonly closing: Signal;
}
