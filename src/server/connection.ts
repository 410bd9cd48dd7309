/**
 * One client's connection.
 *
 *   data -> FrameBuffer -> header -> ResponseQueue -> handler -> ResponseQueue -> ResponseWriter
 *
 *   open ----------> draining ------------> lingering -------> closed
 *        peer's FIN,          all answered,           peer's FIN,
 *        bad bytes,           FIN sent                reset, or
 *        idle, stop                                   too late
 *   (any state goes to closed when the socket does)
 *
 * All frames of a chunk are handled before anything is written, so a turn costs one write. What
 * finishes later is written at the end of its turn; a chunk may be kept for one (fair-turns.ts).
 *
 * The one place where an exception ends: `ProtocolError` costs the client its connection, with a
 * line in the log; a file that cannot be read does, too; anything else is a bug and goes to
 * `fatal`, which stops the node.
 *
 * Invariants: responses leave in the order of requests, chunks are taken as they came; a frame is
 * held until its handler is done and its response is sent or dropped; reading is paused while any
 * reason to hold is set.
 */
import {
  type ConnectionContext,
  Late,
  type Outcome,
  type RequestHandler,
  type Response,
  type Undertaking,
} from "../api/request.ts";
import { LinkedNode } from "../base/linked-list.ts";
import { Signal } from "../base/signal.ts";
import { DiskError, type Socket, type SocketHandler, type Timer } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { Frame } from "../protocol/frames/block.ts";
import type { CloseReason } from "./close-reason.ts";
import type { ConnectionShared } from "./connection-shared.ts";
import { type Exchange, readExchange, unknownApi } from "./exchange.ts";
import type { Keeper } from "./fair-turns.ts";
import { FrameBuffer } from "../protocol/frames/frame-buffer.ts";
import type { IdleUser } from "./idle-list.ts";
import { Idleness } from "./idleness.ts";
import {
  KEPT_SIZE_MAX,
  LINGER_BYTES_MAX,
  LINGER_MS_MAX,
  READ_AGAIN_SIZE,
  REQUESTS_PER_CONNECTION_MAX,
  UNSENT_BYTES_MAX,
} from "./limits.ts";
import { Hold, Reading } from "./reading.ts";
import type { MemoryUser } from "./request-memory.ts";
import { ResponseQueue } from "./response-queue.ts";
import { type FlushResult, ResponseWriter } from "./response-writer.ts";
import type { ListenerStats } from "./request-stats.ts";
import { Throttle } from "./throttle.ts";
import { UnsentList } from "./unsent-list.ts";

const NO_DESCRIPTOR = "the process has too few file descriptors (ulimit -n)";

type State = "open" | "draining" | "lingering" | "closed";

export class Connection implements ConnectionContext, SocketHandler, MemoryUser, IdleUser, Keeper {
  readonly remoteAddress: string;
  readonly remotePort: number;
  clientSoftwareName = "";
  clientSoftwareVersion = "";
  lastActiveMs = 0;
  readonly closing = new Signal();
  readonly #handler: RequestHandler;
  readonly #shared: ConnectionShared;
  readonly #socket: Socket;
  readonly #reading: Reading;
  readonly #throttle: Throttle;
  readonly #frames: FrameBuffer;
  readonly #queue = new ResponseQueue();
  readonly #writer: ResponseWriter;
  readonly #stats: ListenerStats;
  readonly #unsent = new UnsentList();
  readonly #memoryNode = new LinkedNode<MemoryUser>(this);
  readonly #idleness: Idleness;
  #state: State = "open";
  /** As of the last step: read once for each of those that take time. */
  #nowMs = 0;
  /** What has come and is left for a later turn. */
  #kept: { readonly size: number; readonly sinceMs: number } | null = null;
  /** A request was refused: those behind it do not start. */
  #startsNothing = false;
  /** What still runs is not waited for. */
  #answersNothing = false;
  #flushScheduled = false;
  /** An answer of this turn gains by waiting for its end. */
  #hasLate = false;
  /** It flushes again when that is over. */
  #awaited: Undertaking | null = null;
  #flushedTo: FlushResult = "idle";
  #bytesDiscarded = 0;
  #timer: Timer | null = null;
  #endsFor: CloseReason | null = null;

