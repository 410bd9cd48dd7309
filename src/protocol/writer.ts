/**
 * Writes Kafka's primitive types into bytes that grow as needed.
 *
 *   buffer  [ sealed part | sealed part | open part      |          free ]
 *                                         ^start          ^position       ^buffer.length
 *
 * Byte fields of `DETACHED_SIZE_MIN` and more are not copied: the open part is sealed, the field is
 * a part of its own, and writing goes on behind in the same buffer. They must stay as they are until
 * the parts have been sent.
 *
 * A value outside its type's range is a bug of ours and breaks an assertion.
 */
import { asBuffer, utf8Write } from "../base/bytes.ts";
import { assert } from "../base/assert.ts";
import { UUID_SIZE, writeUuid } from "../base/uuid.ts";
import { STRING_SIZE_MAX } from "./reader.ts";

const DETACHED_SIZE_MIN = 4096;
const INITIAL_SIZE = 512;
/** The longest string whose UTF-8 surely has a one-byte compact length. */
const SHORT_TEXT_LENGTH = 42;

export class Writer {
  #buffer: Buffer;
  #view: DataView;
  #start = 0;
  #position = 0;
  #parts: Buffer[] = [];
  #sealedSize = 0;
  /** Within a tagged field nothing is detached, as its size is put in front afterwards. */
  #openTags = 0;

  constructor(sizeHint = INITIAL_SIZE) {
    this.#buffer = Buffer.allocUnsafeSlow(sizeHint);
    this.#view = viewOf(this.#buffer);
  }

  get size(): number {
    return this.#sealedSize + this.#position - this.#start;
  }

  /** All that was written, in order. */
  parts(): Buffer[] {
    this.#seal();
    return this.#parts;
  }

  /** The same in one piece; copies if there are several parts. */
  bytes(): Buffer {
    const parts = this.parts();
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  boolean(value: boolean): void {
    this.#buffer[this.#reserve(1)] = value ? 1 : 0;
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) outOfRange(value, "int8");
    this.#view.setInt8(this.#reserve(1), value);
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) outOfRange(value, "int16");
    this.#view.setInt16(this.#reserve(2), value);
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) outOfRange(value, "uint16");
    this.#view.setUint16(this.#reserve(2), value);
  }

  int32(value: number): void {
    if ((value | 0) !== value) outOfRange(value, "int32");
    this.#view.setInt32(this.#reserve(4), value);
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) outOfRange(value, "uint32");
    this.#view.setUint32(this.#reserve(4), value);
  }

  /** 2^63 and -2^63 stand for Java's Long.MAX_VALUE and MIN_VALUE, as in the reader. */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) return this.int64Big(edgeOf(value));
    const at = this.#reserve(8);
    const high = Math.floor(value / 0x1_0000_0000);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, value - high * 0x1_0000_0000);
  }

  int64Big(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) outOfRange(value, "int64");
    this.#view.setBigInt64(this.#reserve(8), value);
  }

  float64(value: number): void {
    this.#view.setFloat64(this.#reserve(8), value);
  }

  uuid(value: string): void {
    const at = this.#reserve(UUID_SIZE);
    writeUuid(value, this.#buffer, at);
  }

  uvarint(value: number): void {
    if (value >= 0 && value < 0x80) {
      this.#buffer[this.#reserve(1)] = value;
      return;
    }
    if ((value | 0) !== value || value < 0) outOfRange(value, "varint");
    let left = value;
    for (; left >= 0x80; left >>>= 7) this.#buffer[this.#reserve(1)] = (left & 0x7f) | 0x80;
    this.#buffer[this.#reserve(1)] = left;
  }

  string(value: string): void {
    const at = this.#reserve(2 + 3 * value.length);
    const size = utf8Write(this.#buffer, value, at + 2, 3 * value.length);
    if (size > STRING_SIZE_MAX) outOfRange(size, "string size");
    this.#view.setInt16(at, size);
    this.#position = at + 2 + size;
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1);
    else this.string(value);
  }

  compactString(value: string): void {
    if (value.length > SHORT_TEXT_LENGTH) this.#longCompactString(value);
    else {
      const at = this.#reserve(1 + 3 * value.length);
      const size = utf8Write(this.#buffer, value, at + 1, 3 * value.length);
      this.#buffer[at] = size + 1;
      this.#position = at + 1 + size;
    }
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.uvarint(0);
    else this.compactString(value);
  }

  /** Also for records. */
  sizedBytes(value: Uint8Array): void {
    this.int32(value.length);
    this.raw(value);
  }

  nullableBytes(value: Uint8Array | null): void {
    if (value === null) this.int32(-1);
    else this.sizedBytes(value);
  }

  compactBytes(value: Uint8Array): void {
    this.uvarint(value.length + 1);
    this.raw(value);
  }

  compactNullableBytes(value: Uint8Array | null): void {
    if (value === null) this.uvarint(0);
    else this.compactBytes(value);
  }

  /** Bytes without a length in front. */
  raw(value: Uint8Array): void {
    if (value.length >= DETACHED_SIZE_MIN && this.#openTags === 0) {
      this.#seal();
      this.#parts.push(asBuffer(value));
      this.#sealedSize += value.length;
    } else {
      const at = this.#reserve(value.length);
      this.#buffer.set(value, at);
    }
  }

  /** Begins a tagged field; what is written up to `endTag` is its value. */
  beginTag(tag: number): number {
    this.uvarint(tag);
    this.#openTags++;
    return this.size;
  }

  endTag(begin: number): void {
    this.#openTags--;
    const size = this.size - begin;
    this.uvarint(size);
    const prefixSize = this.size - begin - size;
    const from = this.#position - prefixSize - size;
    this.#buffer.copyWithin(from + prefixSize, from, from + size);
    this.#position = from;
    this.uvarint(size);
    this.#position += size;
  }

  #longCompactString(value: string): void {
    const size = Buffer.byteLength(value);
    if (size > STRING_SIZE_MAX) outOfRange(size, "string size");
    this.uvarint(size + 1);
    const at = this.#reserve(size);
    utf8Write(this.#buffer, value, at, size);
  }

  #seal(): void {
    if (this.#position === this.#start) return;
    this.#parts.push(this.#buffer.subarray(this.#start, this.#position));
    this.#sealedSize += this.#position - this.#start;
    this.#start = this.#position;
  }

  /** Moves on by `size` and returns where it was. */
  #reserve(size: number): number {
    let at = this.#position;
    if (at + size > this.#buffer.length) at = this.#grow(size);
    this.#position = at + size;
    return at;
  }

  /** Takes the open part along; sealed parts stay where they are. */
  #grow(size: number): number {
    const openSize = this.#position - this.#start;
    const buffer = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, openSize + size));
    this.#buffer.copy(buffer, 0, this.#start, this.#position);
    this.#buffer = buffer;
    this.#view = viewOf(buffer);
    this.#start = 0;
    this.#position = openSize;
    return openSize;
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function edgeOf(value: number): bigint {
  assert(value === 2 ** 63 || value === -(2 ** 63), `${value} is not an int64`);
  return value > 0 ? 2n ** 63n - 1n : -(2n ** 63n);
}

function outOfRange(value: number | bigint, what: string): never {
  assert(false, `${value} is not a ${what}`);
}
