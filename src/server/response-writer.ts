/**
 * Sends the responses of one connection, and owns what the socket has not taken yet.
 *
 *   responses  | size correlation [tags] | part | part | file slice |   | size correlation ...
 *                 \______________ ______/  |      |        \
 *   scratch    [ gathered: small parts and slices ]   big parts: as they lie; big slices: sendfile
 *                 one write                           one write each
 *   rest       [ what the socket did not take of the scratch ]  -> goes first, after `drain`
 *
 * A turn's responses go out in one write when they are small: a system call costs more than
 * copying 64 KiB. The scratch is shared by all connections, as it is empty whenever a call ends.
 * What is much, threads send (`handed-pieces.ts`): the loop would be the one core that all who ask
 * for much wait for, and they would hold up all others.
 * File bytes that are not in the page cache are sent by threads that wait for the disk, or, where
 * there are none, read on the thread pool: the loop never waits for a disk.
 *
 * Invariants: bytes leave in order; an exchange is released exactly once, when its last byte is
 * written or copied; `unsentBytes` is what is neither; while `#waits`, or a thread sends, nothing
 * is written.
 */
import type { FileSlice } from "../api/request.ts";
import { assert } from "../base/assert.ts";
import type { Counter } from "../base/metrics.ts";
import { Queue } from "../base/queue.ts";
import { DiskError, type DiskFile, type LaterSend, type Socket } from "../base/world.ts";
import type { BufferPool } from "../protocol/frames/buffer-pool.ts";
import type { Exchange } from "./exchange.ts";
import { HANDED_BYTES_MAX, HandedPieces } from "./handed-pieces.ts";
import {
  bodySize,
  HEADER_SIZE,
  headerSizeOf,
  isSlice,
  sizeOf,
  writeHeader,
} from "./response-layout.ts";

/** Parts from this size on are written as they lie. */
export const BIG_PART_SIZE = 64 * 1024;
/** Slices from this size on go by sendfile: both ways cost the same at 32 KiB (measured). */
export const BIG_SLICE_SIZE = 48 * 1024;

export type FlushResult =
  /** All is sent. */
  | "idle"
  /** `drain`, or `onReadable`, will go on. */
  | "waiting"
  /** The socket has room, but the others shall have their turn. */
  | "more"
  | "closed";

export class ResponseWriter {
  readonly #socket: Socket;
  readonly #pool: BufferPool;
  readonly #bytesSent: Counter;
  /** Called when bytes of a file have come from the disk, or could not be had. */
  readonly #onReadable: (error: unknown) => void;
  readonly #queue = new Queue<Exchange>();
  /** Where in the first response: its header is part -1. */
  #partIndex = -1;
  #partPosition = 0;
  #unsentBytes = 0;
  #pushedBytes = 0;
  #rest: Rest | null = null;
  /** With a thread; nothing is written meanwhile. */
  #handed: Handed | null = null;
  #sentLater = 0;
  /** So many more times threads take what there is: it is far from the end of the log. */
  #coldSends = 0;
  /** What a thread could not do once, the loop does. */
  #handsNothing = false;
  /** The socket was full: `drained` will be called. */
  #waitsForRoom = false;
  /** Bytes of a file are on their way from the disk; a drain of the socket changes nothing. */
  #waitsForDisk = false;
  #isClosed = false;
  #written = 0;
  #gathered = 0;
  #partCount = 0;

