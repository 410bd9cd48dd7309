/**
 * Sockets of the machine, on `Bun.listen` and `Bun.connect`.
 *
 * What Bun 1.4.5 would do to our bytes, and what is done here instead:
 * - a peer's FIN closes the socket and drops what is still to be sent: `allowHalfOpen` keeps it;
 * - `end(data)` loses what the kernel does not take at once, and `end()` turns into a reset when
 *   bytes of the peer are unread: neither is used; `shutdown` sends FIN behind what was written;
 * - a write behind a shutdown returns 0 as a full socket does, and no `drain` follows: refused;
 * - all connections that wait are accepted in one go: `AcceptTurns` gives others their turn;
 * - an accept for which no descriptor is left is tried for ever, without a pause: sockets beyond
 *   `descriptorMax` are closed at once, with "EMFILE";
 * - a handler that throws leaves its socket open: the socket is closed here, and the error thrown
 *   again where nothing catches it, for it is a bug.
 */
import { assert } from "./assert.ts";
import { AcceptTurns } from "./real-accept-turns.ts";
import { descriptorsMax, reserveDescriptors, socketDescriptorMax } from "./real-descriptors.ts";
import {
  limitSendThreads,
  type SendJob,
  SEND_THREADS_FROM,
  sendThreads,
} from "./real-send-threads.ts";
import { keepPace, unpaceLocal } from "./real-local-pace.ts";
import { bestSendFile, type SendFile, type SendTarget } from "./real-send-file.ts";
import { socketCalls } from "./real-socket-calls.ts";
import {
  type DiskFile,
  type LaterSend,
  type Listener,
  type Network,
  NetworkError,
  type SendPiece,
  type Socket,
  type SocketHandler,
} from "./world.ts";

/** `sendFile` is given by tests, to force the portable way. */
export function realNetwork(sendFile: SendFile = bestSendFile()): Network {
  return new RealNetwork(sendFile, socketDescriptorMax(descriptorsMax()));
}

/** Bun listens with 512, and 5,000 clients that come back at once overflow that. */
const BACKLOG = 4096;

class RealNetwork implements Network {
  constructor(
    readonly sendFile: SendFile,
    readonly descriptorMax: number,
  ) {}

  listen(host: string, port: number, accept: (socket: Socket) => SocketHandler): Listener {
    let pace = keepPace;
    let turns: AcceptTurns | null = null;
    const server = this.#listen(host, port, {
      ...EVENTS,
      open: (raw: RawSocket) => {
        const socket = new RealSocket(raw, this.sendFile);
        raw.data = socket;
        raw.setKeepAlive(true, KEEP_ALIVE_MS);
        pace(socket.descriptor, raw);
        socket.handler = accept(socket);
        if (socket.descriptor >= this.descriptorMax) socket.drop("EMFILE");
        turns?.accepted();
      },
    });
    const [calls, descriptor] = [socketCalls(), descriptorOf(server)];
    if (calls !== null) {
      calls.listen(descriptor, BACKLOG);
      pace = unpaceLocal(calls, descriptor);
      turns = new AcceptTurns(calls, descriptor);
    }
    reserveDescriptors();
    const stop = () => {
      turns?.end();
      // Its descriptor may be another socket's from now on.
      turns = null;
      server.stop(false);
    };
    return { port: server.port, stop };
  }

  limitSendThreads(count: number): void {
    limitSendThreads(count);
  }

  async connect(host: string, port: number, handler: SocketHandler): Promise<Socket> {
    const opened: RealSocket[] = [];
    try {
      await Bun.connect<RealSocket | undefined>({
        hostname: host,
        port,
        allowHalfOpen: true,
        socket: {
          ...EVENTS,
          open: (raw: RawSocket) => {
            const socket = new RealSocket(raw, this.sendFile);
            raw.data = socket;
            raw.setNoDelay(true);
            raw.setKeepAlive(true, KEEP_ALIVE_MS);
            socket.handler = handler;
            opened.push(socket);
          },
        },
      });
    } catch (error) {
      throw networkError(error, `connect to ${host}:${port}`, "EHOSTUNREACH");
    }
    const [socket] = opened;
    assert(socket !== undefined, "a connection that was made has been opened");
    return socket;
  }

  /** Of several, as Java: one of IPv4 goes first. */
  async lookup(name: string): Promise<string | null> {
    try {
      const found = await Bun.dns.lookup(name);
      const chosen = found.find(({ family }) => family === 4) ?? found[0];
      return chosen?.address ?? null;
    } catch {
      return null;
    }
  }

  /** `::` takes IPv4 clients, too; a system without IPv6 does not have it. */
  #listenAnywhere(port: number, events: Events): Bun.TCPSocketListener<SocketData> {
    try {
      return this.#listen("::", port, events);
    } catch (error) {
      if (error instanceof NetworkError && error.code === "EADDRINUSE") throw error;
      return this.#listen("0.0.0.0", port, events);
    }
  }

  #listen(host: string, port: number, events: Events): Bun.TCPSocketListener<SocketData> {
    if (host === "") return this.#listenAnywhere(port, events);
    try {
      return Bun.listen<SocketData>({ hostname: host, port, allowHalfOpen: true, socket: events });
    } catch (error) {
      throw networkError(error, `listen on ${host}:${port}`, "EADDRNOTAVAIL");
    }
  }
}

