/**
 * Reads Kafka's primitive types out of bytes that nobody vouches for.
 *
 * A declared size is never trusted: strings, bytes and arrays must fit into what remains, and what
 * arrays would cost on the heap is taken from an allowance before anything is allocated.
 * Everything wrong with the bytes is a `ProtocolError`.
 *
 * Invariant: 0 <= position <= end <= bytes.length.
 */
import { utf8Slice } from "../base/bytes.ts";
import { UUID_SIZE, uuidFromBytes } from "../base/uuid.ts";
import { ProtocolError } from "./protocol-error.ts";

/** More tagged fields in one struct than Kafka will define for long; unknown ones are skipped. */
export const TAGGED_FIELDS_MAX = 64;
/** As in Kafka, whatever the length field could hold. */
export const STRING_SIZE_MAX = 0x7fff;

/** Heap that decoding may take: so much for any message, and so much more for each of its bytes. */
const HEAP_BYTES_BASE = 65_536;
const HEAP_BYTES_PER_BYTE = 16;
const HEAP_BYTES_MAX = 256 * 1024 * 1024;

export class Reader {
  readonly #end: number;
  #position: number;
  #heapBytesLeft: number;

  /** Reads `bytes` from `position` up to `end`; `bytes` and `records` are given out as views. */
  constructor(
    readonly bytes: Buffer,
    position = 0,
    end = bytes.length,
  ) {
    this.#position = position;
    this.#end = end;
    this.#heapBytesLeft = Math.min(
      HEAP_BYTES_BASE + HEAP_BYTES_PER_BYTE * (end - position),
      HEAP_BYTES_MAX,
    );
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  int8(): number {
    return this.bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#take(2));
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.#take(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#take(4));
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#take(4));
  }

  int64(): number {
    const at = this.#take(8);
    const high = this.bytes.readInt32BE(at);
    const low = this.bytes.readUInt32BE(at + 4);
    const value = high * 0x1_0000_0000 + low;
    if (value > -(2 ** 53) && value < 2 ** 53) return value;
    if (high === 0x7fff_ffff && low === 0xffff_ffff) return 2 ** 63;
    if (high === -0x8000_0000 && low === 0) return -(2 ** 63);
    throw new ProtocolError(`int64 at ${at} is beyond 2^53`);
  }

  int64Big(): bigint {
    return this.bytes.readBigInt64BE(this.#take(8));
  }

  float64(): number {
    return this.bytes.readDoubleBE(this.#take(8));
  }

  uuid(): string {
    return uuidFromBytes(this.bytes, this.#take(UUID_SIZE));
  }

  /** At most five bytes and at most 2^31 - 1: all of Kafka's are sizes, counts and tags. */
  uvarint(): number {
    const first = this.bytes[this.#take(1)]!;
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let scale = 0x80; scale <= 0x1000_0000; scale *= 0x80) {
      const byte = this.bytes[this.#take(1)]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > 0x7fff_ffff) break;
        return value;
      }
    }
    throw new ProtocolError(`varint before ${this.#position} is beyond 2^31 - 1`);
  }

  string(): string {
    return this.#text(this.int16()) ?? nullRefused("string");
  }

  nullableString(): string | null {
    return this.#text(this.int16());
  }

  compactString(): string {
    return this.#text(this.uvarint() - 1) ?? nullRefused("string");
  }

  compactNullableString(): string | null {
    return this.#text(this.uvarint() - 1);
  }

  /** Also for records. */
  sizedBytes(): Buffer {
    return this.#viewOf(this.int32()) ?? nullRefused("bytes");
  }

  nullableBytes(): Buffer | null {
    return this.#viewOf(this.int32());
  }

  compactBytes(): Buffer {
    return this.#viewOf(this.uvarint() - 1) ?? nullRefused("bytes");
  }

  compactNullableBytes(): Buffer | null {
    return this.#viewOf(this.uvarint() - 1);
  }

  /**
   * The number of elements that follow: so many of at least `sizeMin` bytes must fit into what
   * remains, and `heapBytes` for each into the allowance.
   */
  count(sizeMin: number, heapBytes: number): number {
    return this.#countOf(this.int32(), sizeMin, heapBytes) ?? nullRefused("array");
  }

  nullableCount(sizeMin: number, heapBytes: number): number | null {
    return this.#countOf(this.int32(), sizeMin, heapBytes);
  }

  compactCount(sizeMin: number, heapBytes: number): number {
    return this.#countOf(this.uvarint() - 1, sizeMin, heapBytes) ?? nullRefused("array");
  }

  compactNullableCount(sizeMin: number, heapBytes: number): number | null {
    return this.#countOf(this.uvarint() - 1, sizeMin, heapBytes);
  }

  tagCount(): number {
    const count = this.uvarint();
    if (count > TAGGED_FIELDS_MAX) throw new ProtocolError(`${count} tagged fields in one struct`);
    return count;
  }

  /** A tagged section in which no field is known. */
  skipTags(): void {
    for (let left = this.tagCount(); left > 0; left--) {
      this.uvarint();
      this.skip(this.uvarint());
    }
  }

  /** A field that another version of the message has; a newer one would have another tag. */
  refuseTag(tag: number): never {
    throw new ProtocolError(`tag ${tag} is not one of this version`);
  }

  skip(size: number): void {
    this.#take(size);
  }

  /** Moves on by `size` and returns where it was. */
  #take(size: number): number {
    const at = this.#position;
    if (size > this.#end - at) throw endReached(size, this.#end - at);
    this.#position = at + size;
    return at;
  }

  /** Invalid UTF-8 becomes U+FFFD, as in Java. */
  #text(size: number): string | null {
    if (size <= 0) return size === 0 ? "" : null;
    if (size > STRING_SIZE_MAX) throw new ProtocolError(`string of ${size} bytes`);
    const at = this.#take(size);
    return utf8Slice(this.bytes, at, at + size);
  }

  #viewOf(size: number): Buffer | null {
    if (size < 0) return null;
    const at = this.#take(size);
    return this.bytes.subarray(at, at + size);
  }

  #countOf(count: number, sizeMin: number, heapBytes: number): number | null {
    if (count < 0) return null;
    if (count * sizeMin > this.#end - this.#position) {
      throw endReached(count * sizeMin, this.#end - this.#position);
    }
    this.#heapBytesLeft -= count * heapBytes;
    if (this.#heapBytesLeft < 0) throw new ProtocolError("message would take too much memory");
    return count;
  }
}

function endReached(size: number, remaining: number): ProtocolError {
  return new ProtocolError(`${size} bytes expected, ${remaining} remain`);
}

function nullRefused(what: string): never {
  throw new ProtocolError(`${what} is null where it must not be`);
}
