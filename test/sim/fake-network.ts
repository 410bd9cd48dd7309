/**
 * Sockets in memory, on a fake clock: in order and without loss, as TCP is, but as slow, as
 * chopped up and as broken as a test wants, and always the same from the same seed.
 *
 *   write -> [ pipe: chunks, FIN; each due later ] -> data, end     (one pipe for each direction)
 *             '--- at most `pipeSizeMax` bytes; a write that does not fit is short, and
 *                  `drain` follows when the reader has taken half of them
 *
 * Hosts are named by address. A cut between two hosts holds what is on its way back, as a broken
 * cable does; a reset loses it. A frozen host's kernel goes on, and its process hears of nothing
 * until its thaw. No event comes within a call: all come from the clock.
 */
import { assert } from "../../src/base/assert.ts";
import {
  type DiskFile,
  type LaterSend,
  type Listener,
  type Network,
  NetworkError,
  type SendPiece,
  type Socket,
  type SocketHandler,
} from "../../src/base/world.ts";
import type { FakeClock } from "./fake-clock.ts";
import type { FakeRandom } from "./fake-random.ts";

export interface NetworkConditions {
  /** How long bytes travel: random between the two. */
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** How much a pipe holds. */
  readonly pipeSizeMax: number;
  /** The share of writes that take less than there is room for. */
  readonly shortWriteRate: number;
  /** Chunks arrive in random pieces of at most so many bytes. */
  readonly chunkSizeMax: number;
  readonly connectTimeoutMs: number;
  /** So much at once goes by a thread. */
  readonly sendsLaterFrom: number;
}

const CALM: NetworkConditions = {
  delayMsMin: 0,
  delayMsMax: 0,
  pipeSizeMax: 256 * 1024,
  shortWriteRate: 0,
  chunkSizeMax: Infinity,
  connectTimeoutMs: 10_000,
  sendsLaterFrom: Infinity,
};

const FIRST_EPHEMERAL_PORT = 32_768;

export class FakeNetwork implements Network {
  conditions: NetworkConditions;
  /** As was last said; there are none here. */
  sendThreadsMax: number | null = null;
  /** What names stand for. */
  readonly names = new Map([["localhost", "127.0.0.1"]]);
  readonly #listeners = new Map<string, FakeListener>();
  readonly #sockets = new Set<FakeSocket>();
  readonly #cuts = new Set<string>();
  /** By "a>b": how much longer bytes travel. */
  readonly #detours = new Map<string, number>();
  /** What a frozen host's process would have been told, by its address. */
  readonly #frozen = new Map<string, (() => void)[]>();
  /** Without power: nothing answers there. */
  readonly #dark = new Set<string>();
  /** Told of all that arrives. */
  watch: ((from: FakeEnd, to: FakeEnd, bytes: Buffer) => void) | null = null;
  #block = Buffer.from(new ArrayBuffer(0));
  #blockUsed = Infinity;
  #nextPort = FIRST_EPHEMERAL_PORT;

  constructor(
    readonly clock: FakeClock,
    readonly random: FakeRandom,
    conditions: Partial<NetworkConditions> = {},
  ) {
    this.conditions = { ...CALM, ...conditions };
  }

  /** Open sockets, each end counted. */
  get socketCount(): number {
    return this.#sockets.size;
  }

  lookup(name: string): Promise<string | null> {
    return Promise.resolve(this.names.get(name) ?? null);
  }

  /** The network as a host sees it that has this address. */
  host(address: string): Network {
    return {
      listen: (_, port, accept) => this.#listen(address, port, accept),
      connect: (to, port, handler) => this.#connect(address, to, port, handler),
      lookup: (name) => this.lookup(name),
      limitSendThreads: (count) => this.limitSendThreads(count),
    };
  }

  limitSendThreads(count: number): void {
    this.sendThreadsMax = count;
  }

  listen(host: string, port: number, accept: (socket: Socket) => SocketHandler): Listener {
    return this.#listen(host, port, accept);
  }

  connect(host: string, port: number, handler: SocketHandler): Promise<Socket> {
    return this.#connect("127.0.0.1", host, port, handler);
  }

