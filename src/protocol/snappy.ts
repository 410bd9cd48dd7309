/**
 * Snappy as record batches hold it: in the frames of snappy-java ("xerial"), or one raw block.
 *
 *   frames := magic 0x82 "SNAPPY" 0x00 | version int32 | oldest compatible version int32
 *             then each: size int32, one raw block
 *
 * Frames may follow one another, each with its own magic. librdkafka and others write one raw
 * block instead; readers tell by the magic, which no block begins with.
 */
import { OutputTooLargeError } from "./decompression-error.ts";
import { ProtocolError } from "./protocol-error.ts";
import { decodeSnappy, encodeSnappyBlock, snappyBlockBound } from "./snappy-block.ts";

/** Throws `ProtocolError`; an `OutputTooLargeError` before making more than `sizeMax` bytes. */
export function decompressSnappy(bytes: Buffer, sizeMax: number): Buffer {
  if (!isMagic(bytes, 0)) {
    const output = Buffer.allocUnsafe(blockSize(bytes, 0, bytes.length, sizeMax));
    decodeBlock(bytes, 0, bytes.length, output, 0, output.length);
    return output;
  }
  // Sizes first: they tell how much there will be, and cost next to nothing.
  let total = 0;
  for (
    let at = nextBlock(bytes, 0);
    at < bytes.length;
    at = nextBlock(bytes, blockEnd(bytes, at))
  ) {
    total += blockSize(bytes, at + 4, blockEnd(bytes, at), sizeMax - total);
  }
  const output = Buffer.allocUnsafe(total);
  let to = 0;
  for (
    let at = nextBlock(bytes, 0);
    at < bytes.length;
    at = nextBlock(bytes, blockEnd(bytes, at))
  ) {
    const size = blockSize(bytes, at + 4, blockEnd(bytes, at), total - to);
    decodeBlock(bytes, at + 4, blockEnd(bytes, at), output, to, size);
    to += size;
  }
  return output;
}

/** In frames of 32 KiB, as Kafka's own producer writes them. */
export function compressSnappy(bytes: Buffer): Buffer {
  const blocks = Math.ceil(bytes.length / BLOCK_SIZE);
  const bound = FRAME_PREFIX.length + blocks * (4 + snappyBlockBound(0) + 1);
  const target = Buffer.allocUnsafe(bound + snappyBlockBound(bytes.length));
  let at = FRAME_PREFIX.copy(target, 0);
  for (let start = 0; start < bytes.length; start += BLOCK_SIZE) {
    const end = Math.min(start + BLOCK_SIZE, bytes.length);
    const encodedEnd = encodeSnappyBlock(bytes, start, end, target, at + 4);
    target.writeInt32BE(encodedEnd - at - 4, at);
    at = encodedEnd;
  }
  return target.subarray(0, at);
}

const BLOCK_SIZE = 32_768;
/** Magic, version 1, readable by version 1. */
const FRAME_PREFIX = Buffer.from("82534e41505059000000000100000001", "hex");
const MAGIC_SIZE = 8;
const MAGIC_HIGH = FRAME_PREFIX.readInt32BE(0);
const MAGIC_LOW = FRAME_PREFIX.readInt32BE(4);
/** Three bytes of an element stand for 64 bytes at most: whoever promises more is lying. */
const RATIO_MAX = 22;

function isMagic(bytes: Buffer, at: number): boolean {
  return (
    bytes.length - at >= MAGIC_SIZE &&
    bytes.readInt32BE(at) === MAGIC_HIGH &&
    bytes.readInt32BE(at + 4) === MAGIC_LOW
  );
}

/** Where the next block's size is, behind the prefix of a frame if there is one; or the end. */
function nextBlock(bytes: Buffer, at: number): number {
  while (isMagic(bytes, at)) {
    if (bytes.length - at < FRAME_PREFIX.length) throw endsEarly();
    if (bytes.readInt32BE(at + MAGIC_SIZE) < 1) throw new ProtocolError("snappy of version 0");
    at += FRAME_PREFIX.length;
  }
  return at;
}

/** `at` is where the block's size is. */
function blockEnd(bytes: Buffer, at: number): number {
  if (bytes.length - at < 4) throw endsEarly();
  const size = bytes.readInt32BE(at);
  if (size < 0 || size > bytes.length - at - 4) throw endsEarly();
  return at + 4 + size;
}

/** What a raw block promises to hold. */
function blockSize(bytes: Buffer, at: number, end: number, sizeMax: number): number {
  let size = 0;
  let scale = 1;
  for (let index = at; ; index++) {
    if (index >= end || index === at + 5) throw new ProtocolError("a snappy block without a size");
    const byte = bytes[index]!;
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 0x80;
  }
  if (size > (end - at) * RATIO_MAX) throw new ProtocolError("a snappy block of a false size");
  if (size > sizeMax) throw new OutputTooLargeError();
  return size;
}

function decodeBlock(
  bytes: Buffer,
  at: number,
  end: number,
  output: Buffer,
  to: number,
  size: number,
): void {
  while (bytes[at]! > 0x7f) at++;
  if (decodeSnappy(bytes, at + 1, end - at - 1, output, to, size) !== 0) {
    throw new ProtocolError("a malformed snappy block");
  }
}

function endsEarly(): ProtocolError {
  return new ProtocolError("snappy frames that end too early");
}
