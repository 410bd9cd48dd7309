/**
 * Big-endian numbers in bytes where Node's own methods are slow or make a BigInt, and the three
 * string methods of Buffer that its types do not know (half the time of `toString`).
 *
 * A 64-bit number is a double here: exact below 2^53. Beyond, `readInt64` gives the nearest double,
 * which is good enough to refuse it.
 */
import { assert } from "./assert.ts";

export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

export function writeInt64(bytes: Buffer, at: number, value: number): void {
  assert(Number.isSafeInteger(value), "an int64 within 2^53");
  const high = Math.floor(value / 0x1_0000_0000);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
}

export function latin1Slice(bytes: Buffer, from: number, to: number): string {
  return (bytes as NativeBuffer).latin1Slice(from, to);
}

export function utf8Slice(bytes: Buffer, from: number, to: number): string {
  return (bytes as NativeBuffer).utf8Slice(from, to);
}

/** Returns the bytes written. */
export function utf8Write(bytes: Buffer, text: string, at: number, sizeMax: number): number {
  return (bytes as NativeBuffer).utf8Write(text, at, sizeMax);
}

/** A Buffer over the same memory: Kafka's bytes are read with Buffer's methods throughout. */
export function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

type NativeBuffer = Buffer & {
  latin1Slice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
  utf8Write(text: string, at: number, sizeMax: number): number;
};
