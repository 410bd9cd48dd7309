/**
 * Writes Kafka's primitive types into bytes that grow as needed.
 *
 *   buffer  [ sealed part | sealed part | open part      |          free ]
 *                                         ^start          ^position       ^buffer.length
 *
 * Byte fields of `DETACHED_SIZE_MIN` and more are not copied: the open part is sealed, the field is
 * a part of its own, and writing goes on behind in the same buffer. Such a field must stay as it is
 * until the parts have been sent. Records may also lie in a file and be sent from there.
 *
 * A value outside its type's range is a bug of ours and breaks an assertion.
 */
import { asBuffer, utf8Write } from "../base/bytes.ts";
import { assert } from "../base/assert.ts";
import { UUID_SIZE, writeUuid } from "../base/uuid.ts";
import type { DiskFile } from "../base/world.ts";
import { ProtocolError } from "./protocol-error.ts";
import { STRING_SIZE_MAX } from "./reader.ts";

/** Below, a copy is cheaper than another write to a socket. */
const DETACHED_SIZE_MIN = 32_768;
const UVARINT_SIZE_MAX = 5;
/** The longest string whose UTF-8 surely has a one-byte compact length. */
const SHORT_TEXT_LENGTH = 42;

/** A range of a file, to be sent from there; it stays open and unchanged until then. */
export interface FileSlice {
  readonly file: DiskFile;
  readonly position: number;
  readonly size: number;
}

/** Of whoever does not count. */
const NO_COUNTS = new Float64Array(0);

export class Writer {
  /** The error codes that are written are counted here, from -1 on. */
  errorCounts: Float64Array = NO_COUNTS;
  #slab: Slab;
  #buffer: Buffer;
  #view: DataView;
  #start: number;
  #position: number;
  #parts: (Buffer | FileSlice)[] = [];
  #sealedSize = 0;
  /** Within a tagged field nothing is detached, as its size is put in front afterwards. */
  #openTags = 0;

  constructor() {
    this.#slab = idleSlabs.pop() ?? new Slab(SLAB_SIZE);
    this.#buffer = this.#slab.buffer;
    this.#view = this.#slab.view;
    this.#start = this.#slab.usedSize;
    this.#position = this.#start;
  }

  get size(): number {
    return this.#sealedSize + this.#position - this.#start;
  }

  /** All that was written, in order; ends the writing. The memory is shared: never transfer it. */
  parts(): (Buffer | FileSlice)[] {
    this.#seal();
    this.#slab.giveBack(this.#position);
    this.#slab = NO_SLAB;
    this.#buffer = NO_SLAB.buffer;
    return this.#parts;
  }