  constructor(
    readonly id: number,
    readonly listenerName: string,
    handler: RequestHandler,
    socket: Socket,
    shared: ConnectionShared,
  ) {
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    this.#handler = handler;
    this.#socket = socket;
    this.#reading = new Reading(socket);
    this.#shared = shared;
    this.#throttle = new Throttle(shared.clock, this.#reading, () => this.#unthrottled());
    this.#stats = shared.requests.listener(listenerName);
    const { memory, pool, limits } = shared;
    this.#frames = new FrameBuffer(memory, pool, limits.socketRequestMaxBytes);
    this.#writer = new ResponseWriter(socket, shared.pool, shared.metrics.bytesSent, (error) =>
      this.#fileRead(error),
    );
    this.#idleness = new Idleness(this, shared, shared.clock.monotonicMs());
  }

  get isClosing(): boolean {
    return this.#state !== "open";
  }

  get closedFor(): CloseReason {
    return this.#endsFor ?? "lost";
  }

  get hasPartialFrame(): boolean {
    return this.#frames.hasPartialFrame;
  }

  /** Requests that are not answered yet. */
  get requestsInFlight(): number {
    return this.#queue.length;
  }

  /** Why it is still there, for a line of the log. */
  get delay(): string {
    const { oldest } = this.#queue;
    const what = oldest === null ? "unsent answers" : `API ${oldest.apiKey} of ${oldest.clientId}`;
    return `${this.#name()}: ${this.#state === "lingering" ? "no FIN" : what}`;
  }

  data(chunk: Buffer): void {
    this.#shared.metrics.bytesReceived.add(chunk.length);
    // Put together with what is kept it would be copied.
    this.turnCame();
    if (this.#state !== "open") return this.#discard(chunk.length);
    const nowMs = this.#readClock();
    this.#frames.push(chunk);
    const isBrief = chunk.length <= KEPT_SIZE_MAX;
    if (isBrief && this.#shared.turns.isOver(nowMs)) return this.#keep(chunk.length, nowMs);
    this.#received(chunk.length, nowMs);
    this.#shared.turns.worked(this.#nowMs);
  }

  /** Of `FairTurns`: what was kept is taken. */
  turnCame(): void {
    const kept = this.#kept;
    if (kept === null || this.isClosing) return;
    this.#kept = null;
    this.#readClock();
    this.#received(kept.size, kept.sinceMs);
  }

  drain(): void {
    this.#idleness.touch(this.#readClock());
    this.#attempt(() => {
      const result = this.#writer.drained();
      this.#countSent();
      this.#afterFlush(result);
    });
  }

  end(): void {
    // What came before the FIN counts.
    this.turnCame();
    if (this.#state !== "open") return;
    this.#endsFor ??= "client";
    if (this.#frames.hasPartialFrame) {
      this.#shared.ended(`${this.#name()} closed by the client in the middle of a request`);
    }
    this.#drainAway();
  }

  close(reason: string | null): void {
    if (this.#state === "closed") return;
    if (reason === "EMFILE") this.#shared.refused(`${this.#name()} closed: ${NO_DESCRIPTOR}`);
    else if (reason !== null) this.#shared.ended(`${this.#name()} closed: ${reason}`);
    this.#becomeClosing("closed");
    this.#timer?.cancel();
    this.#throttle.cancel();
    this.#shared.memory.forget(this.#memoryNode);
    this.#idleness.leave();
    this.#writer.close();
    this.#unsent.takenUpTo(Infinity, this.#readClock());
    this.#frames.clear();
    this.#dropRequests();
    this.#shared.closed(this);
  }

  // Called by the parts that limit connections.

  memoryFreed(): void {
    if (this.#state === "open") this.#reading.release(Hold.MEMORY);
  }

  memoryRefused(): void {
    this.#refuse("a request took too long to arrive while memory is short");
  }

  idleExpired(): void {
    const nowMs = this.#shared.clock.monotonicMs();
    // Whoever waits for our answer is not idle, unless it does not take the answers it has; nor is
    // one that we do not read, or that takes from a thread.
    const waits = this.#queue.runningCount > 0 && this.#writer.unsentBytes === 0;
    const isHeld = this.#throttle.isOn || this.#writer.hasSentLater();
    if ((waits || isHeld) && this.#state === "open") return this.#idleness.touch(nowMs);
    const { isStranger } = this.#idleness;
    this.#shared.metrics.connectionsExpired.add();
    this.#shared.ended(`${this.#name()} closed: ${isStranger ? "no request" : "idle"}`);
    this.terminate(isStranger ? "stranger" : "idle");
  }

  /** The node stops: no new requests; those that are here are answered. */
  stop(): void {
    if (this.#state !== "open") return;
    this.#endsFor ??= "stop";
    this.#frames.clear();
    if (this.#throttle.isOn) this.#throttle.end();
    this.#drainAway();
  }

  /** At once, whatever is unsent. */
  terminate(reason: CloseReason): void {
    this.#endsFor ??= reason;
    this.#socket.terminate();
  }

  #received(size: number, nowMs: number): void {
    this.#takeFrames(nowMs);
    this.#idleness.received(size, this.#frames.hasPartialFrame, nowMs);
    if (!this.#shared.memory.mayRead(this.#memoryNode)) this.#reading.hold(Hold.MEMORY);
    if (this.#hasLate || size >= READ_AGAIN_SIZE) this.#scheduleFlush();
    else this.#flush();
  }

  #keep(size: number, sinceMs: number): void {
    this.#kept = { size, sinceMs };
    this.#shared.turns.keep(this);
    if (!this.#shared.memory.mayRead(this.#memoryNode)) this.#reading.hold(Hold.MEMORY);
  }

  #takeFrames(nowMs: number): void {
    // Not `#attempt`: this and `#flush` are on the way of every request.
    try {
      while (this.#mayTakeFrame()) {
        const frame = this.#frames.next();
        if (frame === null) break;
        this.#accept(frame, nowMs);
        this.#startRequests();
      }
    } catch (error) {
      this.#refuseFor(error);
    }
    if (this.#idleness.isStranger) this.#meetStranger();
    if (!this.#mayTakeFrame()) this.#reading.hold(Hold.REQUESTS);
  }

  /**
   * A first request may be large and slow to come: its first bytes tell that it is one, or that
   * nothing behind them is worth keeping.
   */
  #meetStranger(): void {
    const api = this.#frames.partialApi;
    if (api === null) return;
    const version = this.#handler.requestHeaderVersion(api.key, api.version);
    if (version === -1) this.#refuse(unknownApi(api.key, api.version));
    else this.#idleness.becomeKnown(this.#shared.clock.monotonicMs());
  }

  #mayTakeFrame(): boolean {
    return (
      !this.#throttle.isOn &&
      this.#queue.length < REQUESTS_PER_CONNECTION_MAX &&
      this.#writer.unsentBytes < UNSENT_BYTES_MAX
    );
  }

  #accept(frame: Frame, nowMs: number): void {
    let exchange: Exchange;
    try {
      const isFollowed = this.#frames.hasUnread;
      exchange = readExchange(frame, this.#handler, this, this.#stats, nowMs, isFollowed);
    } catch (error) {
      frame.release();
      throw error;
    }
    if (this.#idleness.isStranger) this.#idleness.becomeKnown(this.#shared.clock.monotonicMs());
    this.#shared.metrics.requests.add();
    this.#shared.loopLag.work();
    this.#shared.memory.requestQueued();
    this.#queue.push(exchange);
  }

  #startRequests(): void {
    while (!this.#startsNothing && !this.#throttle.isOn) {
      const exchange = this.#queue.startNext();
      if (exchange === null) return;
      this.#shared.memory.requestStarted();
      this.#start(exchange);
    }
  }

  #start(exchange: Exchange): void {
    let result: Outcome | Promise<Response | null>;
    exchange.startedMs = this.#nowMs;
    exchange.bodySize = exchange.body.remaining;
    try {
      result = this.#handler.handle(exchange);
      exchange.handledMs = this.#readClock();
    } catch (error) {
      exchange.handledMs = this.#readClock();
      this.#failed(exchange, error);
      return;
    }
    if (result instanceof Promise) {
      if (exchange.holdsBack) this.#queue.holdBack(exchange);
      result.then(
        (response) => this.#finishedLater(exchange, response),
        (error: unknown) => {
          this.#readClock();
          this.#failed(exchange, error);
        },
      );
    } else if (result instanceof Late) {
      this.#hasLate = true;
      exchange.finishLate(result);
      this.#queue.finished(exchange);
    } else {
      this.#finished(exchange, result);
    }
  }

  #finishedLater(exchange: Exchange, response: Response | null): void {
    this.#readClock();
    this.#attempt(() => {
      this.#finished(exchange, response);
      this.#startRequests();
      this.#scheduleFlush();
    });
  }

  #finished(exchange: Exchange, response: Response | null): void {
    exchange.finish(response);
    exchange.readyMs = this.#nowMs;
    this.#throttleFor(exchange);
    if (this.#answersNothing) this.#drop(exchange);
    else this.#queue.finished(exchange);
  }

  #failed(exchange: Exchange, error: unknown): void {
    exchange.isBroken = true;
    this.#startsNothing = true;
    this.#finished(exchange, null);
    this.#refuseFor(error);
    this.#scheduleFlush();
  }

  #flush(): void {
    this.#hasLate = false;
    try {
      const handedMs = this.#nowMs;
      const last = this.#pushFinished(handedMs);
      this.#flushWhenOver(this.#queue.waitsFor);
      const result = this.#writer.flush();
      this.#countSent();
      if (last !== null && this.#handler.countsTime === true) {
        this.#handler.sent?.(last, this.#nowMs - handedMs);
      }
      this.#afterFlush(result);
    } catch (error) {
      this.#refuseFor(error);
    }
  }

  /** What the kernel has taken is answered. */
  #countSent(): void {
    if (!this.#unsent.isEmpty) this.#unsent.takenUpTo(this.#writer.takenBytes, this.#readClock());
  }

  /** The last one; null where none was finished. */
  #pushFinished(handedMs: number): Exchange | null {
    let last: Exchange | null = null;
    let hasCompleted = false;
    for (;;) {
      const exchange = this.#queue.shiftFinished();
      if (exchange === null) return last;
      last = exchange;
      if (exchange.isLate) {
        this.#complete(exchange);
        // The first of them waits for what all of a turn share; the others are ready then.
        exchange.readyMs = hasCompleted ? this.#nowMs : this.#readClock();
        hasCompleted = true;
      }
      const { response } = exchange;
      const before = this.#writer.pushedBytes;
      if (response !== null && response.isSilent !== true) this.#writer.push(exchange);
      else exchange.release();
      exchange.endPosition = this.#writer.pushedBytes;
      exchange.responseSize = exchange.endPosition - before;
      exchange.handedMs = Math.max(handedMs, exchange.readyMs);
      this.#unsent.push(exchange);
      const closeReason = response?.closeReason ?? null;
      if (closeReason !== null) this.#refuse(closeReason);
      if (exchange.isBroken || closeReason !== null) {
        this.#dropRequests();
        return last;
      }
    }
  }

  #flushWhenOver(awaited: Undertaking | null): void {
    if (awaited === null || awaited === this.#awaited) return;
    this.#awaited = awaited;
    awaited.whenOver(() => {
      if (this.#state === "closed") return;
      this.#readClock();
      this.#flush();
    });
  }

  #complete(exchange: Exchange): void {
    try {
      exchange.complete();
    } catch (error) {
      exchange.isBroken = true;
      this.#startsNothing = true;
      this.#refuseFor(error);
    }
    this.#throttleFor(exchange);
  }

  /** What was held back for want of room goes on; then the connection may be done. */
  #afterFlush(result: FlushResult): void {
    this.#flushedTo = result;
    if (result === "more") this.#scheduleFlush();
    this.#goOn();
    this.#finishDraining();
  }

  /** Frames that lie here already come before the peer's next bytes. */
  #goOn(): void {
    if (!this.#reading.isHeldFor(Hold.REQUESTS) || !this.#mayTakeFrame()) return;
    this.#reading.release(Hold.REQUESTS);
    this.#takeFrames(this.#readClock());
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#shared.clock.afterTurn(() => {
      this.#flushScheduled = false;
      if (this.#state === "closed") return;
      this.#idleness.touch(this.#readClock());
      this.#flush();
    });
  }

  #fileRead(error: unknown): void {
    if (error !== null) this.#refuseFor(error);
    else this.#scheduleFlush();
  }

  #throttleFor({ response, stats, variant }: Exchange): void {
    const throttleMs = response?.throttleMs ?? 0;
    if (throttleMs <= 0) return;
    stats.kind(variant).throttled(throttleMs);
    if (this.#state === "open") this.#throttle.begin(throttleMs);
  }

  #unthrottled(): void {
    this.#readClock();
    this.#attempt(() => this.#startRequests());
    this.#goOn();
    this.#scheduleFlush();
  }

  /** Runs `step`; what it throws is sorted into bad bytes and bugs. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#refuseFor(error);
    }
  }

  #refuseFor(error: unknown): void {
    if (error instanceof ProtocolError) {
      this.#refuse(error.message);
    } else if (error instanceof DiskError) {
      this.#shared.refused(`${this.#name()} closed: ${error.message}`);
      this.terminate("refused");
    } else {
      this.terminate("refused");
      this.#shared.fatal(error);
    }
  }

  #refuse(reason: string): void {
    if (this.#state === "lingering" || this.#state === "closed") return;
    this.#endsFor ??= "refused";
    this.#shared.metrics.connectionsRefused.add();
    this.#shared.refused(`${this.#name()} closed: ${reason}`);
    this.#frames.clear();
    if (this.#state === "open") this.#drainAway();
  }

  #drainAway(): void {
    this.#reading.hold(Hold.DRAINING);
    this.#becomeClosing("draining");
    this.#scheduleFlush();
  }

  #becomeClosing(state: State): void {
    const wasOpen = this.#state === "open";
    this.#state = state;
    if (wasOpen) this.closing.move();
  }

  /** When all is answered, FIN; the peer's own FIN, or a deadline, ends it. */
  #finishDraining(): void {
    if (this.#state !== "draining" || this.#flushedTo !== "idle") return;
    if (this.#queue.length > 0) return;
    this.#state = "lingering";
    this.#socket.shutdown();
    // Read on: a socket closed over unread bytes resets, and takes our last answers with it.
    this.#reading.releaseAll();
    this.#timer = this.#shared.clock.schedule(LINGER_MS_MAX, () => this.#socket.terminate());
  }

  #discard(size: number): void {
    this.#bytesDiscarded += size;
    if (this.#bytesDiscarded > LINGER_BYTES_MAX) this.#socket.terminate();
  }

  /** Those that still run are released when they are done. */
  #dropRequests(): void {
    this.#startsNothing = true;
    this.#answersNothing = true;
    for (let left = this.#queue.waitingCount; left > 0; left--) {
      this.#shared.memory.requestStarted();
    }
    for (const exchange of this.#queue.drop()) this.#drop(exchange);
  }

  /** Nobody is there for its answer; what was done for it counts all the same. */
  #drop(exchange: Exchange): void {
    if (exchange.isFinished) {
      // What was to be completed at the end of the turn is not any more.
      if (exchange.isLate) exchange.readyMs = this.#readClock();
      exchange.handedMs = exchange.readyMs;
      exchange.stats.sent(exchange, exchange.readyMs);
    }
    exchange.release();
  }

  #readClock(): number {
    this.#nowMs = this.#shared.clock.monotonicMs();
    return this.#nowMs;
  }

  #name(): string {
    const who = `${this.remoteAddress}:${this.remotePort} on ${this.listenerName}`;
    return this.clientSoftwareName === "" ? who : `${who} (${this.clientSoftwareName})`;
  }
}