  constructor(
    socket: Socket,
    pool: BufferPool,
    bytesSent: Counter,
    onReadable: (error: unknown) => void,
  ) {
    this.#socket = socket;
    this.#pool = pool;
    this.#bytesSent = bytesSent;
    this.#onReadable = onReadable;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** All that was ever to be sent. */
  get pushedBytes(): number {
    return this.#pushedBytes;
  }

  /** What of it the kernel has taken. */
  get takenBytes(): number {
    return this.#pushedBytes - this.#unsentBytes + (this.#handed?.later.sentBytes ?? 0);
  }

  /** Whether a thread has sent more since this was asked the last time. */
  hasSentLater(): boolean {
    const sent = this.#handed?.later.sentBytes ?? 0;
    const isMore = sent > this.#sentLater;
    this.#sentLater = sent;
    return isMore;
  }

  /** Its response is sent behind all earlier ones, at the next `flush`. */
  push(exchange: Exchange): void {
    const { response } = exchange;
    assert(response !== null, "an exchange with a response");
    // The socket says so at a write, before its last event comes.
    if (this.#isClosed) return exchange.release();
    this.#queue.push(exchange);
    const size = headerSizeOf(exchange) + bodySize(response.parts);
    this.#unsentBytes += size;
    this.#pushedBytes += size;
  }

  /** The socket has room again. */
  drained(): FlushResult {
    this.#waitsForRoom = false;
    return this.flush();
  }

  /** May throw what reading a file throws: then the connection cannot go on. */
  flush(): FlushResult {
    if (this.#isClosed) return "closed";
    if (this.#handed !== null && !this.#settle(this.#handed)) return "waiting";
    if (this.#waitsForRoom || this.#waitsForDisk) return "waiting";
    this.#written = 0;
    this.#gathered = 0;
    this.#partCount = 0;
    let goesOn = this.#writeRest();
    if (goesOn && this.#hand()) return "waiting";
    while (goesOn && this.#queue.length > 0) {
      if (this.#isEnough) {
        return this.#writeScratch() ? "more" : this.#state();
      }
      goesOn = this.#sendFirst(this.#queue.first());
    }
    if (goesOn) this.#writeScratch();
    return this.#state();
  }

  /** A thread takes what there is, if that is much, or has to come from the disk. */
  #hand(wasCold = this.#isFarBehind): boolean {
    if (this.#handsNothing || this.#queue.length === 0) return false;
    if (!this.#socket.sendsLater(this.#unsentBytes, wasCold)) return false;
    const bytes = this.#pool.take(HANDED_BYTES_MAX);
    const handed = new HandedPieces(bytes, wasCold);
    handed.gather(this.#queue, this.#partIndex, this.#partPosition);
    const { pieces, size, isCold } = handed;
    const later = this.#socket.sendsLater(size, isCold)
      ? this.#socket.sendLater(pieces, isCold, () => this.#onReadable(null))
      : null;
    if (later === null) {
      this.#pool.give(bytes);
      return false;
    }
    if (isCold) this.#coldSends = this.#coldSends > 0 ? this.#coldSends - 1 : COLD_SENDS;
    this.#handed = { later, bytes, size };
    this.#sentLater = 0;
    return true;
  }

  get #isFarBehind(): boolean {
    return this.#coldSends > 0 && this.#unsentBytes >= COLD_SEND_SIZE_MIN;
  }

  /** False while the thread is at it. */
  #settle({ later, bytes, size }: Handed): boolean {
    if (!later.isDone) return false;
    this.#handed = null;
    this.#pool.give(bytes);
    const sent = later.sentBytes;
    this.#countSent(sent);
    this.#advance(sent);
    if (sent < size) this.#handsNothing = true;
    return true;
  }

  /** So much more is sent of the queue. */
  #advance(size: number): void {
    let left = size;
    while (left > 0) {
      const exchange = this.#queue.first();
      const { parts } = exchange.response!;
      for (; this.#partIndex < parts.length; this.#nextPart()) {
        const part = this.#partIndex === -1 ? null : parts[this.#partIndex]!;
        const rest = (part === null ? headerSizeOf(exchange) : sizeOf(part)) - this.#partPosition;
        if (left < rest) {
          this.#partPosition += left;
          return;
        }
        left -= rest;
      }
      this.#endFirst();
    }
  }

  #endFirst(): void {
    const exchange = this.#queue.shift();
    this.#partIndex = -1;
    this.#partPosition = 0;
    exchange.release();
  }

  /** The connection is gone. */
  close(): void {
    this.#isClosed = true;
    this.#unsentBytes = 0;
    while (this.#queue.length > 0) this.#queue.shift().release();
    if (this.#rest !== null) this.#endRest(this.#rest);
    // A thread that was at it may still look at the bytes, which are nobody's from now on.
    this.#handed = null;
  }

  #state(): FlushResult {
    if (this.#isClosed) return "closed";
    if (this.#waitsForRoom || this.#waitsForDisk || this.#handed !== null) return "waiting";
    return this.#unsentBytes === 0 ? "idle" : "more";
  }

  /** As much of one response as goes out now; false when the socket is full, or all must wait. */
  #sendFirst(exchange: Exchange): boolean {
    const { parts } = exchange.response!;
    if (this.#partIndex === -1) {
      if (!this.#roomFor(HEADER_SIZE + 1)) return false;
      this.#gathered += writeHeader(exchange, scratch, this.#gathered, this.#partPosition);
      this.#nextPart();
    }
    while (this.#partIndex < parts.length) {
      const part = parts[this.#partIndex]!;
      if (this.#partPosition < sizeOf(part)) {
        const goesOn = isSlice(part) ? this.#sendSlice(part) : this.#sendBytes(part);
        if (!goesOn) return false;
        // A piece of a slice: the others get their turn between pieces.
        if (this.#partPosition < sizeOf(part)) return true;
      }
      this.#nextPart();
      if (this.#partCount >= TURN_PARTS_MAX && this.#partIndex < parts.length) return true;
    }
    this.#endFirst();
    return true;
  }

  #nextPart(): void {
    this.#partIndex++;
    this.#partPosition = 0;
    this.#partCount++;
  }

  /** For one turn. */
  get #isEnough(): boolean {
    return this.#written + this.#gathered >= TURN_SIZE_MAX || this.#partCount >= TURN_PARTS_MAX;
  }

  #sendBytes(part: Uint8Array): boolean {
    const left = part.length - this.#partPosition;
    if (left < BIG_PART_SIZE) {
      if (!this.#roomFor(left)) return false;
      if (this.#partPosition === 0) scratch.set(part, this.#gathered);
      else scratch.set(part.subarray(this.#partPosition), this.#gathered);
      this.#gathered += left;
      this.#partPosition += left;
      return true;
    }
    if (!this.#writeScratch()) return false;
    const taken = this.#socket.write(part, this.#partPosition, left);
    return this.#took(taken, left);
  }

  /** At most a piece of the slice: the caller comes again for the rest. */
  #sendSlice({ file, position, size }: FileSlice): boolean {
    const left = size - this.#partPosition;
    const at = position + this.#partPosition;
    if (left < BIG_SLICE_SIZE) {
      if (!this.#roomFor(Math.min(left, READ_SIZE_MAX))) return false;
      const length = Math.min(left, scratch.length - this.#gathered);
      const read = file.readCached(scratch, this.#gathered, length, at);
      if (read === -1) return this.#sendCold(file, at, length);
      if (read === 0) throw fileEnded(file, at);
      this.#gathered += read;
      this.#partPosition += read;
      return true;
    }
    const length = Math.min(left, SEND_FILE_SIZE_MAX);
    if (!file.isCached(at, length)) {
      return this.#sendCold(file, at, Math.min(left, COLD_READ_SIZE_MAX));
    }
    if (!this.#writeScratch(true)) return false;
    return this.#took(this.#socket.sendFile(file, at, length), length);
  }

  #took(taken: number, asked: number): boolean {
    if (taken === -1 || this.#isClosed) {
      this.#isClosed = true;
      return false;
    }
    this.#partPosition += taken;
    this.#countSent(taken);
    this.#waitsForRoom = taken < asked;
    return !this.#waitsForRoom;
  }

  /** Makes room in the scratch, by writing it if need be. */
  #roomFor(size: number): boolean {
    return this.#gathered + size <= scratch.length || this.#writeScratch();
  }

  /**
   * Afterwards the scratch is empty. False when the socket did not take all of it. `isFollowed`:
   * by bytes of a file, with which the kernel can send the headers in front.
   */
  #writeScratch(isFollowed = false): boolean {
    const size = this.#gathered;
    if (size === 0) return true;
    this.#gathered = 0;
    const taken = isFollowed
      ? this.#socket.writeAhead(scratch, 0, size)
      : this.#socket.write(scratch, 0, size);
    if (taken === -1) {
      this.#isClosed = true;
      return false;
    }
    this.#countSent(taken);
    if (taken === size) return true;
    const bytes = this.#pool.take(size - taken);
    scratch.copy(bytes, 0, taken, size);
    this.#rest = { bytes, position: 0, end: size - taken };
    this.#waitsForRoom = true;
    return false;
  }

  #writeRest(): boolean {
    const rest = this.#rest;
    if (rest === null) return true;
    const left = rest.end - rest.position;
    const taken = this.#socket.write(rest.bytes, rest.position, left);
    if (taken === -1) {
      this.#isClosed = true;
      return false;
    }
    rest.position += taken;
    this.#countSent(taken);
    if (taken < left) {
      this.#waitsForRoom = true;
      return false;
    }
    this.#endRest(rest);
    return true;
  }

  #countSent(size: number): void {
    this.#written += size;
    this.#unsentBytes -= size;
    this.#bytesSent.add(size);
  }

  #endRest(rest: Rest): void {
    this.#pool.give(rest.bytes);
    this.#rest = null;
  }

  /** What was gathered goes first; then a thread takes it, and all that comes after it. */
  #sendCold(file: DiskFile, position: number, length: number): boolean {
    if (this.#writeScratch() && !this.#hand(true)) this.#readLater(file, position, length);
    return false;
  }

  /** The bytes become the rest, and `onReadable` is called. */
  #readLater(file: DiskFile, position: number, length: number): void {
    this.#waitsForDisk = true;
    const bytes = this.#pool.take(length);
    file.readLater(bytes, 0, length, position).then(
      (read) => this.#haveRead(bytes, read, read === 0 ? fileEnded(file, position) : null),
      (error: unknown) => this.#haveRead(bytes, 0, error),
    );
  }

  #haveRead(bytes: Buffer, read: number, error: unknown): void {
    if (this.#isClosed) {
      this.#pool.give(bytes);
      return;
    }
    this.#partPosition += read;
    this.#rest = { bytes, position: 0, end: read };
    this.#waitsForDisk = false;
    this.#onReadable(error);
  }
}

/** Bytes on their way out that are in no response any more. */
interface Rest {
  readonly bytes: Buffer;
  position: number;
  readonly end: number;
}

/** On its way out by a thread: answers of the queue, from their place on. */
interface Handed {
  readonly later: LaterSend;
  /** Where the small parts of them lie. */
  readonly bytes: Buffer;
  readonly size: number;
}

/** What one connection may send before the others have their turn. */
const TURN_SIZE_MAX = 4 * 1024 * 1024;
/** Small slices take a read each, some 2 us, and an answer may have thousands. */
const TURN_PARTS_MAX = 1024;
const SEND_FILE_SIZE_MAX = 1024 * 1024;
const READ_SIZE_MAX = 64 * 1024;
const COLD_READ_SIZE_MAX = 256 * 1024;
/** Whoever reads from the disk does so for a while; not to look is the cheaper. */
const COLD_SENDS = 8;
const COLD_SEND_SIZE_MIN = 128 * 1024;

const scratch = Buffer.allocUnsafeSlow(256 * 1024);

/** A slice that was promised is not there. */
function fileEnded(file: DiskFile, position: number): DiskError {
  return new DiskError("EIO", file.path, `send from ${position} of`);
}
