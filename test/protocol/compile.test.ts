/** What the words of the schema language mean in bytes. */
import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import {
  decode,
  decoderOf,
  encode,
  encoderOf,
  rowCounterOf,
  stepwiseOf,
} from "../../src/protocol/compile.ts";
import { createPartitions } from "../../src/protocol/messages/37-create-partitions.ts";
import { heartbeat } from "../../src/protocol/messages/12-heartbeat.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { ProtocolError, UnsupportedVersionError } from "../../src/protocol/protocol-error.ts";
import { Reader } from "../../src/protocol/reader.ts";
import {
  array,
  bytes,
  int16,
  int32,
  int64Big,
  int8,
  message,
  records,
  string,
  struct,
  type Input,
  type Value,
} from "../../src/protocol/schema.ts";
import { Writer } from "../../src/protocol/writer.ts";

const point = struct({ x: int8, y: int8.default(-1) });

const sample = message({
  name: "Sample",
  versions: [0, 3],
  flexibleFrom: 2,
  fields: struct({
    id: int16,
    name: string.nullable(1),
    removed: int8.until(0),
    added: int8.since(1).default(7),
    noted: int8.since(1).default(8).ignorable(),
    place: point.since(3).tagged(1),
    label: string.nullable().since(2).tagged(0).default(null),
    corner: point.nullable().since(2).default(null),
    fixed: string.inflexible().since(2).default("f"),
    hash: int64Big.since(3).tagged(4).default(0n),
  }),
});

describe("long messages", () => {
  const long = message({
    name: "Long",
    versions: [0, 1],
    flexibleFrom: 1,
    fields: struct({
      topics: array(struct({ points: array(point).nullable(1), ids: array(int32) })),
      one: point,
    }),
  });
  const points = Array.from({ length: 200 }, (_, index) => ({ x: index % 100, y: 0 }));
  const value = {
    topics: [
      { points, ids: [1, 2, 3] },
      { points: null, ids: Array.from({ length: 500 }, (_, index) => index) },
    ],
    one: { x: 1, y: 2 },
  };

  test("may be left after some rows, and gone on with", () => {
    const { encode: encodeSteps, decode: decodeSteps } = stepwiseOf(long, 1)!;
    const writer = new Writer();
    const encoding = [...encodeSteps(writer, value)];
    const bytes = writer.bytes();
    expect(bytes).toEqual(encode(long, 1, value));
    const decoding = [...decodeSteps(new Reader(bytes))];
    // Three times 64 of 200; numbers are no rows.
    expect([encoding.length, decoding.length]).toEqual([3, 3]);
  });

  test("are known by their rows, to a depth of two; others have none", () => {
    expect(rowCounterOf(long, 1)(value)).toBe(202);
    expect(rowCounterOf(long, 0)({ ...value, topics: [] })).toBe(0);
    expect(rowCounterOf(heartbeat.response, 4)({ throttleTimeMs: 0, errorCode: 0 })).toBe(0);
    expect(stepwiseOf(heartbeat.response, 4)).toBeNull();
  });
});

describe("versions", () => {
  test("a field is read and written only in its versions", () => {
    expect(encoded(0, { id: 1, name: "a", removed: 5 })).toEqual(bytesOf("0001 0001 61 05"));
    expect(encoded(1, { id: 1, name: "a", added: 5, noted: 6 })).toEqual(
      bytesOf("0001 0001 61 05 06"),
    );
  });

  test("a decoded value has all fields in one order; those that are missing have defaults", () => {
    const value = decode(sample, 0, Buffer.from("000100016105", "hex"));
    expect(value).toEqual({
      id: 1,
      name: "a",
      removed: 5,
      added: 7,
      noted: 8,
      place: { x: 0, y: -1 },
      label: null,
      corner: null,
      fixed: "f",
      hash: 0n,
    });
    const newer = decode(
      sample,
      2,
      Buffer.from("0001 00 07 08 ff 0001 66 00".replaceAll(" ", ""), "hex"),
    );
    expect(newer).toEqual({ ...value, name: null, removed: 0 });
    expect(Object.keys(newer)).toEqual(Object.keys(value));
  });

  test("a version that does not exist", () => {
    for (const version of [-1, 4, 0.5, Number.NaN]) {
      expect(() => decoderOf(sample, version)).toThrow(ProtocolError);
      expect(() => encoderOf(sample, version)).toThrow(AssertionError);
    }
  });

  test("codecs are compiled once", () => {
    expect(decoderOf(sample, 1)).toBe(decoderOf(sample, 1));
    expect(encoderOf(sample, 1)).toBe(encoderOf(sample, 1));
  });

  test("null only from the version on that allows it", () => {
    expect(() => decode(sample, 0, Buffer.from("0001ffff05", "hex"))).toThrow(ProtocolError);
    expect(() => encode(sample, 0, { id: 1, name: null })).toThrow(TypeError);
    expect(encoded(1, { id: 1, name: null })).toEqual(bytesOf("0001 ffff 07 08"));
  });
});

describe("values that a version cannot express", () => {
  test("are refused", () => {
    const base = { id: 1, name: "" };
    expect(() => encode(sample, 0, { ...base, added: 1 })).toThrow(UnsupportedVersionError);
    expect(() => encode(sample, 1, { ...base, removed: 1 })).toThrow(
      "Sample v1 has no field removed",
    );
    expect(() => encode(sample, 2, { ...base, place: { x: 1 } })).toThrow(UnsupportedVersionError);
    expect(() => encode(sample, 1, { ...base, label: "" })).toThrow(UnsupportedVersionError);
    expect(() => encode(sample, 1, { ...base, corner: { x: 0 } })).toThrow(UnsupportedVersionError);
    expect(() => encode(sample, 2, { ...base, hash: 1n })).toThrow(UnsupportedVersionError);
  });

  test("are dropped where they are ignorable", () => {
    expect(encoded(0, { id: 1, name: "", noted: 99 })).toEqual(bytesOf("0001 0000 00"));
  });

  test("do not matter when they are the default", () => {
    const harmless = { added: 7, label: null, corner: null, place: { x: 0, y: -1 }, hash: 0n };
    expect(encoded(0, { id: 1, name: "", ...harmless })).toEqual(bytesOf("0001 0000 00"));
  });
});

