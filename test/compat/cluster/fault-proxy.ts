/**
 * A way to a node that can be made bad: what stands between a node's listener and those that were
 * told of it.
 *
 *   client, or another node  ->  proxy (the advertised port)  ->  the port that the node listens on
 *
 * Who is at the other end of a connection is found by its socket, so that the way from one node to
 * another can be bad while all others are good, in one direction too. As with a real network
 * nothing gets lost on a connection: what a bad way holds up comes when it is good again.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

/** How a way is bad; what is left out is as it should be. */
export interface Fault {
  /** New connections are refused, and those that are there are broken. */
  readonly isCut?: boolean;
  /** Nothing comes through: to the node, from the node. */
  readonly holdsRequests?: boolean;
  readonly holdsAnswers?: boolean;
  /** Each way. */
  readonly delayMs?: number;
  readonly bytesPerSecond?: number;
}

/** Of whom: a node's id, or null for all who are no nodes. */
export type Source = number | null;

const GOOD: Fault = {};
const THROTTLE_SLICE_MS = 20;

export class FaultProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: number;
  readonly #whoIs: (port: number) => Source;
  readonly #faults = new Map<Source, Fault>();
  readonly #ways = new Set<Way>();

  /** `whoIs` tells whose socket it is that is bound to a port. */
  static async listen(target: number, whoIs: (port: number) => Source): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    return new FaultProxy(server, target, whoIs);
  }

  private constructor(server: Server, target: number, whoIs: (port: number) => Source) {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    this.port = address.port;
    this.#server = server;
    this.#target = target;
    this.#whoIs = whoIs;
    server.on("connection", (socket) => this.#accepted(socket));
  }

  /** From one source; the fault goes on until another, or `heal`. */
  spoil(source: Source, fault: Fault): void {
    this.#faults.set(source, fault);
    for (const way of this.#ways) if (way.source() === source) way.faultChanged();
  }

  heal(): void {
    this.#faults.clear();
    for (const way of this.#ways) way.faultChanged();
  }

  get connectionCount(): number {
    return this.#ways.size;
  }

  close(): void {
    this.#server.close();
    for (const way of this.#ways) way.break();
  }

  #accepted(near: Socket): void {
    // Whose it is takes some reading of /proc: asked where it matters, as long as it is there.
    const port = near.remotePort ?? 0;
    let known: Source | undefined;
    const source = (): Source => {
      if (known === undefined) known = this.#whoIs(port);
      return known;
    };
    const fault = () => (this.#faults.size === 0 ? GOOD : (this.#faults.get(source()) ?? GOOD));
    if (fault().isCut === true) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: this.#target, host: "127.0.0.1", allowHalfOpen: true });
    const way = new Way(source, near, far, fault, () => this.#ways.delete(way));
    this.#ways.add(way);
  }
}

/** One connection, and the two directions of it. */
class Way {
  readonly source: () => Source;
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #fault: () => Fault;
  readonly #directions: Direction[];
  readonly #broken: () => void;

  constructor(
    source: () => Source,
    near: Socket,
    far: Socket,
    fault: () => Fault,
    broken: () => void,
  ) {
    this.source = source;
    this.#near = near;
    this.#far = far;
    this.#fault = fault;
    this.#broken = broken;
    this.#directions = [
      new Direction(near, far, fault, (now) => now.holdsRequests === true),
      new Direction(far, near, fault, (now) => now.holdsAnswers === true),
    ];
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on("error", () => this.break());
      socket.on("close", () => this.break());
    }
  }

  faultChanged(): void {
    if (this.#fault().isCut === true) this.break();
    else for (const direction of this.#directions) direction.pump();
  }

  break(): void {
    this.#near.resetAndDestroy();
    this.#far.resetAndDestroy();
    for (const direction of this.#directions) direction.stop();
    this.#broken();
  }
}

interface Piece {
  /** Null for the end of what is sent. */
  readonly bytes: Buffer | null;
  readonly arrivedMs: number;
}

/** How much waits here before its sender has to. */
const WAITING_BYTES_MAX = 1024 * 1024;

class Direction {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #fault: () => Fault;
  readonly #isHeld: (fault: Fault) => boolean;
  #pieces: Piece[] = [];
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isStopped = false;

  constructor(from: Socket, to: Socket, fault: () => Fault, isHeld: (fault: Fault) => boolean) {
    this.#from = from;
    this.#to = to;
    this.#fault = fault;
    this.#isHeld = isHeld;
    from.on("data", (bytes: Buffer) => this.#came(bytes));
    from.on("end", () => this.#came(null));
    to.on("drain", () => this.pump());
  }

  /** Passes on what may go now, and comes back for the rest. */
  pump(): void {
    this.#clearTimer();
    while (!this.#isStopped) {
      const [piece] = this.#pieces;
      const fault = this.#fault();
      if (piece === undefined || this.#isHeld(fault)) return;
      const waitMs = piece.arrivedMs + (fault.delayMs ?? 0) - performance.now();
      if (waitMs > 0) return this.#later(waitMs);
      if (this.#to.writableNeedDrain) return;
      this.#pieces.shift();
      if (piece.bytes === null) {
        this.#to.end();
        return;
      }
      this.#waitingBytes -= piece.bytes.length;
      this.#to.write(piece.bytes);
      if (this.#waitingBytes < WAITING_BYTES_MAX) this.#from.resume();
      if (fault.bytesPerSecond !== undefined) {
        const ms = (piece.bytes.length / fault.bytesPerSecond) * 1000;
        return this.#later(Math.max(ms, THROTTLE_SLICE_MS));
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#pieces = [];
    this.#clearTimer();
  }

  #came(bytes: Buffer | null): void {
    if (this.#isStopped) return;
    this.#pieces.push({ bytes, arrivedMs: performance.now() });
    this.#waitingBytes += bytes?.length ?? 0;
    if (this.#waitingBytes >= WAITING_BYTES_MAX) this.#from.pause();
    if (this.#timer === null) this.pump();
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.pump();
    }, ms);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
