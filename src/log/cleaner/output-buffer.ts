/** Bytes one behind the other in memory that grows, and is used again after `clear`. */
export class OutputBuffer {
  /** Another one after every `extend` or `append` that needs more room. */
  bytes: Buffer;
  size = 0;

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafe(capacity);
  }

  clear(): void {
    this.size = 0;
  }

  /** Room for `length` bytes that the caller writes; returns where. */
  extend(length: number): number {
    const start = this.size;
    const end = start + length;
    if (end > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.bytes.length * 2));
      this.bytes.copy(larger, 0, 0, start);
      this.bytes = larger;
    }
    this.size = end;
    return start;
  }

  append(source: Buffer, from: number, length: number): void {
    const start = this.extend(length);
    source.copy(this.bytes, start, from, from + length);
  }

  /** A view, good until the next change. */
  written(): Buffer {
    return this.bytes.subarray(0, this.size);
  }
}
