/**
 * One connection to a node, from the side that asks.
 *
 *   ask -> [ unsent ] -> socket ->  ...  -> FrameBuffer -> the oldest of [ waiting ] -> its promise
 *
 * Any number of requests may be under way; a node answers them in their order. The first failure
 * ends it all: a connection on which one request took too long, or an answer makes no sense, is
 * closed, and every request that waits is rejected with the same `NodeError`.
 *
 * Invariant: each request is settled once, in the order of asking.
 */
import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import type { Clock, Network, Socket, SocketHandler, Timer } from "../base/world.ts";
import { decoderOf, encoderOf } from "../protocol/compile.ts";
import type { Frame, FrameMemory } from "../protocol/frames/block.ts";
import { BufferPool } from "../protocol/frames/buffer-pool.ts";
import { FrameBuffer } from "../protocol/frames/frame-buffer.ts";
import { RESPONSE_SIZE_MIN } from "../protocol/frames/frame-size.ts";
import {
  requestHeader,
  requestHeaderVersion,
  responseHeader,
  responseHeaderVersion,
} from "../protocol/messages/header.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { Reader } from "../protocol/reader.ts";
import type { Api } from "../protocol/schema.ts";
import { Writer } from "../protocol/writer.ts";
import { NodeError } from "./node-error.ts";

export interface ConnectionOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  /** socket.connection.setup.timeout.ms */
  readonly setupTimeoutMs: number;
  /** Called once; every request that waited has been rejected by then. */
  readonly closed: () => void;
}

interface Waiting {
  readonly dueMs: number;
  readonly take: (frame: Frame) => void;
  readonly fail: (error: unknown) => void;
}

/** What a node may answer at most; Kafka's clients have 100 MiB for their own fetches. */
const RESPONSE_SIZE_MAX = 512 * 1024 * 1024;
/** Up to this size room for an answer is made when it begins to come. */
const TRUSTED_SIZE_MAX = 16 * 1024 * 1024;
const COPIED_SIZE_MAX = 64 * 1024;
const SIZE_SIZE = 4;
const CORRELATION_IDS = 2 ** 31;
const UNCOUNTED: FrameMemory = { take() {}, give() {} };

export class NodeConnection {
  readonly #options: ConnectionOptions;
  readonly #name: string;
  readonly #frames: FrameBuffer;
  readonly #waiting = new Queue<Waiting>();
  readonly #unsent = new Queue<Uint8Array>();
  /** Bytes of the first of `#unsent` that the socket has taken. */
  #sentSize = 0;
  #socket: Socket | null = null;
  #correlationId = 0;
  #timer: Timer | null = null;
  #timerMs = 0;
  #failure: NodeError | null = null;