  /** The same in one piece, for what has no file slices; copies if there are several parts. */
  bytes(): Buffer {
    const parts = this.parts();
    assert(parts.every(Buffer.isBuffer), "all bytes are in memory");
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  boolean(value: boolean): void {
    const at = this.#reserve(1);
    this.#buffer[at] = value ? 1 : 0;
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) outOfRange(value, "int8");
    const at = this.#reserve(1);
    this.#view.setInt8(at, value);
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) outOfRange(value, "int16");
    const at = this.#reserve(2);
    this.#view.setInt16(at, value);
  }

  errorCode(value: number): void {
    this.int16(value);
    this.errorCounts[value + 1]!++;
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) outOfRange(value, "uint16");
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
  }

  int32(value: number): void {
    if ((value | 0) !== value) outOfRange(value, "int32");
    const at = this.#reserve(4);
    this.#view.setInt32(at, value);
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) outOfRange(value, "uint32");
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
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
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, value);
  }

  float64(value: number): void {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value);
  }

  uuid(value: string): void {
    const at = this.#reserve(UUID_SIZE);
    writeUuid(value, this.#buffer, at);
  }

  uvarint(value: number): void {
    if ((value | 0) !== value || value < 0) outOfRange(value, "varint");
    let at = this.#reserve(UVARINT_SIZE_MAX);
    let left = value;
    for (; left >= 0x80; left >>>= 7) this.#buffer[at++] = (left & 0x7f) | 0x80;
    this.#buffer[at++] = left;
    this.#position = at;
  }

  string(value: string): void {
    const at = this.#reserve(2 + 3 * value.length);
    const size = utf8Write(this.#buffer, value, at + 2, 3 * value.length);
    if (size > STRING_SIZE_MAX) tooLong(size);
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
  sizedBytes(value: Uint8Array | FileSlice): void {
    this.int32(sizeOf(value));
    this.#body(value);
  }

  nullableBytes(value: Uint8Array | FileSlice | null): void {
    if (value === null) this.int32(-1);
    else this.sizedBytes(value);
  }

  compactBytes(value: Uint8Array | FileSlice): void {
    this.uvarint(sizeOf(value) + 1);
    this.#body(value);
  }

  compactNullableBytes(value: Uint8Array | FileSlice | null): void {
    if (value === null) this.uvarint(0);
    else this.compactBytes(value);
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

  #body(value: Uint8Array | FileSlice): void {
    const isInMemory = value instanceof Uint8Array;
    if (isInMemory && (value.length < DETACHED_SIZE_MIN || this.#openTags > 0)) {
      const at = this.#reserve(value.length);
      this.#buffer.set(value, at);
      return;
    }
    assert(this.#openTags === 0, "no file slice in a tagged field");
    this.#seal();
    this.#parts.push(isInMemory ? asBuffer(value) : value);
    this.#sealedSize += sizeOf(value);
  }

  #longCompactString(value: string): void {
    const size = Buffer.byteLength(value);
    if (size > STRING_SIZE_MAX) tooLong(size);
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
    assert(this.#slab !== NO_SLAB, "nothing is written behind the end");
    const openSize = this.#position - this.#start;
    const slab = new Slab(Math.max(SLAB_SIZE, 2 * (openSize + size)));
    this.#buffer.copy(slab.buffer, 0, this.#start, this.#position);
    this.#slab.giveBack(this.#start);
    this.#slab = slab;
    this.#buffer = slab.buffer;
    this.#view = slab.view;
    this.#start = 0;
    this.#position = openSize;
    return openSize;
  }
}

/** Memory that many messages share, one behind the other; one writer has it at a time. */
class Slab {
  usedSize = 0;
  readonly buffer: Buffer;
  readonly view: DataView;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafeSlow(size);
    this.view = new DataView(this.buffer.buffer);
  }

  /** What lies before `usedSize` belongs to the messages that were written there. */
  giveBack(usedSize: number): void {
    this.usedSize = usedSize;
    if (this.buffer.length !== SLAB_SIZE || usedSize > SLAB_SIZE - SLAB_FREE_MIN) return;
    if (idleSlabs.length < IDLE_SLABS_MAX) idleSlabs.push(this);
  }
}

const SLAB_SIZE = 16_384;
/** With less room left, the next message would only be copied to another slab. */
const SLAB_FREE_MIN = 1024;
const IDLE_SLABS_MAX = 4;
const idleSlabs: Slab[] = [];
const NO_SLAB = new Slab(0);

function sizeOf(value: Uint8Array | FileSlice): number {
  return value instanceof Uint8Array ? value.length : value.size;
}

function edgeOf(value: number): bigint {
  assert(value === 2 ** 63 || value === -(2 ** 63), `${value} is not an int64`);
  return value > 0 ? 2n ** 63n - 1n : -(2n ** 63n);
}

/**
 * No bug: what a client sent can grow in our hands, as bytes that are no UTF-8 do, and names that
 * stand in messages. Kafka closes the connection then, too.
 */
function tooLong(size: number): never {
  throw new ProtocolError(`a string of ${size} bytes is too long to be written`);
}

function outOfRange(value: number | bigint, what: string): never {
  assert(false, `${value} is not a ${what}`);
}
