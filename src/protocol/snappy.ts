/**
 * Snappy as record batches hold it: in the frames of snappy-java ("xerial"), or one raw block.
 *
 *   frames := magic 0x82 "SNAPPY" 0x00 | version int32 | oldest compatible version int32
 *             then each: size int32, one raw block
 *   block  := uncompressed size uvarint, elements
 *
 * Frames may follow one another, each with its own magic. librdkafka and others write one raw
 * block instead; readers tell by the magic, which no block begins with.
 *
 * Blocks are the work of `snappy`, within the bound of the size that is read here first. snappyjs
 * would not do: it never returns from 05 fc fa ff ff ff, and takes broken blocks for whole ones.
 */
import { OutputTooLargeError } from "./decompression-error.ts";
import { ProtocolError } from "./protocol-error.ts";

/** Throws `ProtocolError`; an `OutputTooLargeError` before making more than `sizeMax` bytes. */
export function decompressSnappy(bytes: Buffer, sizeMax: number): Buffer {
  if (!isMagic(bytes, 0)) return decodeBlock(bytes, 0, bytes.length, sizeMax);
  const parts: Buffer[] = [];
  let room = sizeMax;
  for (let at = nextBlock(bytes, 0); at < bytes.length;) {
    const end = blockEnd(bytes, at);
    const part = decodeBlock(bytes, at + 4, end, room);
    parts.push(part);
    room -= part.length;
    at = nextBlock(bytes, end);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** In frames of 32 KiB, as Kafka's own producer writes them. */
export function compressSnappy(bytes: Buffer): Buffer {
  const { compressSync } = library();
  const parts: Buffer[] = [FRAME_PREFIX];
  for (let start = 0; start < bytes.length; start += BLOCK_SIZE) {
    const block = compressSync(bytes.subarray(start, start + BLOCK_SIZE), COPIED);
    const size = Buffer.allocUnsafe(4);
    size.writeInt32BE(block.length);
    parts.push(size, block);
  }
  return Buffer.concat(parts);
}

const BLOCK_SIZE = 32_768;
/** Memory of the library itself is given back with the next turn of the event loop only. */
const COPIED = { asBuffer: true, copyOutputData: true };
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

function decodeBlock(bytes: Buffer, at: number, end: number, sizeMax: number): Buffer {
  if (blockSize(bytes, at, end) > sizeMax) throw new OutputTooLargeError();
  const { uncompressSync } = library();
  try {
    return uncompressSync(bytes.subarray(at, end), COPIED) as Buffer;
  } catch {
    throw new ProtocolError("a malformed snappy block");
  }
}

/** What a raw block promises to hold. */
function blockSize(bytes: Buffer, at: number, end: number): number {
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
  return size;
}

function endsEarly(): ProtocolError {
  return new ProtocolError("snappy frames that end too early");
}

type Library = typeof import("snappy");

/** Loaded with the first batch that needs it: 8 MiB and 13 ms that most nodes never spend. */
function library(): Library {
  loaded ??= require("snappy") as Library;
  return loaded;
}

let loaded: Library | null = null;
