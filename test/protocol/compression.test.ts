import { describe, expect, test } from "bun:test";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import {
  compress,
  COMPRESSION_NAMES,
  CompressionType,
  compressionTypeOf,
  decompress,
  isCompressionType,
} from "../../src/protocol/compression.ts";
import { OutputTooLargeError } from "../../src/protocol/decompression-error.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { mixedBytes, mutate, numbersOf } from "./noise.ts";

const { GZIP, SNAPPY, LZ4, ZSTD } = CompressionType;
const CODECS = [GZIP, SNAPPY, LZ4, ZSTD];
const MiB = 1024 * 1024;

for (const type of CODECS) {
  describe(`compression: ${COMPRESSION_NAMES[type]}`, () => {
    test("gives back what it was given, at the very bound", () => {
      for (const size of [1, 13, 1000, 32_768, 65_536, 65_537, 300_000]) {
        const bytes = mixedBytes(size, size);
        const compressed = compress(type, bytes);
        expect(decompress(type, compressed, size).equals(bytes)).toBe(true);
      }
    });

    test("stops at the bound, whatever the bytes stand for", () => {
      const bytes = mixedBytes(3, 200_000);
      const compressed = compress(type, bytes);
      for (const sizeMax of [0, 1, 1000, 65_536, 199_999]) {
        expect(() => decompress(type, compressed, sizeMax)).toThrow(OutputTooLargeError);
      }
    });

    test("a bomb costs no memory", () => {
      const bomb = compress(type, Buffer.alloc(200 * MiB));
      Bun.gc(true);
      const before = process.memoryUsage().rss;
      for (let round = 0; round < 20; round++) {
        expect(() => decompress(type, bomb, MiB)).toThrow(OutputTooLargeError);
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(60 * MiB);
    });

    test("what was made in one turn of the event loop is not held until the next", () => {
      const bytes = mixedBytes(7, MiB);
      const compressed = compress(type, bytes);
      const isQuick = type === LZ4 || type === SNAPPY;
      Bun.gc(true);
      const before = process.memoryUsage().rss;
      for (let round = 0; round < 400; round++) {
        decompress(type, compressed, MiB);
        if (isQuick) compress(type, bytes);
      }
      // Held, it would be 400 MiB at least; what the collector leaves about varies.
      expect(process.memoryUsage().rss - before).toBeLessThan(200 * MiB);
    });

    test("refuses what is cut short anywhere", () => {
      const compressed = compress(type, mixedBytes(5, 3000));
      for (let size = 0; size < compressed.length; size++) {
        // Frames of snappy have no end of their own: only within a block is it cut short.
        if (type === SNAPPY && size === 16) continue;
        expect(() => decompress(type, compressed.subarray(0, size), MiB)).toThrow(ProtocolError);
      }
    });

    test("garbage is a protocol error or other bytes, never anything else", () => {
      const next = numbersOf(type);
      let refused = 0;
      for (let round = 0; round < 1500; round++) {
        const compressed = compress(type, mixedBytes(next(), 1 + (next() % 900)));
        try {
          expect(decompress(type, mutate(compressed, next), 4096).length).toBeLessThanOrEqual(4096);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
          refused++;
        }
      }
      expect(refused).toBeGreaterThan(300);
    });

    test("several in a row are one, unless Kafka's own reader stops behind the first", () => {
      const first = mixedBytes(1, 500);
      const second = mixedBytes(2, 70_000);
      const both = Buffer.concat([compress(type, first), compress(type, second)]);
      if (type === LZ4) {
        expect(() => decompress(type, both, MiB)).toThrow("bytes behind an lz4 frame");
        return;
      }
      const expected = Buffer.concat([first, second]);
      expect(decompress(type, both, 70_500).equals(expected)).toBe(true);
      expect(() => decompress(type, both, 70_499)).toThrow(OutputTooLargeError);
    });

    test("random bytes are refused", () => {
      for (let seed = 0; seed < 50; seed++) {
        expect(() => decompress(type, mixedBytes(seed, 40), MiB)).toThrow(ProtocolError);
      }
    });
  });
}

test("nothing is not compressed at all", () => {
  const bytes = Buffer.from("abc");
  expect(compress(CompressionType.NONE, bytes)).toBe(bytes);
  expect(decompress(CompressionType.NONE, bytes, 0)).toBe(bytes);
});

test("names and numbers are Kafka's", () => {
  expect(COMPRESSION_NAMES.map(compressionTypeOf)).toEqual([0, 1, 2, 3, 4]);
  expect([-1, 0, 4, 5, 7].map(isCompressionType)).toEqual([false, true, true, false, false]);
});

describe("gzip", () => {
  test("a higher level makes less", () => {
    const bytes = mixedBytes(1, 100_000);
    const sizes = [1, 6, 9].map((level) => compress(GZIP, bytes, level).length);
    expect(sizes[0]!).toBeGreaterThan(sizes[1]!);
    expect(sizes[1]!).toBeGreaterThanOrEqual(sizes[2]!);
    expect(compress(GZIP, bytes).length).toBe(compress(GZIP, bytes, 6).length);
  });

  test("a size in the trailer that is a lie about it all changes nothing", () => {
    const compressed = gzipSync(Buffer.alloc(1000, "ab"));
    compressed.writeUInt32LE(0xffff_ffff, compressed.length - 4);
    expect(() => decompress(GZIP, compressed, MiB)).toThrow(ProtocolError);
  });
});

describe("snappy", () => {
  test("is written in the frames of snappy-java, 32 KiB each", () => {
    const compressed = compress(SNAPPY, Buffer.alloc(70_000));
    expect(compressed.subarray(0, 16).toString("hex")).toBe("82534e41505059000000000100000001");
    const sizes: number[] = [];
    for (let at = 16; at < compressed.length; at += 4 + compressed.readInt32BE(at)) {
      sizes.push((compressed[at + 4]! & 127) | (compressed[at + 5]! << 7));
    }
    expect(sizes.length).toBe(3);
  });

  test("is read as one raw block too, as librdkafka writes it", () => {
    const raw = Buffer.concat([Buffer.from([10]), Buffer.from([0x08, 97, 98, 99, 0x0d, 3])]);
    expect(decompress(SNAPPY, raw, 10).toString()).toBe("abcabcabca");
    expect(() => decompress(SNAPPY, raw, 9)).toThrow(OutputTooLargeError);
  });

  test("a false size is refused before anything is allocated", () => {
    const raw = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x08, 97, 98, 99]);
    expect(() => decompress(SNAPPY, raw, 2 ** 40)).toThrow("a false size");
    const framed = compress(SNAPPY, Buffer.from("abc"));
    framed.writeInt32BE(-5, 16);
    expect(() => decompress(SNAPPY, framed, 100)).toThrow(ProtocolError);
    framed.writeInt32BE(0x7fff_ffff, 16);
    expect(() => decompress(SNAPPY, framed, 100)).toThrow(ProtocolError);
  });

  test("blocks that some decoders take, or never return from, are refused", () => {
    // A literal of -5 bytes, a size without bytes, too few bytes, copies cut short and from ahead.
    const broken = ["05fcfaffffff", "05", "0a0861626305", "0a006111", "050061fffbffffff"];
    for (const hex of broken) {
      expect(() => decompress(SNAPPY, Buffer.from(hex, "hex"), 100)).toThrow(ProtocolError);
    }
  });

  test("blocks of every size there may be", () => {
    for (const size of [0, 1, 32_767, 32_768, 32_769, 65_536]) {
      const bytes = mixedBytes(size, size);
      const compressed = compress(SNAPPY, bytes);
      expect(decompress(SNAPPY, compressed, size).equals(bytes)).toBe(true);
    }
  });
});

