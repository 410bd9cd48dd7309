/**
 * How an answer lies on the wire:
 *
 *   | size, 4 bytes | correlation id, 4 bytes | no tagged fields, 1 byte, if flexible | parts |
 */
import type { FileSlice, Part } from "../api/request.ts";
import { assert } from "../base/assert.ts";
import type { Exchange } from "./exchange.ts";

/** Size and correlation id. */
export const HEADER_SIZE = 8;
const FRAME_SIZE_MAX = 2 ** 31 - 1;

/** From its byte `from` on; the target needs room for all of it. Returns how much that is. */
export function writeHeader(exchange: Exchange, target: Buffer, at: number, from: number): number {
  const { flexibleHeader, parts } = exchange.response!;
  const size = headerSizeOf(exchange) - 4 + bodySize(parts);
  assert(size <= FRAME_SIZE_MAX, "a response fits into a frame");
  target.writeInt32BE(size, at);
  target.writeInt32BE(exchange.correlationId, at + 4);
  // No tagged fields.
  if (flexibleHeader) target[at + HEADER_SIZE] = 0;
  const headerSize = headerSizeOf(exchange);
  if (from > 0) target.copyWithin(at, at + from, at + headerSize);
  return headerSize - from;
}

export function headerSizeOf({ response }: Exchange): number {
  return HEADER_SIZE + (response!.flexibleHeader ? 1 : 0);
}

export function isSlice(part: Part): part is FileSlice {
  return !(part instanceof Uint8Array);
}

export function sizeOf(part: Part): number {
  return isSlice(part) ? part.size : part.length;
}

export function bodySize(parts: readonly Part[]): number {
  let size = 0;
  for (const part of parts) size += sizeOf(part);
  return size;
}
