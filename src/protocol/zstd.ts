/**
 * Zstandard frames, through node:zlib, which cuts off silently where the input does: the frames'
 * own sizes are therefore checked first. That costs next to nothing, and tells beforehand how much
 * there can be at most.
 *
 *   frame  := magic uint32le 0xfd2fb528 | descriptor: content size's size 6-7, single segment 5,
 *             reserved 3, checksum 2, dictionary id's size 0-1 | [window] [dictionary id]
 *             [content size] | blocks | [checksum uint32le]
 *   block  := 24 bits le: last 0, kind 1-2 (stored, one byte repeated, compressed), size 3-23
 *             | so many bytes, or the one
 */
import { OutputTooLargeError } from "./decompression-error.ts";
import { ProtocolError } from "./protocol-error.ts";
import { inflateBounded } from "./inflate.ts";
import { zlib } from "./zlib.ts";

/** Throws `ProtocolError`; an `OutputTooLargeError` as soon as there are more than `sizeMax`. */
export function decompressZstd(bytes: Buffer, sizeMax: number): Buffer {
  const frames = measureFrames(bytes);
  if (frames.sizeDeclared > sizeMax) throw new OutputTooLargeError();
  const sizeExpected =
    frames.sizeDeclared >= 0
      ? frames.sizeDeclared
      : Math.min(frames.sizeBound, RATIO_EXPECTED * bytes.length);
  const output = inflateBounded(zlib().zstdDecompressSync, bytes, sizeExpected, sizeMax);
  // node:zlib would take the end of the input for the end of the data.
  if (frames.sizeDeclared >= 0 && output.length !== frames.sizeDeclared) throw endsEarly();
  return output;
}

export function compressZstd(bytes: Buffer, level: number): Buffer {
  const { constants, zstdCompressSync } = zlib();
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } });
}

const RATIO_EXPECTED = 16;
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_SIZE_MAX = 131_072;
const DICTIONARY_ID_SIZES = [0, 1, 2, 4];
const STORED = 0;
const REPEATED = 1;
const COMPRESSED = 2;

interface FrameSizes {
  /** What all frames together declare to hold; -1 when one does not. */
  readonly sizeDeclared: number;
  /** What their blocks can hold at most. */
  readonly sizeBound: number;
}

function measureFrames(bytes: Buffer): FrameSizes {
  let at = 0;
  let sizeDeclared = 0;
  let sizeBound = 0;
  do {
    if (bytes.length - at < 4) throw endsEarly();
    const magic = bytes.readUInt32LE(at);
    if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      if (bytes.length - at < 8) throw endsEarly();
      at += 8 + bytes.readUInt32LE(at + 4);
      if (at > bytes.length) throw endsEarly();
      continue;
    }
    if (magic !== FRAME_MAGIC) throw new ProtocolError("no zstd frame");
    const frame = readFrameHeader(bytes, at);
    sizeDeclared =
      frame.contentSize < 0 || sizeDeclared < 0 ? -1 : sizeDeclared + frame.contentSize;
    at = frame.blocksAt;
    for (let isLast = false; !isLast;) {
      if (bytes.length - at < 3) throw endsEarly();
      const header = bytes.readUIntLE(at, 3);
      const kind = (header >>> 1) & 3;
      const size = header >>> 3;
      if (kind > COMPRESSED) throw new ProtocolError("a zstd block of an unknown kind");
      isLast = (header & 1) !== 0;
      at += 3 + (kind === REPEATED ? 1 : size);
      if (at > bytes.length) throw endsEarly();
      sizeBound += kind === STORED || kind === REPEATED ? size : BLOCK_SIZE_MAX;
    }
    if (frame.isChecked) at += 4;
    if (at > bytes.length) throw endsEarly();
  } while (at < bytes.length);
  return { sizeDeclared, sizeBound };
}

function readFrameHeader(
  bytes: Buffer,
  start: number,
): { blocksAt: number; contentSize: number; isChecked: boolean } {
  let at = start + 4;
  if (at >= bytes.length) throw endsEarly();
  const descriptor = bytes[at++]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if (!isSingleSegment) at++;
  at += DICTIONARY_ID_SIZES[descriptor & 3]!;
  const sizeCode = descriptor >>> 6;
  const sizeOfSize = sizeCode === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeCode;
  if (at + sizeOfSize > bytes.length) throw endsEarly();
  let contentSize = -1;
  if (sizeOfSize === 1) contentSize = bytes[at]!;
  if (sizeOfSize === 2) contentSize = bytes.readUInt16LE(at) + 256;
  if (sizeOfSize === 4) contentSize = bytes.readUInt32LE(at);
  if (sizeOfSize === 8) {
    contentSize = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
  }
  return { blocksAt: at + sizeOfSize, contentSize, isChecked: (descriptor & 4) !== 0 };
}

function endsEarly(): ProtocolError {
  return new ProtocolError("zstd frames that end too early");
}
