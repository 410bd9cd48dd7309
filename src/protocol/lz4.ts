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
 * Kafka's own reader takes one frame of independent blocks. We read linked blocks, several frames
 * and skippable frames too, but never keep them: see `isPlainLz4`. As in Kafka the content
 * checksum is not looked at, since the batch has its own.
 */
import { OutputTooLargeError } from "./decompression-error.ts";
import {
  BLOCK_MALFORMED,
  BLOCK_NO_ROOM,
  decodeLz4Block,
  encodeLz4Block,
  LZ4_ENCODED_BLOCK_MAX,
  lz4BlockBound,
} from "./lz4-block.ts";
import { ProtocolError } from "./protocol-error.ts";
import { xxhash32 } from "./xxhash.ts";

/** Throws `ProtocolError`; an `OutputTooLargeError` as soon as there are more than `sizeMax`. */
export function decompressLz4(bytes: Buffer, sizeMax: number): Buffer {
  const output = new Output(bytes.length, sizeMax);
  let at = 0;
  do {
    at = isSkippable(bytes, at) ? skipFrame(bytes, at) : decodeFrame(bytes, at, output);
  } while (at < bytes.length);
  return output.bytes.subarray(0, output.size);
}

/**
 * Whether Kafka's clients can read these frames that `decompressLz4` could: one frame, of
 * independent blocks, with nothing behind it.
 */
export function isPlainLz4(bytes: Buffer): boolean {
  if (isSkippable(bytes, 0)) return false;
  const frame = readDescriptor(bytes, 0);
  if (!frame.independent) return false;
  let at = frame.blocksAt;
  for (;;) {
    const size = bytes.readUInt32LE(at) & ~STORED_FLAG;
    if (size === 0) break;
    at += 4 + size + (frame.blockChecksums ? 4 : 0);
  }
  return at + 4 + (frame.contentChecksum ? 4 : 0) === bytes.length;
}

/** One frame of independent 64 KiB blocks without checksums, as Kafka's own producer writes. */
export function compressLz4(bytes: Buffer, searchDepth: number): Buffer {
  const blocks = Math.ceil(bytes.length / LZ4_ENCODED_BLOCK_MAX);
  const overhead = FRAME_PREFIX.length + blocks * (4 + lz4BlockBound(0) + 1) + 4;
  const target = Buffer.allocUnsafe(lz4BlockBound(bytes.length) + overhead);
  let at = FRAME_PREFIX.copy(target, 0);
  for (let start = 0; start < bytes.length; start += LZ4_ENCODED_BLOCK_MAX) {
    const end = Math.min(start + LZ4_ENCODED_BLOCK_MAX, bytes.length);
    const blockEnd = encodeLz4Block(bytes, start, end, target, at + 4, searchDepth);
    const size = blockEnd - at - 4;
    if (size < end - start) {
      target.writeUInt32LE(size, at);
      at = blockEnd;
    } else {
      target.writeUInt32LE(((end - start) | STORED_FLAG) >>> 0, at);
      at += 4 + bytes.copy(target, at + 4, start, end);
    }
  }
  target.writeUInt32LE(0, at);
  return target.subarray(0, at + 4);
}

const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const STORED_FLAG = 0x8000_0000 | 0;
const LINKED_HISTORY = 65_536;
/** Magic; version 1, independent blocks; 64 KiB; the checksum of these two bytes. */
const FRAME_PREFIX = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);

interface Descriptor {
  readonly independent: boolean;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  readonly blockSizeMax: number;
  readonly blocksAt: number;
}

/** Grows as bytes are really written, whatever the input promises. */
class Output {
  bytes: Buffer;
  size = 0;
  readonly #sizeMax: number;

  constructor(inputSize: number, sizeMax: number) {
    this.#sizeMax = sizeMax;
    // Text shrinks to a fourth or sixth: mostly this is enough at once.
    const sizeGuess = Math.max(3 * inputSize, Math.min(8 * inputSize, 65_536)) + 64;
    this.bytes = Buffer.allocUnsafe(Math.min(sizeGuess, sizeMax));
  }

