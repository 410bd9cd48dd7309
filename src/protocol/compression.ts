/**
 * The codecs of record batches, in the forms that Kafka's clients read and write.
 *
 * Decompressing is bounded: what a few bytes stand for is never allocated beyond `sizeMax`, and
 * every kind of garbage is a `ProtocolError`.
 */
import { assert } from "../base/assert.ts";
import { later } from "../base/later.ts";
import { inflateBounded } from "./inflate.ts";
import { ProtocolError } from "./protocol-error.ts";
import { zlib } from "./zlib.ts";

const lz4 = later(() => require("./lz4.ts") as typeof import("./lz4.ts"));
const lz4High = later(() => require("./lz4-high.ts") as typeof import("./lz4-high.ts"));
const snappy = later(() => require("./snappy.ts") as typeof import("./snappy.ts"));
const zstd = later(() => require("./zstd.ts") as typeof import("./zstd.ts"));

export const CompressionType = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const;
export type CompressionType = (typeof CompressionType)[keyof typeof CompressionType];

/** By `CompressionType`. */
export const COMPRESSION_NAMES = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type CompressionName = (typeof COMPRESSION_NAMES)[number];

/** The settings' ranges: gzip -1 (its own default) or 1 to 9, lz4 1 to 17, zstd -131072 to 22. */
const COMPRESSION_LEVEL_DEFAULTS = { gzip: -1, lz4: 9, zstd: 3 } as const;

export function isCompressionType(id: number): id is CompressionType {
  return id >= CompressionType.NONE && id <= CompressionType.ZSTD;
}

export function compressionTypeOf(name: CompressionName): CompressionType {
  const id = COMPRESSION_NAMES.indexOf(name);
  assert(isCompressionType(id), `a codec: ${name}`);
  return id;
}

/** `level` is that of Kafka's compression.*.level settings; snappy has none. */
export function compress(type: CompressionType, bytes: Buffer, level?: number): Buffer {
  switch (type) {
    case CompressionType.NONE:
      return bytes;
    case CompressionType.GZIP:
      return zlib().gzipSync(bytes, { level: level ?? COMPRESSION_LEVEL_DEFAULTS.gzip });
    case CompressionType.SNAPPY:
      return snappy().compressSnappy(bytes);
    case CompressionType.LZ4:
      // At its default Kafka itself takes the fast compressor, which knows no levels.
      return level === undefined || level === COMPRESSION_LEVEL_DEFAULTS.lz4
        ? lz4().compressLz4(bytes)
        : lz4High().compressLz4High(bytes, level);
    case CompressionType.ZSTD:
      return zstd().compressZstd(bytes, level ?? COMPRESSION_LEVEL_DEFAULTS.zstd);
  }
}

/**
 * Throws `ProtocolError` for what is not of this type, and its `OutputTooLargeError` as soon as
 * there are more than `sizeMax` bytes.
 */
export function decompress(type: CompressionType, bytes: Buffer, sizeMax: number): Buffer {
  if (bytes.length === 0 && type !== CompressionType.NONE) {
    throw new ProtocolError("nothing to decompress");
  }
  switch (type) {
    case CompressionType.NONE:
      return bytes;
    case CompressionType.GZIP:
      return decompressGzip(bytes, sizeMax);
    case CompressionType.SNAPPY:
      return snappy().decompressSnappy(bytes, sizeMax);
    case CompressionType.LZ4:
      return lz4().decompressLz4(bytes, sizeMax);
    case CompressionType.ZSTD:
      return zstd().decompressZstd(bytes, sizeMax);
  }
}

function decompressGzip(bytes: Buffer, sizeMax: number): Buffer {
  // The last four bytes tell the size of the last member, which hardly ever is not the only one.
  const sizeExpected = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  return inflateBounded(zlib().gunzipSync, bytes, sizeExpected, sizeMax);
}