describe("lz4", () => {
  const text = Buffer.from("abcdefgh".repeat(10));
  const stored = (bytes: Buffer) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE((bytes.length | 0x8000_0000) >>> 0);
    return Buffer.concat([size, bytes]);
  };
  const uint32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return bytes;
  };
  const frame = (flags: number, blocks: Buffer[], descriptor = Buffer.alloc(0), maximum = 0x40) => {
    const head = Buffer.concat([Buffer.from([flags, maximum]), descriptor]);
    const check = (Bun.hash.xxHash32(head, 0) >>> 8) & 0xff;
    const magic = uint32(0x184d2204);
    return Buffer.concat([magic, head, Buffer.from([check]), ...blocks, uint32(0)]);
  };

  test("is written in independent blocks and nothing else", () => {
    for (const level of [undefined, 1, 9, 17]) {
      for (const size of [0, 1, 12, 13, 65_536, 65_537, 300_000]) {
        const bytes = mixedBytes(size, size);
        const compressed = compress(LZ4, bytes, level);
        expect(compressed[4]).toBe(0x60);
        expect(decompress(LZ4, compressed, size).equals(bytes)).toBe(true);
      }
    }
  });

  test("at a level of one's own is written as Kafka's producer does: 64 KiB a block", () => {
    const compressed = compress(LZ4, Buffer.alloc(65_537), 8);
    expect(compressed.subarray(0, 7).toString("hex")).toBe("04224d18604082");
    const first = compressed.readUInt32LE(7);
    expect(compressed.readUInt32LE(11 + first)).toBe(0x8000_0001);
    expect(compressed.length).toBe(11 + first + 4 + 1 + 4);
  });

  test("block checksums are held to, content size and checksum are passed over", () => {
    const checked = Buffer.concat([stored(text), uint32(Bun.hash.xxHash32(text, 0))]);
    expect(decompress(LZ4, frame(0x70, [checked]), 100)).toEqual(text);
    checked[10]! ^= 1;
    expect(() => decompress(LZ4, frame(0x70, [checked]), 100)).toThrow("wrong checksum");
    const sized = frame(0x6c, [stored(text)], Buffer.alloc(8, 0xff));
    expect(decompress(LZ4, Buffer.concat([sized, uint32(1)]), 100)).toEqual(text);
    expect(() => decompress(LZ4, sized, 100)).toThrow(ProtocolError);
  });

  test("what Kafka's own reader does not take is refused", () => {
    expect(() => decompress(LZ4, frame(0x40, [stored(text)]), 100)).toThrow("linked blocks");
    const match = Buffer.from([0x02, 8, 0, 0x50, ...Buffer.from("vwxyz")]);
    const reachingBack = frame(0x60, [stored(text), uint32(match.length), match]);
    expect(() => decompress(LZ4, reachingBack, 100)).toThrow("malformed lz4");
    const skippable = Buffer.concat([uint32(0x184d2a53), uint32(3), Buffer.from("xyz")]);
    const plain = frame(0x60, [stored(text)]);
    expect(() => decompress(LZ4, Buffer.concat([skippable, plain]), 100)).toThrow("no lz4 frame");
    expect(() => decompress(LZ4, Buffer.concat([plain, skippable]), 100)).toThrow("behind an lz4");
  });

  test("few bytes may stand for a whole block, of the largest kind too", () => {
    const zeros = Buffer.alloc(4 * MiB);
    const compressed = compress(LZ4, zeros);
    expect(compressed[5]).toBe(0x70);
    expect(compressed.length).toBeLessThan(zeros.length / 200);
    expect(decompress(LZ4, compressed, zeros.length).equals(zeros)).toBe(true);
    expect(() => decompress(LZ4, compressed, zeros.length - 1)).toThrow(OutputTooLargeError);
  });

  test("a block holds no more than its frame says", () => {
    const blocks = compress(LZ4, Buffer.alloc(65_536)).subarray(7, -4);
    expect(decompress(LZ4, frame(0x60, [blocks]), MiB).length).toBe(65_536);
    const longer = compress(LZ4, Buffer.alloc(65_537), 1).subarray(11, -9);
    const oversized = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), Buffer.alloc(300, 255), longer]);
    const tooMuch = frame(0x60, [uint32(oversized.length), oversized]);
    expect(() => decompress(LZ4, tooMuch, MiB)).toThrow("than its frame allows");
    expect(() => decompress(LZ4, frame(0x60, [stored(Buffer.alloc(65_537))]), MiB)).toThrow(
      "block of 65537 bytes",
    );
    const roomy = frame(0x60, [stored(Buffer.alloc(65_537))], Buffer.alloc(0), 0x50);
    expect(decompress(LZ4, roomy, MiB).length).toBe(65_537);
  });

  test("unknown versions, dictionaries and header checksums are refused", () => {
    const broken = [
      frame(0xa0, [stored(text)]),
      frame(0x61, [stored(text)], uint32(5)),
      frame(0x62, [stored(text)]),
      frame(0x60, [stored(text)], Buffer.alloc(0), 0x30),
      frame(0x60, [stored(text)], Buffer.alloc(0), 0xc0),
      frame(0x60, [stored(text)], Buffer.alloc(0), 0x41),
    ];
    for (const bytes of broken) expect(() => decompress(LZ4, bytes, 100)).toThrow(ProtocolError);
    const wrong = frame(0x60, [stored(text)]);
    wrong[6]! ^= 1;
    expect(() => decompress(LZ4, wrong, 100)).toThrow("header checksum");
  });

  test("levels search deeper, and level 9 is the fast one as in Kafka", () => {
    const bytes = mixedBytes(4, 60_000);
    const sizes = [1, 4, 12].map((level) => compress(LZ4, bytes, level).length);
    expect(sizes[0]!).toBeGreaterThan(sizes[1]!);
    expect(sizes[1]!).toBeGreaterThan(sizes[2]!);
    expect(compress(LZ4, bytes, 9)).toEqual(compress(LZ4, bytes));
  });
});