  /** Rejects with `NodeError`. */
  static async open(options: ConnectionOptions, pool: BufferPool): Promise<NodeConnection> {
    const { network, clock, host, port, setupTimeoutMs } = options;
    const connection = new NodeConnection(options, pool);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = clock.schedule(setupTimeoutMs, () => {
      reject(
        new NodeError("unreachable", `${host}:${port} did not accept in ${setupTimeoutMs} ms`),
      );
    });
    const opening = network.connect(host, port, connection.#handler());
    try {
      connection.#socket = await Promise.race([opening, late]);
    } catch (error) {
      connection.#failure = asUnreachable(error, `${host}:${port}`);
      // It may yet be made, when nobody waits for it any more.
      opening.then((socket) => socket.terminate()).catch(() => {});
      throw connection.#failure;
    } finally {
      timer.cancel();
    }
    // It may have been closed before the promise was.
    if (connection.#failure !== null) throw connection.#failure;
    return connection;
  }

  private constructor(options: ConnectionOptions, pool: BufferPool) {
    this.#options = options;
    this.#name = `${options.host}:${options.port}`;
    this.#frames = new FrameBuffer(
      UNCOUNTED,
      pool,
      RESPONSE_SIZE_MAX,
      RESPONSE_SIZE_MIN,
      TRUSTED_SIZE_MAX,
    );
  }

  get isClosed(): boolean {
    return this.#failure !== null;
  }

  /**
   * Resolves with what `use` makes of the response, or rejects with `NodeError`, or with what `use`
   * throws. `use` runs as soon as the response is here, before those behind it; byte fields of the
   * response are gone when it returns.
   */
  ask<Q, QI, R, RI, T>(
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
    timeoutMs: number,
    use: (response: R) => T,
  ): Promise<T> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const correlationId = this.#correlationId;
    this.#correlationId = (correlationId + 1) % CORRELATION_IDS;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const take = (frame: Frame) => {
      const reader = new Reader(frame.block.bytes, frame.start, frame.end);
      const headerVersion = responseHeaderVersion(api, version);
      const header = decoderOf(responseHeader, headerVersion)(reader);
      if (header.correlationId !== correlationId) {
        throw new ProtocolError(`answer ${header.correlationId} to request ${correlationId}`);
      }
      const response = decoderOf(api.response, version)(reader);
      try {
        resolve(use(response));
      } catch (error) {
        reject(error);
      }
    };
    const dueMs = this.#options.clock.monotonicMs() + timeoutMs;
    this.#waiting.push({ dueMs, take, fail: reject });
    this.#watch(dueMs);
    this.#send(frameOf(api, version, request, correlationId, this.#options.clientId));
    return promise;
  }

  /** Whoever waits is told so. */
  close(): void {
    this.#fail(disconnected(`the connection to ${this.#name} was closed`));
  }

  #handler(): SocketHandler {
    return {
      data: (chunk) => this.#received(chunk),
      drain: () => this.#flush(),
      end: () => this.#fail(disconnected(`${this.#name} closed the connection`)),
      close: (reason) => {
        const why = reason === null ? "was closed" : `broke: ${reason}`;
        this.#fail(disconnected(`the connection to ${this.#name} ${why}`));
      },
    };
  }

  #received(chunk: Buffer): void {
    if (this.#failure !== null) return;
    try {
      this.#frames.push(chunk);
      for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) {
        this.#take(frame);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail(disconnected(`${this.#name}: ${error.message}`));
    }
  }

  #take(frame: Frame): void {
    try {
      if (this.#waiting.length === 0) throw new ProtocolError("an answer that nobody asked for");
      this.#waiting.first().take(frame);
      // Whoever took it may have closed the connection.
      if (this.#failure === null) this.#waiting.shift();
    } finally {
      frame.release();
    }
  }

  #send(frame: readonly Uint8Array[]): void {
    for (const part of frame) this.#unsent.push(part);
    if (this.#unsent.length === frame.length) this.#flush();
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === null) return;
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent.first();
      const left = bytes.length - this.#sentSize;
      const isFollowed = this.#unsent.length > 1;
      const taken = isFollowed
        ? socket.writeAhead(bytes, this.#sentSize, left)
        : socket.write(bytes, this.#sentSize, left);
      if (taken === -1) return;
      this.#sentSize += taken;
      if (taken < left) return;
      this.#sentSize = 0;
      this.#unsent.shift();
    }
  }

  /** One timer for all: for the first that is due. */
  #watch(dueMs: number): void {
    if (this.#timer !== null && this.#timerMs <= dueMs) return;
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#timerMs = dueMs;
    this.#timer = clock.schedule(dueMs - clock.monotonicMs(), () => this.#timePassed());
  }

  #timePassed(): void {
    this.#timer = null;
    if (this.#waiting.length === 0) return;
    let dueMs = Infinity;
    for (let index = 0; index < this.#waiting.length; index++) {
      dueMs = Math.min(dueMs, this.#waiting.at(index).dueMs);
    }
    if (dueMs > this.#options.clock.monotonicMs()) return this.#watch(dueMs);
    this.#fail(new NodeError("timedOut", `${this.#name} did not answer in time`));
  }

  #fail(failure: NodeError): void {
    if (this.#failure !== null) return;
    this.#failure = failure;
    this.#timer?.cancel();
    this.#socket?.terminate();
    this.#frames.clear();
    this.#unsent.clear();
    while (this.#waiting.length > 0) this.#waiting.shift().fail(failure);
    this.#options.closed();
  }
}

function frameOf<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  version: number,
  request: QI,
  correlationId: number,
  clientId: string,
): readonly Uint8Array[] {
  const writer = new Writer();
  encoderOf(requestHeader, requestHeaderVersion(api, version))(writer, {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId,
    clientId,
  });
  encoderOf(api.request, version)(writer, request);
  const size = Buffer.allocUnsafe(SIZE_SIZE);
  size.writeInt32BE(writer.size);
  const parts = writer.parts().map((part) => {
    assert(part instanceof Uint8Array, "a request lies in memory");
    return part;
  });
  const frame = [size, ...parts];
  // A copy of little costs less than a call to the system for each part.
  return writer.size <= COPIED_SIZE_MAX ? [Buffer.concat(frame)] : frame;
}

function disconnected(message: string): NodeError {
  return new NodeError("disconnected", message);
}

function asUnreachable(error: unknown, name: string): NodeError {
  if (error instanceof NodeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new NodeError("unreachable", `${name}: ${message}`);
}
