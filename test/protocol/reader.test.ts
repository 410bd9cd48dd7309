/** The rules for bytes that nobody vouches for: sizes, counts, varints, tags, memory. */
import { describe, expect, test } from "bun:test";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { Reader, TAGGED_FIELDS_MAX } from "../../src/protocol/reader.ts";

describe("numbers", () => {
  test("are big-endian and signed where Kafka's are", () => {
    const reader = readerOf("ff fffe fffe fffffffd fffffffd 01");
    expect(reader.int8()).toBe(-1);
    expect(reader.int16()).toBe(-2);
    expect(reader.uint16()).toBe(65_534);
    expect(reader.int32()).toBe(-3);
    expect(reader.uint32()).toBe(4_294_967_293);
    expect(reader.boolean()).toBe(true);
    expect(reader.remaining).toBe(0);
  });

  test("any byte but 0 is true, as in Kafka", () => {
    expect(readerOf("02").boolean()).toBe(true);
    expect(readerOf("00").boolean()).toBe(false);
  });

  test("an int64 is whole below 2^53, or Java's smallest or greatest", () => {
    expect(readerOf("001fffffffffffff").int64()).toBe(2 ** 53 - 1);
    expect(readerOf("ffe0000000000001").int64()).toBe(1 - 2 ** 53);
    expect(readerOf("ffffffffffffffff").int64()).toBe(-1);
    expect(readerOf("7fffffffffffffff").int64()).toBe(2 ** 63);
    expect(readerOf("8000000000000000").int64()).toBe(-(2 ** 63));
    for (const beyond of ["0020000000000000", "ffe0000000000000", "7ffffffffffffffe"]) {
      expect(() => readerOf(beyond).int64()).toThrow(ProtocolError);
      expect(readerOf(beyond).int64Big()).toBe(BigInt.asIntN(64, BigInt(`0x${beyond}`)));
    }
  });

  test("float64 and uuid", () => {
    expect(readerOf("3ff8000000000000").float64()).toBe(1.5);
    expect(readerOf("00000000000000000000000000000001").uuid()).toBe("AAAAAAAAAAAAAAAAAAAAAQ");
  });

  test("the end is noticed by every type", () => {
    const reads: ((reader: Reader) => unknown)[] = [
      (reader) => reader.int16(),
      (reader) => reader.int32(),
      (reader) => reader.int64(),
      (reader) => reader.int64Big(),
      (reader) => reader.float64(),
      (reader) => reader.uuid(),
      (reader) => reader.skip(2),
    ];
    for (const read of reads) expect(() => read(readerOf("00"))).toThrow(ProtocolError);
    expect(() => readerOf("").int8()).toThrow("1 bytes expected, 0 remain");
  });

  test("the end may lie before that of the bytes", () => {
    const reader = new Reader(Buffer.from("0102030405", "hex"), 1, 3);
    expect(reader.position).toBe(1);
    expect(reader.int16()).toBe(0x0203);
    expect(() => reader.int8()).toThrow(ProtocolError);
  });
});

describe("varints", () => {
  test("of one to five bytes", () => {
    expect(readerOf("00").uvarint()).toBe(0);
    expect(readerOf("7f").uvarint()).toBe(127);
    expect(readerOf("8001").uvarint()).toBe(128);
    expect(readerOf("ffff03").uvarint()).toBe(65_535);
    expect(readerOf("ffffffff07").uvarint()).toBe(2 ** 31 - 1);
  });

  test("longer than needed is taken, as Kafka does", () => {
    expect(readerOf("8000").uvarint()).toBe(0);
    expect(readerOf("8180808000").uvarint()).toBe(1);
  });

  test("beyond 2^31 - 1 or five bytes is refused", () => {
    for (const bytes of ["8080808008", "ffffffff0f", "ffffffff7f", "808080808001", "80"]) {
      expect(() => readerOf(bytes).uvarint()).toThrow(ProtocolError);
    }
  });
});