describe("zstd", () => {
  test("frames without a declared size, with checksums, and skippable ones are read", () => {
    const bytes = mixedBytes(9, 200_000);
    const params = {
      [constants.ZSTD_c_contentSizeFlag]: 0,
      [constants.ZSTD_c_checksumFlag]: 1,
    };
    const unsized = zstdCompressSync(bytes, { params });
    expect(decompress(ZSTD, unsized, 200_000).equals(bytes)).toBe(true);
    expect(() => decompress(ZSTD, unsized, 199_999)).toThrow(OutputTooLargeError);
    for (const cut of [1, 4, 5, 1000]) {
      expect(() => decompress(ZSTD, unsized.subarray(0, -cut), MiB)).toThrow(ProtocolError);
    }
    const skippable = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
    const both = Buffer.concat([skippable, unsized]);
    expect(decompress(ZSTD, both, 200_000).equals(bytes)).toBe(true);
    unsized[unsized.length - 1]! ^= 1;
    expect(() => decompress(ZSTD, unsized, MiB)).toThrow(ProtocolError);
  });

  test("a declared size beyond the bound is refused before anything is made", () => {
    const compressed = Buffer.from("28b52ffde0ffffffffffff0f00010000", "hex");
    expect(() => decompress(ZSTD, compressed, MiB)).toThrow(OutputTooLargeError);
  });

  test("a declared size that the blocks do not keep is refused", () => {
    const compressed = zstdCompressSync(Buffer.alloc(100, "ab"));
    // One byte of size behind the descriptor of a single segment.
    expect(compressed[4]! >>> 5).toBe(1);
    compressed[5]!--;
    expect(() => decompress(ZSTD, compressed, MiB)).toThrow(ProtocolError);
    compressed[5]! += 2;
    expect(() => decompress(ZSTD, compressed, MiB)).toThrow(ProtocolError);
  });

  test("a window of a gigabyte is refused", () => {
    const compressed = zstdCompressSync(Buffer.alloc(100), {
      params: { [constants.ZSTD_c_contentSizeFlag]: 0 },
    });
    expect(compressed[4]! & 0x20).toBe(0);
    compressed[5] = (20 << 3) | 0;
    expect(() => decompress(ZSTD, compressed, MiB)).toThrow(ProtocolError);
  });

  test("a higher level makes less", () => {
    const bytes = mixedBytes(1, 100_000);
    const sizes = [-50, 3, 19].map((level) => compress(ZSTD, bytes, level).length);
    expect(sizes[0]!).toBeGreaterThan(sizes[1]!);
    expect(sizes[1]!).toBeGreaterThan(sizes[2]!);
  });
});
