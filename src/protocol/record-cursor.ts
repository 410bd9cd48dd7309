/**
 * Steps through the records of a batch, allocating nothing for a record until it is asked for.
 *
 *   record := size varint | attributes int8 | timestampDelta varlong | offsetDelta varint
 *             | key size varint, bytes | value size varint, bytes
 *             | headers count varint, then each: key size varint, bytes | value size varint, bytes
 *
 * Every step checks the whole of its record; whatever is wrong is a `ProtocolError`. A negative
 * size of a key, a value or a header's value stands for null.
 *
 * Invariant: `next` has been true `index + 1` times; `position` is behind that record.
 */
import { utf8Slice } from "../base/bytes.ts";
import { ProtocolError } from "./protocol-error.ts";

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** What the header of the batch says about all of its records. */
export interface RecordsFrame {
  /** Uncompressed. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly baseOffset: number;
  readonly baseTimestamp: number;
  /** The timestamp of all records where the broker set it, else null. */
  readonly logAppendTime: number | null;
}

export class RecordCursor {
  readonly bytes: Buffer;
  readonly #frame: RecordsFrame;
  #position: number;

  /** Of the record within the batch; -1 before the first. */
  index = -1;
  /** Where the record's bytes begin (with its size) and end. */
  start = 0;
  end = 0;
  attributes = 0;
  timestampDelta = 0;
  offsetDelta = 0;
  keyStart = 0;
  /** -1 for null; so is `valueSize`. */
  keySize = -1;
  valueStart = 0;
  valueSize = -1;
  headerCount = 0;
  headersStart = 0;

  constructor(frame: RecordsFrame) {
    if (frame.count < 0) throw new ProtocolError(`a batch of ${frame.count} records`);
    this.bytes = frame.bytes;
    this.#frame = frame;
    this.#position = frame.start;
  }

  get offset(): number {
    return this.#frame.baseOffset + this.offsetDelta;
  }

  get timestamp(): number {
    return this.#frame.logAppendTime ?? this.#frame.baseTimestamp + this.timestampDelta;
  }

  /** False behind the last record. */
  next(): boolean {
    const batchEnd = this.#frame.end;
    if (this.index + 1 >= this.#frame.count) {
      this.index = this.#frame.count;
      if (this.#frame.count > 0 && this.#position !== batchEnd) {
        throw new ProtocolError("bytes behind the last record of a batch");
      }
      return false;
    }
    this.index++;
    this.start = this.#position;
    const size = this.#varint(batchEnd);
    if (size < 1 || size > batchEnd - this.#position) {
      throw new ProtocolError(`a record of size ${size}`);
    }
    const end = this.#position + size;
    this.end = end;
    this.attributes = this.bytes[this.#position++]!;
    this.timestampDelta = this.#varlong(end);
    this.offsetDelta = this.#varint(end);
    this.keySize = this.#sizeOfBytes(end);
    this.keyStart = this.#position;
    if (this.keySize > 0) this.#position += this.keySize;
    this.valueSize = this.#sizeOfBytes(end);
    this.valueStart = this.#position;
    if (this.valueSize > 0) this.#position += this.valueSize;
    this.headerCount = this.#varint(end);
    if (this.headerCount < 0) throw new ProtocolError(`${this.headerCount} record headers`);
    this.headersStart = this.#position;
    if (this.headerCount > 0) this.#skipHeaders(end);
    if (this.#position !== end) throw new ProtocolError("a record that its size does not fit");
    return true;
  }

  /** A view, as `value` is. */
  key(): Buffer | null {
    return this.#view(this.keyStart, this.keySize);
  }

  value(): Buffer | null {
    return this.#view(this.valueStart, this.valueSize);
  }

  headers(): RecordHeader[] {
    if (this.headerCount === 0) return NO_HEADERS;
    const headers: RecordHeader[] = [];
    this.#position = this.headersStart;
    for (let count = this.headerCount; count > 0; count--) {
      const keySize = this.#varint(this.end);
      const key = utf8Slice(this.bytes, this.#position, this.#position + keySize);
      this.#position += keySize;
      const valueSize = this.#varint(this.end);
      headers.push({ key, value: this.#view(this.#position, valueSize) });
      if (valueSize > 0) this.#position += valueSize;
    }
    return headers;
  }

  #view(start: number, size: number): Buffer | null {
    return size < 0 ? null : this.bytes.subarray(start, start + size);
  }

  #skipHeaders(end: number): void {
    for (let count = this.headerCount; count > 0; count--) {
      const keySize = this.#sizeOfBytes(end);
      if (keySize < 0) throw new ProtocolError("a record header without a key");
      this.#position += keySize;
      const valueSize = this.#sizeOfBytes(end);
      if (valueSize > 0) this.#position += valueSize;
    }
  }

  /** -1 for null; else so many bytes are there. */
  #sizeOfBytes(end: number): number {
    const size = this.#varint(end);
    if (size < 0) return -1;
    if (size > end - this.#position) throw new ProtocolError(`a field of ${size} bytes`);
    return size;
  }

  #varint(end: number): number {
    let position = this.#position;
    let raw = position < end ? this.bytes[position++]! : tooShort();
    if (raw > 0x7f) {
      raw &= 0x7f;
      for (let shift = 7; ; shift += 7) {
        const next = position < end ? this.bytes[position++]! : tooShort();
        raw |= (next & 0x7f) << shift;
        if (next < 0x80) break;
        if (shift === 28) throw new ProtocolError("a varint of more than five bytes");
      }
    }
    this.#position = position;
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** Exact within 2^53, which is for the caller to check. */
  #varlong(end: number): number {
    let position = this.#position;
    const first = position < end ? this.bytes[position++]! : tooShort();
    let half = (first & 0x7f) >>> 1;
    if (first > 0x7f) {
      let scale = 64;
      for (let size = 2; ; size++) {
        const next = position < end ? this.bytes[position++]! : tooShort();
        // Of the tenth byte only one bit is within the 64.
        half += (size === 10 ? next & 1 : next & 0x7f) * scale;
        if (next < 0x80) break;
        if (size === 10) throw new ProtocolError("a varlong of more than ten bytes");
        scale *= 128;
      }
    }
    this.#position = position;
    return (first & 1) === 0 ? half : -half - 1;
  }
}

const NO_HEADERS: RecordHeader[] = [];

function tooShort(): never {
  throw new ProtocolError("a record that ends too early");
}
