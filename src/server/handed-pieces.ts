/**
 * What a thread is to send of a connection's answers, from some place in the first of them on: the
 * bytes and ranges of files that its writer would send, in the same order.
 *
 *   responses   | header | part | file slice | part | BIG PART | header | part | file slice |
 *   pieces      [    bytes      ][  file    ][bytes][as it lies][    bytes     ][  file     ]
 */
import type { Part } from "../api/request.ts";
import type { Queue } from "../base/queue.ts";
import { SEND_PIECES_MAX, type SendPiece } from "../base/world.ts";
import type { Exchange } from "./exchange.ts";
import { isSlice, sizeOf, writeHeader, HEADER_SIZE } from "./response-layout.ts";

/** Of headers and small parts. */
export const HANDED_BYTES_MAX = 16 * 1024;
/** Of small arrays the engine may move the bytes. */
const COPIED_BELOW = 4096;
const CHECKED_SIZE_MAX = 1024 * 1024;
/** The others' turn comes when so much is on its way. */
const HANDED_SIZE_MAX = 16 * 1024 * 1024;

export class HandedPieces {
  readonly pieces: SendPiece[] = [];
  size = 0;
  /** Some of it has to come from the disk. */
  isCold: boolean;
  /** Headers and small parts: of `HANDED_BYTES_MAX`. */
  readonly #bytes: Buffer;
  #used = 0;
  #copiedFrom = 0;

  constructor(bytes: Buffer, isCold: boolean) {
    this.#bytes = bytes;
    this.isCold = isCold;
  }

  gather(queue: Queue<Exchange>, partIndex: number, partPosition: number): void {
    let index = partIndex;
    let position = partPosition;
    for (let at = 0; at < queue.length && this.size < HANDED_SIZE_MAX; at++) {
      const exchange = queue.at(at);
      const { parts } = exchange.response!;
      if (index === -1) {
        if (!this.#addHeader(exchange, position)) break;
        index = 0;
        position = 0;
      }
      for (; index < parts.length; index++, position = 0) {
        const part = parts[index]!;
        if (position < sizeOf(part) && !this.#addPart(part, position)) return this.#endCopies();
      }
      index = -1;
    }
    this.#endCopies();
  }

  #addHeader(exchange: Exchange, from: number): boolean {
    if (!this.#hasRoomFor(HEADER_SIZE + 1)) return false;
    this.#used += writeHeader(exchange, this.#bytes, this.#used, from);
    return true;
  }

  #addPart(part: Part, from: number): boolean {
    if (isSlice(part)) {
      const { file, position } = part;
      for (let at = from; at < part.size;) {
        const size = Math.min(part.size - at, CHECKED_SIZE_MAX);
        this.isCold ||= !file.isCached(position + at, size);
        if (!this.#add(file, position + at, size)) return false;
        at += size;
      }
      return true;
    }
    const size = part.length - from;
    if (size >= COPIED_BELOW) return this.#add(part, from, size);
    if (!this.#hasRoomFor(size)) return false;
    this.#bytes.set(from === 0 ? part : part.subarray(from), this.#used);
    this.#used += size;
    return true;
  }

  #hasRoomFor(size: number): boolean {
    return this.#used + size <= HANDED_BYTES_MAX && this.pieces.length < SEND_PIECES_MAX;
  }

  #add(source: SendPiece["source"], position: number, size: number): boolean {
    // With the bytes in front of it.
    if (this.pieces.length + 2 > SEND_PIECES_MAX) return false;
    this.#endCopies();
    this.pieces.push({ source, position, size });
    this.size += size;
    return true;
  }

  #endCopies(): void {
    const from = this.#copiedFrom;
    const size = this.#used - from;
    if (size === 0) return;
    this.#copiedFrom = this.#used;
    this.pieces.push({ source: this.#bytes, position: from, size });
    this.size += size;
  }
}