  /** Nothing passes between two hosts any more; `oneWay`: only what `a` sends is held. */
  cut(a: string, b: string, oneWay = false): void {
    this.#cuts.add(`${a}>${b}`);
    if (!oneWay) this.#cuts.add(`${b}>${a}`);
  }

  heal(a: string, b: string): void {
    this.#cuts.delete(`${a}>${b}`);
    this.#cuts.delete(`${b}>${a}`);
    for (const socket of [...this.#sockets]) socket.incoming.pump();
  }

  /** What is sent from now on takes so much longer from `a` to `b`; 0 ends that. */
  slow(a: string, b: string, byMs: number): void {
    if (byMs === 0) this.#detours.delete(`${a}>${b}`);
    else this.#detours.set(`${a}>${b}`, byMs);
  }

  healAll(): void {
    this.#cuts.clear();
    this.#detours.clear();
    for (const socket of [...this.#sockets]) socket.incoming.pump();
  }

  /** A process is killed: its sockets vanish without a word to it, and are reset to others. */
  crash(address: string): void {
    this.#end(address, (socket) => socket.vanish());
  }

  /** The power goes: others hear of it when they send something, and it has come back by then. */
  powerOff(address: string): void {
    this.#dark.add(address);
    this.#end(address, (socket) => socket.goDark());
  }

  powerOn(address: string): void {
    this.#dark.delete(address);
    for (const socket of [...this.#sockets]) {
      if (socket.remoteAddress === address) socket.peer.incoming.pump();
    }
  }

  isDark(address: string): boolean {
    return this.#dark.has(address);
  }

  freeze(address: string): void {
    if (!this.#frozen.has(address)) this.#frozen.set(address, []);
  }

  thaw(address: string): void {
    const held = this.#frozen.get(address) ?? [];
    this.#frozen.delete(address);
    for (const callback of held) this.clock.schedule(0, () => this.tell(address, callback));
    for (const socket of [...this.#sockets]) {
      if (socket.host === address) this.clock.schedule(0, () => socket.incoming.pump());
    }
  }

  isFrozen(address: string): boolean {
    return this.#frozen.has(address);
  }

  /** Runs in the process of a host, when it runs. */
  tell(address: string, callback: () => void): void {
    const held = this.#frozen.get(address);
    if (held === undefined) callback();
    else held.push(callback);
  }

  /** Resets the connections that `chosen` picks, each seen from the end that was made first. */
  breakConnections(chosen: (end: FakeEnd, other: FakeEnd) => boolean): number {
    let count = 0;
    for (const socket of [...this.#sockets]) {
      if (socket.isClosed || !socket.isCaller || !chosen(socket, socket.peer)) continue;
      socket.incoming.writeReset();
      socket.peer.incoming.writeReset();
      count++;
    }
    return count;
  }

  /** Nothing arrives for so long on the connections that `chosen` picks, each end by itself. */
  stall(chosen: (end: FakeEnd) => boolean, forMs: number): number {
    let count = 0;
    for (const socket of [...this.#sockets]) {
      if (socket.isClosed || !chosen(socket)) continue;
      socket.incoming.stall(forMs);
      count++;
    }
    return count;
  }

  #end(address: string, end: (socket: FakeSocket) => void): void {
    this.#frozen.delete(address);
    for (const [key, listener] of [...this.#listeners]) {
      if (listener.host === address) this.#listeners.delete(key);
    }
    for (const socket of [...this.#sockets]) if (socket.host === address) end(socket);
  }

  /** Bytes on their way. They are cut from blocks, as each buffer of its own costs far more. */
  copyOf(bytes: Uint8Array, at: number, size: number): Buffer {
    if (size > BLOCK_SIZE / 4) return Buffer.from(bytes.subarray(at, at + size));
    if (this.#blockUsed + size > BLOCK_SIZE) {
      this.#block = Buffer.from(new ArrayBuffer(BLOCK_SIZE));
      this.#blockUsed = 0;
    }
    const copy = this.#block.subarray(this.#blockUsed, this.#blockUsed + size);
    this.#blockUsed += size;
    copy.set(at === 0 && size === bytes.length ? bytes : bytes.subarray(at, at + size));
    return copy;
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  delayMs(from: string, to: string): number {
    const { delayMsMin, delayMsMax } = this.conditions;
    const usual = delayMsMin + (this.random.uint32() / 2 ** 32) * (delayMsMax - delayMsMin);
    return this.#detours.size === 0 ? usual : usual + (this.#detours.get(`${from}>${to}`) ?? 0);
  }

  forget(socket: FakeSocket): void {
    this.#sockets.delete(socket);
  }

  #listen(host: string, port: number, accept: (socket: Socket) => SocketHandler): Listener {
    const given = port === 0 ? this.#nextPort++ : port;
    const key = `${host}:${given}`;
    if (this.#listeners.has(key))
      throw new NetworkError("EADDRINUSE", `listen on ${key}: EADDRINUSE`);
    const listener: FakeListener = {
      host,
      port: given,
      accept,
      stop: () => {
        if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
      },
    };
    this.#listeners.set(key, listener);
    return listener;
  }

  #connect(from: string, to: string, port: number, handler: SocketHandler): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const fail = (code: string) =>
      this.tell(from, () => {
        reject(new NetworkError(code, `connect to ${to}:${port}: ${code}`));
      });
    this.clock.schedule(this.delayMs(from, to), () => {
      if (this.isCut(from, to) || this.isCut(to, from) || this.isDark(to)) {
        this.clock.schedule(this.conditions.connectTimeoutMs, () => fail("ETIMEDOUT"));
        return;
      }
      const listener =
        this.#listeners.get(`${to}:${port}`) ?? this.#listeners.get(`0.0.0.0:${port}`);
      if (listener === undefined) return fail("ECONNREFUSED");
      if (this.isDark(from)) return;
      const localPort = this.#nextPort++;
      const ours = new FakeSocket(this, from, to, port, localPort);
      const theirs = new FakeSocket(this, to, from, localPort, port);
      ours.incoming = new Pipe(this, theirs, ours);
      theirs.incoming = new Pipe(this, ours, theirs);
      ours.peer = theirs;
      theirs.peer = ours;
      ours.isCaller = true;
      this.#sockets.add(ours).add(theirs);
      ours.handler = handler;
      this.tell(to, () => {
        if (!theirs.isClosed) theirs.handler = listener.accept(theirs);
      });
      this.tell(from, () => resolve(ours));
    });
    return promise;
  }
}

/** Where a connection ends. */
export interface FakeEnd {
  readonly host: string;
  readonly localPort: number;
}

interface FakeListener extends Listener {
  readonly host: string;
  readonly accept: (socket: Socket) => SocketHandler;
}

class FakeSocket implements Socket {
  handler: SocketHandler | null = null;
  /** What the peer has sent. Set when both ends are made. */
  incoming!: Pipe;
  peer!: FakeSocket;
  /** It asked for the connection. */
  isCaller = false;
  isPaused = false;
  isClosed = false;
  /** Under way; nothing else is written meanwhile. */
  laterSend: FakeLaterSend | null = null;
  /** Its host lost power: whoever sends something to it is told so, once the host is back. */
  isDark = false;
  /** A reset has come; what was received before it may still be read. */
  isReset = false;
  #isShutDown = false;
  #peerEnded = false;

  constructor(
    readonly network: FakeNetwork,
    readonly host: string,
    readonly remoteAddress: string,
    readonly remotePort: number,
    readonly localPort: number,
  ) {}

  write(bytes: Uint8Array, offset: number, length: number): number {
    assert(!this.#isShutDown, "nothing is written behind a shutdown");
    assert(this.laterSend === null, "nothing is written while a thread sends");
    if (this.isClosed || this.isReset) return -1;
    return this.peer.incoming.write(bytes, offset, length);
  }

  writeAhead(bytes: Uint8Array, offset: number, length: number): number {
    return this.write(bytes, offset, length);
  }

  sendFile(file: DiskFile, position: number, length: number): number {
    return this.write(bytesOf(file, position, length), 0, length);
  }

  sendsLater(size: number, isCold: boolean): boolean {
    const { sendsLaterFrom } = this.network.conditions;
    return isCold ? sendsLaterFrom < Infinity : size >= sendsLaterFrom;
  }

  sendLater(pieces: readonly SendPiece[], _isCold: boolean, done: () => void): LaterSend | null {
    return this.isClosed ? null : new FakeLaterSend(this, pieces, done);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.network.clock.schedule(0, () => this.incoming.pump());
  }

  shutdown(): void {
    if (this.isClosed || this.#isShutDown) return;
    this.#isShutDown = true;
    this.peer.incoming.writeEnd();
    if (this.#peerEnded) this.#closeSoon(null);
  }

  terminate(): void {
    if (this.isClosed) return;
    this.#closeSoon(null);
    this.peer.incoming.writeReset();
  }

  /** The host is gone: it hears nothing of it. */
  vanish(): void {
    this.handler = null;
    this.isClosed = true;
    this.network.forget(this);
    this.peer.incoming.writeReset();
  }

  /** The power of its host is gone: nobody hears of it yet. */
  goDark(): void {
    this.handler = null;
    this.isClosed = true;
    this.isDark = true;
    this.network.forget(this);
    this.peer.incoming.drop();
  }

  ended(): void {
    this.#peerEnded = true;
    this.handler?.end();
    if (this.#isShutDown) this.#closeSoon(null);
  }

  reset(): void {
    this.#closeSoon("ECONNRESET");
  }

  #closeSoon(reason: string | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.incoming.drop();
    this.network.forget(this);
    this.network.clock.schedule(0, () => {
      this.network.tell(this.host, () => this.handler?.close(reason));
    });
  }
}

/** As a thread sends: while its job is under way nobody else writes, and nobody hears `drain`. */
class FakeLaterSend implements LaterSend {
  readonly #socket: FakeSocket;
  readonly #pieces: readonly SendPiece[];
  readonly #done: () => void;
  isDone = false;
  sentBytes = 0;

  constructor(socket: FakeSocket, pieces: readonly SendPiece[], done: () => void) {
    this.#socket = socket;
    this.#pieces = pieces;
    this.#done = done;
    socket.laterSend = this;
    socket.network.clock.schedule(0, () => this.goOn());
  }

  goOn(): void {
    const socket = this.#socket;
    if (socket.isClosed) return;
    let end = 0;
    for (const { source, position, size } of this.#pieces) {
      const from = end;
      end += size;
      while (this.sentBytes < end) {
        const at = this.sentBytes - from;
        const asked = Math.min(size - at, socket.network.conditions.pipeSizeMax);
        const bytes = bytesOf(source, position + at, asked);
        const taken = socket.isReset ? -1 : socket.peer.incoming.write(bytes, 0, asked);
        if (taken === -1) return this.#end();
        this.sentBytes += taken;
        // There will be room again.
        if (taken < asked) return;
      }
    }
    this.#end();
  }

  #end(): void {
    const socket = this.#socket;
    this.isDone = true;
    socket.laterSend = null;
    socket.network.clock.schedule(0, () => {
      socket.network.tell(socket.host, () => {
        if (!socket.isClosed) this.#done();
      });
    });
  }
}

function bytesOf(source: Uint8Array | DiskFile, position: number, size: number): Uint8Array {
  if (source instanceof Uint8Array) return source.subarray(position, position + size);
  const bytes = Buffer.allocUnsafe(size);
  assert(source.read(bytes, 0, size, position) === size, "a file has what is sent of it");
  return bytes;
}

interface Item {
  readonly kind: "data" | "end" | "reset";
  readonly dueMs: number;
  readonly bytes: Buffer;
}

/** One direction of a connection. */
class Pipe {
  #items: Item[] = [];
  #size = 0;
  #lastDueMs = 0;
  #stalledUntilMs = 0;
  #wasShort = false;

  constructor(
    readonly network: FakeNetwork,
    readonly from: FakeSocket,
    readonly to: FakeSocket,
  ) {}

  write(bytes: Uint8Array, offset: number, length: number): number {
    const { conditions, random } = this.network;
    let taken = Math.min(length, conditions.pipeSizeMax - this.#size);
    if (taken > 0 && random.chance(conditions.shortWriteRate)) taken = random.below(taken);
    let at = offset;
    while (at < offset + taken) {
      const left = offset + taken - at;
      const most = Math.min(left, conditions.chunkSizeMax);
      const size = conditions.chunkSizeMax === Infinity ? most : random.between(1, most);
      this.#add("data", this.network.copyOf(bytes, at, size));
      at += size;
    }
    if (taken < length) {
      this.#wasShort = true;
      // Room there may be at once, if the write was cut short by chance.
      this.network.clock.schedule(0, () => this.#drainIfRoom());
    }
    return taken;
  }

  writeEnd(): void {
    this.#add("end", EMPTY);
  }

  /** What was on its way is lost, or it lies in the kernel when the reset comes, to be read yet. */
  writeReset(): void {
    const rest = this.#items;
    this.drop();
    this.#add("reset", EMPTY);
    if (this.network.random.chance(0.5)) return;
    this.#items.unshift(...rest.map((item) => ({ ...item, dueMs: this.#lastDueMs })));
  }

  drop(): void {
    this.#items = [];
    this.#size = 0;
  }

  /** What is on its way, and what is sent yet, takes so much longer: a packet was lost, say. */
  stall(forMs: number): void {
    const { clock } = this.network;
    this.#stalledUntilMs = clock.monotonicMs() + forMs;
    clock.schedule(forMs, () => this.pump());
  }

  /** Delivers what is due, unless the reader is paused or the way is cut. */
  pump(): void {
    const { clock } = this.network;
    if (this.to.isDark) return this.#strandAt();
    if (this.network.isFrozen(this.to.host)) return;
    if (this.#stalledUntilMs > clock.monotonicMs()) return;
    while (!this.to.isClosed) {
      const item = this.#items[0];
      if (item === undefined || item.dueMs > clock.monotonicMs()) return;
      if (this.network.isCut(this.from.host, this.to.host)) return;
      const last = this.#items.at(-1)!;
      if (last.kind === "reset" && last.dueMs <= clock.monotonicMs()) this.to.isReset = true;
      // As in Bun, what came before a reset is delivered even to who does not read.
      if (this.to.isPaused && !this.to.isReset) return;
      this.#items.shift();
      this.#deliver(item);
    }
  }

  #deliver({ kind, bytes }: Item): void {
    if (kind === "end") return this.to.ended();
    if (kind === "reset") return this.to.reset();
    this.#size -= bytes.length;
    this.network.watch?.(this.from, this.to, bytes);
    this.to.handler?.data(bytes);
    if (this.#wasShort) this.network.clock.schedule(0, () => this.#drainIfRoom());
  }

  #drainIfRoom(): void {
    if (!this.#wasShort || this.from.isClosed) return;
    if (this.#size > this.network.conditions.pipeSizeMax / 2) return;
    this.#wasShort = false;
    // The kernel's work, whether the process runs or not.
    if (this.from.laterSend !== null) return this.from.laterSend.goOn();
    this.network.tell(this.from.host, () => {
      if (!this.from.isClosed) this.from.handler?.drain();
    });
  }

  /** The host that this goes to has lost its power; when it is back, it knows no such connection. */
  #strandAt(): void {
    const item = this.#items[0];
    if (item === undefined || item.dueMs > this.network.clock.monotonicMs()) return;
    const { from, to } = this;
    if (this.network.isDark(to.host) || this.network.isCut(from.host, to.host)) return;
    this.drop();
    from.incoming.writeReset();
  }

  #add(kind: Item["kind"], bytes: Buffer): void {
    const { clock } = this.network;
    const delayMs = this.network.delayMs(this.from.host, this.to.host);
    const dueMs = Math.max(this.#lastDueMs, clock.monotonicMs() + delayMs);
    this.#lastDueMs = dueMs;
    this.#items.push({ kind, dueMs, bytes });
    this.#size += bytes.length;
    clock.schedule(dueMs - clock.monotonicMs(), () => this.pump());
  }
}

const EMPTY = Buffer.alloc(0);
const BLOCK_SIZE = 65_536;