describe("strings and bytes", () => {
  test("with both kinds of length", () => {
    expect(readerOf("0002 6869").string()).toBe("hi");
    expect(readerOf("03 6869").compactString()).toBe("hi");
    expect(readerOf("00000002 6869").sizedBytes().toString()).toBe("hi");
    expect(readerOf("03 6869").compactBytes().toString()).toBe("hi");
    expect(readerOf("01").compactString()).toBe("");
    expect(readerOf("01").compactBytes().length).toBe(0);
  });

  test("null where it may be, and nowhere else", () => {
    expect(readerOf("ffff").nullableString()).toBeNull();
    expect(readerOf("00").compactNullableString()).toBeNull();
    expect(readerOf("ffffffff").nullableBytes()).toBeNull();
    expect(readerOf("00").compactNullableBytes()).toBeNull();
    expect(readerOf("8000").nullableString()).toBeNull();
    expect(() => readerOf("ffff").string()).toThrow("string is null where it must not be");
    expect(() => readerOf("00").compactString()).toThrow(ProtocolError);
    expect(() => readerOf("ffffffff").sizedBytes()).toThrow(ProtocolError);
    expect(() => readerOf("00").compactBytes()).toThrow(ProtocolError);
  });

  test("bytes are a view of the frame", () => {
    const frame = Buffer.from("0361620000", "hex");
    const view = new Reader(frame).compactBytes();
    frame[1] = 0x63;
    expect(view.toString()).toBe("cb");
  });

  test("a size beyond the end, or beyond what Kafka allows, is refused", () => {
    expect(() => readerOf("7fff 61").string()).toThrow(ProtocolError);
    expect(() => readerOf("7fffffff 61").sizedBytes()).toThrow(ProtocolError);
    expect(() => readerOf("ffffffff07 61").compactBytes()).toThrow(ProtocolError);
    const long = Buffer.concat([Buffer.from("818002", "hex"), Buffer.alloc(32_768, "a")]);
    expect(() => new Reader(long).compactString()).toThrow("string of 32768 bytes");
    const longest = Buffer.concat([Buffer.from("808002", "hex"), Buffer.alloc(32_767, "a")]);
    expect(new Reader(longest).compactString().length).toBe(32_767);
  });

  test("invalid UTF-8 becomes U+FFFD, as in Java", () => {
    expect(readerOf("04 61ff62").compactString()).toBe("a\ufffdb");
    expect(readerOf("04 e697a5").compactString()).toBe("日");
    expect(readerOf("03 e697").compactString()).toBe("\ufffd");
  });
});

describe("counts", () => {
  test("so many elements must fit into what remains", () => {
    expect(readerOf("00000002 00000000").count(2, 0)).toBe(2);
    expect(readerOf("03 00000000").compactCount(2, 0)).toBe(2);
    expect(() => readerOf("00000003 00000000").count(2, 0)).toThrow("6 bytes expected, 4 remain");
    expect(() => readerOf("7fffffff").count(1, 0)).toThrow(ProtocolError);
    expect(() => readerOf("ffffffff07").compactCount(1, 0)).toThrow(ProtocolError);
  });

  test("null where it may be, and nowhere else", () => {
    expect(readerOf("ffffffff").nullableCount(1, 0)).toBeNull();
    expect(readerOf("00").compactNullableCount(1, 0)).toBeNull();
    expect(() => readerOf("ffffffff").count(1, 0)).toThrow(ProtocolError);
    expect(() => readerOf("00").compactCount(1, 0)).toThrow(ProtocolError);
  });

  test("all arrays of a message share one allowance of memory", () => {
    const bytes = Buffer.alloc(20_000);
    for (let at = 0; at < 12; at += 4) bytes.writeInt32BE(1000, at);
    const reader = new Reader(bytes);
    // 64 KiB, and 16 bytes for each of the frame's.
    expect(reader.count(1, 150)).toBe(1000);
    expect(reader.count(1, 150)).toBe(1000);
    expect(() => reader.count(1, 150)).toThrow("message would take too much memory");
  });
});

describe("tagged fields", () => {
  test("unknown ones are skipped by their size", () => {
    const reader = readerOf("02 05 01 ff 07 03 aabbcc 2a");
    reader.skipTags();
    expect(reader.int8()).toBe(42);
  });

  test("their sizes are not trusted and their number is limited", () => {
    expect(() => readerOf("01 05 02 ff").skipTags()).toThrow(ProtocolError);
    expect(() => readerOf("ffffffff07").skipTags()).toThrow(ProtocolError);
    const most = Buffer.concat([
      Buffer.of(TAGGED_FIELDS_MAX),
      Buffer.alloc(2 * TAGGED_FIELDS_MAX, "0700", "hex"),
    ]);
    new Reader(most).skipTags();
    most[0] = TAGGED_FIELDS_MAX + 1;
    expect(() => new Reader(most).skipTags()).toThrow("65 tagged fields in one struct");
  });
});

function readerOf(hex: string): Reader {
  return new Reader(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}