  /** Room for `size` more bytes, or for as many as there may be. */
  reserve(size: number): void {
    const wanted = Math.min(this.size + size, this.#sizeMax);
    if (wanted <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(
      Math.min(Math.max(wanted, 2 * this.bytes.length), this.#sizeMax),
    );
    this.bytes.copy(larger, 0, 0, this.size);
    this.bytes = larger;
  }
}

function isSkippable(bytes: Buffer, at: number): boolean {
  // The lowest four bits are free for the application.
  return bytes.length - at >= 4 && bytes.readUInt32LE(at) >>> 4 === SKIPPABLE_MAGIC >>> 4;
}

function skipFrame(bytes: Buffer, at: number): number {
  if (bytes.length - at < 8) throw endsEarly();
  const end = at + 8 + bytes.readUInt32LE(at + 4);
  if (end > bytes.length) throw endsEarly();
  return end;
}

/** Returns the position behind the frame. */
function decodeFrame(bytes: Buffer, start: number, output: Output): number {
  const frame = readDescriptor(bytes, start);
  const frameStart = output.size;
  let at = frame.blocksAt;
  for (;;) {
    if (bytes.length - at < 4) throw endsEarly();
    const sizeField = bytes.readInt32LE(at);
    const size = sizeField & ~STORED_FLAG;
    at += 4;
    if (size === 0) break;
    if (size > frame.blockSizeMax) throw new ProtocolError(`an lz4 block of ${size} bytes`);
    if (size + (frame.blockChecksums ? 4 : 0) > bytes.length - at) throw endsEarly();
    if (frame.blockChecksums && xxhash32(bytes, at, size) !== bytes.readUInt32LE(at + size)) {
      throw new ProtocolError("an lz4 block with a wrong checksum");
    }
    if (sizeField < 0) {
      output.reserve(size);
      if (output.bytes.length - output.size < size) throw new OutputTooLargeError();
      output.size += bytes.copy(output.bytes, output.size, at, at + size);
    } else {
      const history = frame.independent
        ? output.size
        : Math.max(frameStart, output.size - LINKED_HISTORY);
      output.size += decodeBlock(bytes, at, size, output, history, frame.blockSizeMax);
    }
    at += size + (frame.blockChecksums ? 4 : 0);
  }
  if (frame.contentChecksum) at += 4;
  if (at > bytes.length) throw endsEarly();
  return at;
}

/** Returns the bytes written behind `output.size`. */
function decodeBlock(
  bytes: Buffer,
  at: number,
  size: number,
  output: Output,
  history: number,
  blockSizeMax: number,
): number {
  // A few bytes may stand for a whole block: room is made only as they turn out to.
  let room = Math.min(blockSizeMax, Math.max(4 * size, 1024));
  for (;;) {
    output.reserve(room);
    const limit = Math.min(output.bytes.length, output.size + blockSizeMax);
    const written = decodeLz4Block(bytes, at, size, output.bytes, history, output.size, limit);
    if (written >= 0) return written;
    if (written === BLOCK_MALFORMED) throw new ProtocolError("a malformed lz4 block");
    if (written === BLOCK_NO_ROOM && limit === output.size + blockSizeMax) {
      throw new ProtocolError("an lz4 block of more bytes than its frame allows");
    }
    if (room === blockSizeMax) throw new OutputTooLargeError();
    room = Math.min(blockSizeMax, 4 * room);
  }
}

function readDescriptor(bytes: Buffer, start: number): Descriptor {
  if (bytes.length - start < 7) throw endsEarly();
  if (bytes.readUInt32LE(start) !== FRAME_MAGIC) throw new ProtocolError("no lz4 frame");
  const flags = bytes[start + 4]!;
  const blockByte = bytes[start + 5]!;
  const blockSizeCode = blockByte >>> 4;
  // A dictionary would have to be known to both sides: nobody can have written that for Kafka.
  if (flags >>> 6 !== 1 || (flags & 0x03) !== 0) throw new ProtocolError(`lz4 flags ${flags}`);
  if ((blockByte & 0x8f) !== 0 || blockSizeCode < 4) {
    throw new ProtocolError(`an lz4 block maximum of ${blockByte}`);
  }
  // The content size, if there is one, is not to be trusted: it is only skipped.
  const descriptorSize = (flags & 0x08) !== 0 ? 10 : 2;
  const descriptorAt = start + 4;
  const blocksAt = descriptorAt + descriptorSize + 1;
  if (blocksAt > bytes.length) throw endsEarly();
  const hash = xxhash32(bytes, descriptorAt, descriptorSize);
  if (((hash >>> 8) & 0xff) !== bytes[blocksAt - 1]) {
    throw new ProtocolError("an lz4 frame with a wrong header checksum");
  }
  return {
    independent: (flags & 0x20) !== 0,
    blockChecksums: (flags & 0x10) !== 0,
    contentChecksum: (flags & 0x04) !== 0,
    blockSizeMax: 1 << (2 * blockSizeCode + 8),
    blocksAt,
  };
}

function endsEarly(): ProtocolError {
  return new ProtocolError("an lz4 frame that ends too early");
}