type SocketData = RealSocket | undefined;
type RawSocket = Bun.Socket<SocketData>;
type Events = Bun.SocketHandler<SocketData>;

/** As Kafka: the system's own two hours are too long to hold a dead client. */
const KEEP_ALIVE_MS = 60_000;

const EVENTS: Events = {
  data(raw, chunk) {
    raw.data?.handler?.data(chunk);
  },
  drain(raw) {
    raw.data?.handler?.drain();
  },
  end(raw) {
    raw.data?.handler?.end();
  },
  close(raw, error) {
    const socket = raw.data;
    if (socket === undefined || socket.isClosed) return;
    socket.isClosed = true;
    socket.cancelSend();
    socket.handler?.close(error === undefined ? socket.dropReason : codeOf(error));
  },
  error(raw, error) {
    raw.terminate();
    queueMicrotask(() => {
      throw error;
    });
  },
};

class RealSocket implements Socket, SendTarget {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly descriptor: number;
  handler: SocketHandler | null = null;
  isClosed = false;
  /** Why it was closed here, if not by its owner. */
  dropReason: string | null = null;
  #isShutDown = false;
  #sends: SendJob | null = null;

  constructor(
    readonly raw: RawSocket,
    readonly bestSendFile: SendFile,
  ) {
    this.remoteAddress = plainAddress(raw.remoteAddress);
    this.remotePort = raw.remotePort ?? 0;
    this.localPort = raw.localPort ?? 0;
    this.descriptor = descriptorOf(raw);
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    assert(!this.#isShutDown, "nothing is written behind a shutdown");
    if (this.isClosed) return -1;
    return length === 0 ? 0 : this.raw.write(bytes, offset, length);
  }

  /** What the kernel does not take goes through Bun, which then calls `drain`. */
  writeAhead(bytes: Uint8Array, offset: number, length: number): number {
    const calls = socketCalls();
    if (calls === null || length === 0) return this.write(bytes, offset, length);
    assert(!this.#isShutDown, "nothing is written behind a shutdown");
    // Its descriptor may be another socket's by now.
    if (this.isClosed) return -1;
    const sent = calls.sendAhead(this.descriptor, bytes, offset, length);
    if (sent === length) return sent;
    const rest = this.write(bytes, offset + sent, length - sent);
    return rest === -1 ? -1 : sent + rest;
  }

  sendFile(file: DiskFile, position: number, length: number): number {
    assert(!this.#isShutDown, "nothing is written behind a shutdown");
    // Its descriptor may be another socket's by now.
    if (this.isClosed) return -1;
    return this.bestSendFile(this, file, position, length);
  }

  sendsLater(size: number, isCold: boolean): boolean {
    if (this.isClosed || (size < SEND_THREADS_FROM && !isCold)) return false;
    return sendThreads() !== null;
  }

  sendLater(pieces: readonly SendPiece[], isCold: boolean, done: () => void): LaterSend | null {
    assert(!this.#isShutDown, "nothing is written behind a shutdown");
    if (this.isClosed) return null;
    const threads = sendThreads();
    assert(threads !== null, "threads that send");
    return (this.#sends = threads.begin(this.descriptor, pieces, isCold, done));
  }

  /** The threads know nothing of a socket that is closed here. */
  cancelSend(): void {
    this.#sends?.cancel();
    this.#sends = null;
  }

  pause(): void {
    if (!this.isClosed) this.raw.pause();
  }

  resume(): void {
    if (!this.isClosed) this.raw.resume();
  }

  shutdown(): void {
    if (this.isClosed || this.#isShutDown) return;
    this.#isShutDown = true;
    this.raw.shutdown();
  }

  terminate(): void {
    if (this.isClosed) return;
    this.cancelSend();
    this.raw.terminate();
  }

  drop(reason: string): void {
    this.dropReason = reason;
    this.terminate();
  }
}

/**
 * An IPv4 client of an IPv6 socket is known by its own address. A peer that has reset its
 * connection before it was accepted has none any more, whatever Bun's types say.
 */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** Bun has it, and its types do not. */
function descriptorOf(owner: object): number {
  const { fd } = owner as { fd?: unknown };
  assert(typeof fd === "number" && fd >= 0, "an open socket has a descriptor");
  return fd;
}

/** Bun gives no code where it finds no address for a name. */
function networkError(error: unknown, operation: string, otherwise: string): NetworkError {
  const code = codeOf(error, otherwise);
  return new NetworkError(code, `${operation}: ${code}`);
}

function codeOf(error: unknown, otherwise = "EIO"): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : otherwise;
}
