/** Kafka's primitive types, the parts that are not copied, and the memory that messages share. */
import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import type { DiskFile } from "../../src/base/world.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { Writer } from "../../src/protocol/writer.ts";

describe("values", () => {
  test("numbers are big-endian", () => {
    const writer = new Writer();
    writer.boolean(true);
    writer.int8(-1);
    writer.int16(-2);
    writer.uint16(65_534);
    writer.int32(-3);
    writer.uint32(4_294_967_293);
    writer.float64(1.5);
    writer.uuid("AAAAAAAAAAAAAAAAAAAAAQ");
    const hex =
      "01 ff fffe fffe fffffffd fffffffd 3ff8000000000000 00000000000000000000000000000001";
    expect(writer.bytes().toString("hex")).toBe(hex.replaceAll(" ", ""));
  });

  test("an int64 that a double cannot hold stands for Java's smallest or greatest", () => {
    const hexOf = (value: number): string => hex((writer) => writer.int64(value));
    expect(hexOf(-1)).toBe("ffffffffffffffff");
    expect(hexOf(2 ** 53 - 1)).toBe("001fffffffffffff");
    expect(hexOf(1 - 2 ** 53)).toBe("ffe0000000000001");
    expect(hexOf(-(2 ** 32))).toBe("ffffffff00000000");
    expect(hexOf(2 ** 63)).toBe("7fffffffffffffff");
    expect(hexOf(-(2 ** 63))).toBe("8000000000000000");
    expect(hex((writer) => writer.int64Big(-2n))).toBe("fffffffffffffffe");
  });

  test("varints take as few bytes as they can", () => {
    for (const value of [0, 127, 128, 16_383, 16_384, 2 ** 31 - 1]) {
      const bytes = written((writer) => writer.uvarint(value));
      expect(new Reader(bytes).uvarint()).toBe(value);
      expect(bytes.length).toBe(Math.max(1, Math.ceil(Math.log2(value + 1) / 7)));
    }
  });

  test("text of every length, with both kinds of length in front", () => {
    for (const unit of ["a", "é", "日", "🦆"]) {
      for (const length of [0, 1, 20, 42, 43, 63, 64, 126, 127, 5000]) {
        const text = unit.repeat(length);
        expect(new Reader(written((writer) => writer.compactString(text))).compactString()).toBe(
          text,
        );
        expect(new Reader(written((writer) => writer.string(text))).string()).toBe(text);
      }
    }
  });

  test("null is a length of its own", () => {
    expect(hex((writer) => writer.nullableString(null))).toBe("ffff");
    expect(hex((writer) => writer.compactNullableString(null))).toBe("00");
    expect(hex((writer) => writer.nullableBytes(null))).toBe("ffffffff");
    expect(hex((writer) => writer.compactNullableBytes(null))).toBe("00");
  });

  test("what does not fit into a type is a bug", () => {
    const writes: ((writer: Writer) => void)[] = [
      (writer) => writer.int8(128),
      (writer) => writer.int16(-32_769),
      (writer) => writer.uint16(-1),
      (writer) => writer.int32(2 ** 31),
      (writer) => writer.int32(0.5),
      (writer) => writer.int32(Number.NaN),
      (writer) => writer.uint32(-1),
      (writer) => writer.int64(2 ** 53),
      (writer) => writer.int64(1.5),
      (writer) => writer.int64Big(2n ** 63n),
      (writer) => writer.uvarint(-1),
    ];
    for (const write of writes) expect(() => write(new Writer())).toThrow(AssertionError);
  });

  test("text that is too long is none: a client may have sent what grew to it", () => {
    const text = "é".repeat(16_384);
    expect(() => new Writer().string(text)).toThrow(ProtocolError);
    expect(() => new Writer().compactString(text)).toThrow(ProtocolError);
  });
});

describe("parts", () => {
  test("big byte fields are not copied, small ones are", () => {
    const big = Buffer.alloc(40_000, 7);
    const writer = new Writer();
    writer.int32(1);
    writer.compactBytes(big);
    writer.compactBytes(Buffer.of(9));
    expect(writer.size).toBe(4 + 3 + 40_000 + 2);
    const parts = writer.parts();
    expect(parts.map((part) => ("length" in part ? part.length : -1))).toEqual([7, 40_000, 2]);
    expect(parts[1]).toBe(big);
  });

  test("records may lie in a file", () => {
    const slice = { file: {} as DiskFile, position: 100, size: 300 };
    const writer = new Writer();
    writer.compactNullableBytes(slice);
    writer.uvarint(0);
    expect(writer.size).toBe(303);
    expect(writer.parts()).toEqual([Buffer.from("ad02", "hex"), slice, Buffer.of(0)]);
    const other = new Writer();
    other.nullableBytes(slice);
    expect(() => other.bytes()).toThrow(AssertionError);
  });

  test("nothing written is no bytes", () => {
    expect(new Writer().parts()).toEqual([]);
    expect(new Writer().bytes().length).toBe(0);
  });

  test("writing behind the end is a bug", () => {
    const writer = new Writer();
    writer.int32(1);
    writer.parts();
    expect(() => writer.int32(2)).toThrow(AssertionError);
  });
});

describe("tagged fields", () => {
  test("have their size in front, whatever its length", () => {
    for (const size of [0, 1, 127, 128, 20_000, 50_000]) {
      const content = Buffer.alloc(size, 5);
      const writer = new Writer();
      writer.int8(1);
      const begin = writer.beginTag(3);
      writer.sizedBytes(content);
      writer.endTag(begin);
      writer.int8(2);
      const reader = new Reader(writer.bytes());
      expect([reader.int8(), reader.uvarint(), reader.uvarint()]).toEqual([1, 3, size + 4]);
      expect(reader.sizedBytes()).toEqual(content);
      expect(reader.int8()).toBe(2);
    }
  });

  test("within one another", () => {
    const writer = new Writer();
    const outer = writer.beginTag(0);
    const inner = writer.beginTag(1);
    writer.int16(5);
    writer.endTag(inner);
    writer.endTag(outer);
    expect(writer.bytes().toString("hex")).toBe("000401020005");
  });
});

describe("shared memory", () => {
  test("messages that are written one behind the other, or at once, stay apart", () => {
    const kept: { readonly text: string; readonly bytes: Buffer }[] = [];
    let open = { writer: new Writer(), text: "" };
    for (let index = 0; index < 500; index++) {
      const text = String(index).repeat(1 + ((index * 37) % 900));
      const next = { writer: new Writer(), text };
      next.writer.compactString(text.slice(0, 10));
      if (open.text !== "") {
        open.writer.string(open.text);
        kept.push({ text: open.text, bytes: open.writer.bytes() });
      }
      open = next;
    }
    for (const { text, bytes } of kept) {
      const reader = new Reader(bytes);
      expect(reader.compactString()).toBe(text.slice(0, 10));
      expect(reader.string()).toBe(text);
      expect(reader.remaining).toBe(0);
    }
  });
});

function written(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  return writer.bytes();
}

function hex(write: (writer: Writer) => void): string {
  return written(write).toString("hex");
}