describe("tagged fields", () => {
  test("are written in the order of their tags, and only if they differ from the default", () => {
    const base = { id: 1, name: "" };
    expect(encoded(3, base)).toEqual(bytesOf("0001 01 07 08 ff 0001 66 00"));
    expect(encoded(3, { ...base, place: { x: 2 }, label: "l" })).toEqual(
      bytesOf("0001 01 07 08 ff 0001 66 02 00 02 02 6c 01 03 02 ff 00"),
    );
    expect(encoded(3, { ...base, label: "" })).toEqual(
      bytesOf("0001 01 07 08 ff 0001 66 01 00 01 01"),
    );
  });

  test("are read in any order, beside unknown ones", () => {
    const tags = "03 01 03 02 ff 00 09 02 aaaa 00 02 02 6c";
    const value = decode(sample, 3, bytesOf(`0001 01 07 08 ff 0001 66 ${tags}`));
    expect([value.place, value.label]).toEqual([{ x: 2, y: -1 }, "l"]);
  });

  test("one of another version is refused, as Kafka does", () => {
    const tags = "01 04 08 0000000000000001";
    const at = (version: number): unknown =>
      decode(sample, version, bytesOf(`0001 01 07 08 ff 0001 66 ${tags}`)).hash;
    expect(at(3)).toBe(1n);
    expect(() => at(2)).toThrow("tag 4 is not one of this version");
  });
});

describe("structs that may be null", () => {
  test("have one byte in front", () => {
    const base = { id: 1, name: "" };
    expect(encoded(2, { ...base, corner: { x: 3, y: 4 } })).toEqual(
      bytesOf("0001 01 07 08 01 03 04 00 0001 66 00"),
    );
    expect(decode(sample, 2, bytesOf("0001 01 07 08 01 03 04 00 0001 66 00")).corner).toEqual({
      x: 3,
      y: 4,
    });
    // Any negative byte is null.
    expect(decode(sample, 2, bytesOf("0001 01 07 08 80 0001 66 00")).corner).toBeNull();
  });
});

describe("types that follow from a description", () => {
  test("are exact", () => {
    type Expected = {
      groupId: string;
      generationId: number;
      memberId: string;
      groupInstanceId: string | null;
    };
    const value: IsSame<Value<typeof heartbeat.request>, Expected> = true;
    type ExpectedInput = {
      groupId: string;
      generationId: number;
      memberId: string;
      groupInstanceId?: string | null | undefined;
    };
    const input: IsSame<Input<typeof heartbeat.request>, ExpectedInput> = true;
    type Partition = Value<typeof produce.request>["topicData"][number]["partitionData"][number];
    const partition: IsSame<Partition, { index: number; records: Buffer | null }> = true;
    expect([value, input, partition]).toEqual([true, true, true]);
  });
});

describe("memory", () => {
  test("bytes and records are views of the frame", () => {
    const holder = message({
      name: "Holder",
      versions: [0, 0],
      fields: struct({ data: bytes, batches: records, list: array(bytes) }),
    });
    const frame = encode(holder, 0, {
      data: Buffer.from("a"),
      batches: Buffer.from("b"),
      list: [Buffer.from("c")],
    });
    const { data, batches, list } = decode(holder, 0, frame);
    for (const view of [data, batches, list[0]!]) expect(view.buffer).toBe(frame.buffer);
  });

  test("what decoding costs is bounded by the bytes that came", () => {
    // The dearest shape there is: a flexible struct of one array, in an array.
    const assignments = Array.from({ length: 74_000 }, () => ({ brokerIds: [] }));
    const request = {
      topics: [{ name: "t", count: 1, assignments }],
      timeoutMs: 1,
      validateOnly: true,
    };
    const compact = encode(createPartitions.request, 2, request);
    expect(() => decode(createPartitions.request, 2, compact)).toThrow("too much memory");
    // As much as is let through: 16 times the frame's size and a little.
    const frame = Buffer.concat([compact, Buffer.alloc(400_000)]);
    decode(createPartitions.request, 2, frame);
    Bun.gc(true);
    const before = heapStats();
    const value = decode(createPartitions.request, 2, frame);
    Bun.gc(true);
    const after = heapStats();
    expect(value.topics[0]!.assignments!.length).toBe(74_000);
    const used = after.heapSize + after.extraMemorySize - before.heapSize - before.extraMemorySize;
    expect(used).toBeLessThan(20 * frame.length);
  });

  test("a count that lies costs nothing", () => {
    const list = message({ name: "List", versions: [0, 0], fields: struct({ ids: array(int32) }) });
    expect(() => decode(list, 0, bytesOf("7fffffff 00000001"))).toThrow(ProtocolError);
    expect(() => decode(list, 0, bytesOf("00000002 00000001"))).toThrow(ProtocolError);
    expect(() => decode(list, 0, bytesOf("ffffffff"))).toThrow("array is null");
  });
});

type IsSame<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

function encoded(version: number, input: Input<typeof sample>): Buffer {
  return encode(sample, version, input);
}

/** From hexadecimal digits with blanks between fields. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}
