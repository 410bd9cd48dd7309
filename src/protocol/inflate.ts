import type { ZlibOptions } from "node:zlib";
import { OutputTooLargeError } from "./decompression-error.ts";
import { ProtocolError } from "./protocol-error.ts";

type InflateOptions = Pick<ZlibOptions, "chunkSize" | "maxOutputLength">;

/**
 * Runs a decompressor of node:zlib with its errors made ours and its output bounded. One chunk of
 * about `sizeExpected`, which the input claims and nobody need believe, takes half the time of
 * several.
 */
export function inflateBounded(
  inflate: (bytes: Buffer, options: InflateOptions) => Buffer,
  bytes: Buffer,
  sizeExpected: number,
  sizeMax: number,
): Buffer {
  // One byte more, so that the decompressor sees the end without asking for another chunk.
  const chunkSize = Math.min(Math.max(sizeExpected + 1, CHUNK_SIZE_MIN), CHUNK_SIZE_MAX);
  let output;
  try {
    output = inflate(bytes, { chunkSize, maxOutputLength: Math.max(sizeMax, 1) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") throw new OutputTooLargeError();
    throw new ProtocolError(`cannot be decompressed: ${error.message}`);
  }
  if (output.length > sizeMax) throw new OutputTooLargeError();
  return output;
}

const CHUNK_SIZE_MIN = 256;
const CHUNK_SIZE_MAX = 1_048_576;
