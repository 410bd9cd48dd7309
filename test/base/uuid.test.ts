import { describe, expect, test } from "bun:test";
import {
  isUuid,
  METADATA_TOPIC_ID,
  randomUuid,
  uuidFromBytes,
  uuidToBytes,
  writeUuid,
  ZERO_UUID,
} from "../../src/base/uuid.ts";
import type { Random } from "../../src/base/world.ts";

/** Yields the given bytes, then the same again. */
function randomOf(...fills: number[]): Random {
  let next = 0;
  return {
    uint32: () => 0,
    fill: (target) => target.fill(fills[next++ % fills.length]!),
  };
}

describe("uuid", () => {
  test("spells bytes as Node's base64url does, at any offset", () => {
    for (let round = 0; round < 500; round++) {
      const bytes = crypto.getRandomValues(Buffer.alloc(40));
      const at = round % 24;
      const uuid = uuidFromBytes(bytes, at);
      expect(uuid).toBe(bytes.toString("base64url", at, at + 16));
      expect(uuidToBytes(uuid)).toEqual(Buffer.from(bytes.subarray(at, at + 16)));
      expect(isUuid(uuid)).toBe(true);
    }
  });

  test("knows Kafka's two reserved uuids", () => {
    expect(uuidFromBytes(new Uint8Array(16), 0)).toBe(ZERO_UUID);
    expect(uuidToBytes(METADATA_TOPIC_ID)).toEqual(Buffer.from([...Array(15).fill(0), 1]));
  });

  test("writes in place and nowhere else", () => {
    const target = Buffer.alloc(20, 7);
    writeUuid(ZERO_UUID, target, 2);
    expect([...target]).toEqual([7, 7, ...Array(16).fill(0), 7, 7]);
    expect(() => writeUuid(ZERO_UUID, target, 5)).toThrow("room");
    expect(() => uuidFromBytes(target, 5)).toThrow("16 bytes");
  });

  test("makes version 4 uuids that do not begin with a dash", () => {
    // 0xfb begins with "-": the first fill must be thrown away.
    const uuid = randomUuid(randomOf(0xfb, 0x11));
    const bytes = uuidToBytes(uuid);
    expect(bytes[0]).toBe(0x11);
    expect(bytes[6]! >> 4).toBe(4);
    expect(bytes[8]! >> 6).toBe(2);
  });

  test("refuses what is not a uuid", () => {
    for (const text of ["", "AAAA", `${ZERO_UUID}A`, `${ZERO_UUID.slice(1)}B`]) {
      expect(isUuid(text)).toBe(false);
    }
    expect(isUuid("AAAAAAAAAAAAAAAAAAAA+A")).toBe(false);
    expect(() => uuidToBytes("AAAAAAAAAAAAAAAAAAAA+A")).toThrow("base64url");
    expect(() => uuidToBytes("AAAAAAAAAAAAAAAAAAAA\u{1F600}")).toThrow("base64url");
    expect(() => uuidToBytes("AA")).toThrow("22");
  });
});
