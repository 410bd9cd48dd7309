/**
 * LZ4 frames, which are what "lz4" means in a record batch.
 *
 *   frame      := magic uint32le 0x184d2204 | descriptor | blocks | end mark uint32le 0
 *                 [content checksum uint32le]
 *   descriptor := flags: version 6-7 (1), blocks independent 5, block checksums 4, content size 3,
 *                        content checksum 2, dictionary 0
 *                 block maximum: bits 4-6, 4 to 7 for 64 KiB, 256 KiB, 1 MiB, 4 MiB
 *                 [content size uint64le] [dictionary id uint32le]
 *                 second byte of the descriptor's xxHash32
 *   block      := size uint32le, its highest bit set where the bytes are stored as they are
 *                 bytes [their xxHash32 uint32le]
 *
 * As in Kafka a batch is one frame of independent blocks, and the content checksum is not looked
 * at, since the batch has its own.
 *
 * The work is lz4-napi's, but the frame is read here: the library decodes a block within a bound,
 * and a frame within none. Its call for whole frames also keeps what it made until the event loop
 * turns (2 GB after 2000 batches of 1 MiB), and takes 240 us for any frame of 4 MiB blocks, which
 * franz-go and sarama write, where a block of 1 KiB takes 2 us. (A C decoder of our own was faster
 * still, 7 us for 16 KiB in place of 10: not enough to keep it.)
 */
import { hash } from "bun";
import { OutputTooLargeError } from "./decompression-error.ts";
import { ProtocolError } from "./protocol-error.ts";

/** Throws `ProtocolError`; an `OutputTooLargeError` as soon as there are more than `sizeMax`. */
export function decompressLz4(bytes: Buffer, sizeMax: number): Buffer {
  const frame = readDescriptor(bytes);
  const parts: Buffer[] = [];
  let room = sizeMax;
  let at = frame.blocksAt;
  for (;;) {
    if (bytes.length - at < 4) throw endsEarly();
    const sizeField = bytes.readInt32LE(at);
    const size = sizeField & ~LZ4_STORED_FLAG;
    at += 4;
    if (size === 0) break;
    if (size > frame.blockSizeMax) throw new ProtocolError(`an lz4 block of ${size} bytes`);
    const end = at + size;
    if (end + (frame.blockChecksums ? 4 : 0) > bytes.length) throw endsEarly();
    const block = bytes.subarray(at, end);
    if (frame.blockChecksums && hash.xxHash32(block, 0) !== bytes.readUInt32LE(end)) {
      throw new ProtocolError("an lz4 block with a wrong checksum");
    }
    const part =
      sizeField < 0 ? copyBlock(block, room) : decodeBlock(block, frame.blockSizeMax, room);
    parts.push(part);
    room -= part.length;
    at = end + (frame.blockChecksums ? 4 : 0);
  }
  if (frame.contentChecksum) at += 4;
  if (at > bytes.length) throw endsEarly();
  // Kafka's reader stops here: nobody would ever see the rest.
  if (at < bytes.length) throw new ProtocolError("bytes behind an lz4 frame");
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** One frame of independent blocks without checksums. The library has no levels. */
export function compressLz4(bytes: Buffer): Buffer {
  const made = library().compressFrameSync(bytes);
  const frame = Buffer.from(made);
  // Memory of the library is given back with the next turn of the event loop only, unless its
  // owner is changed: one request may have a thousand batches to be compressed.
  (made.buffer as ArrayBuffer).transfer(0);
  return frame;
}

export const LZ4_STORED_FLAG = 0x8000_0000 | 0;

const FRAME_MAGIC = 0x184d2204;
/** A byte that is not its literal stands for 255 bytes at most. */
const RATIO_MAX = 255;
/** Hardly anything shrinks to less than a sixteenth. */
const RATIO_EXPECTED = 16;

interface Descriptor {
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  readonly blockSizeMax: number;
  readonly blocksAt: number;
}

function readDescriptor(bytes: Buffer): Descriptor {
  if (bytes.length < 7) throw endsEarly();
  if (bytes.readUInt32LE(0) !== FRAME_MAGIC) throw new ProtocolError("no lz4 frame");
  const flags = bytes[4]!;
  const blockByte = bytes[5]!;
  const blockSizeCode = blockByte >>> 4;
  // A dictionary would have to be known to both sides: nobody can have written that for Kafka.
  if (flags >>> 6 !== 1 || (flags & 0x03) !== 0) throw new ProtocolError(`lz4 flags ${flags}`);
  if ((flags & 0x20) === 0) throw new ProtocolError("an lz4 frame of linked blocks");
  if ((blockByte & 0x8f) !== 0 || blockSizeCode < 4) {
    throw new ProtocolError(`an lz4 block maximum of ${blockByte}`);
  }
  // The content size, if there is one, is not to be trusted: it is only skipped.
  const blocksAt = (flags & 0x08) !== 0 ? 15 : 7;
  if (blocksAt > bytes.length) throw endsEarly();
  const checksum = (hash.xxHash32(bytes.subarray(4, blocksAt - 1), 0) >>> 8) & 0xff;
  if (checksum !== bytes[blocksAt - 1]) {
    throw new ProtocolError("an lz4 frame with a wrong header checksum");
  }
  return {
    blockChecksums: (flags & 0x10) !== 0,
    contentChecksum: (flags & 0x04) !== 0,
    blockSizeMax: 1 << (2 * blockSizeCode + 8),
    blocksAt,
  };
}

function copyBlock(block: Buffer, room: number): Buffer {
  if (block.length > room) throw new OutputTooLargeError();
  return Buffer.from(block);
}

function decodeBlock(block: Buffer, blockSizeMax: number, room: number): Buffer {
  const { uncompressSync } = library();
  // The library reads the bound in front of the block, and fills that much with zeros first.
  const input = Buffer.allocUnsafe(4 + block.length);
  block.copy(input, 4);
  const sizeMax = Math.min(blockSizeMax, RATIO_MAX * block.length, room);
  for (let size = Math.min(sizeMax, RATIO_EXPECTED * block.length); ; size = sizeMax) {
    input.writeUInt32LE(size, 0);
    try {
      return uncompressSync(input);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes("output is too small"))) {
        throw new ProtocolError("a malformed lz4 block");
      }
      if (size < sizeMax) continue;
      if (sizeMax === room) throw new OutputTooLargeError();
      throw new ProtocolError("an lz4 block of more bytes than its frame allows");
    }
  }
}

function endsEarly(): ProtocolError {
  return new ProtocolError("an lz4 frame that ends too early");
}

type Library = typeof import("lz4-napi");

/** Loaded with the first batch that needs it: 6 MiB and 5 ms that most nodes never spend. */
function library(): Library {
  loaded ??= require("lz4-napi") as Library;
  return loaded;
}

let loaded: Library | null = null;
