import { describe, expect, test } from "bun:test";
import { BufferPool } from "../../../src/protocol/frames/buffer-pool.ts";
import { FrameBuffer } from "../../../src/protocol/frames/frame-buffer.ts";
import { RequestMemory } from "../../../src/server/request-memory.ts";
import type { Frame } from "../../../src/protocol/frames/block.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { FakeRandom } from "../../sim/fake-random.ts";

const SIZE_MAX = 4 * 1024 * 1024;

describe("a frame buffer", () => {
  test("gives the same frames however the bytes were cut, and gives all memory back", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new FakeRandom(seed);
      const { buffer, memory, pool } = make();
      const bodies = Array.from({ length: random.between(1, 30) }, () =>
        random.bytes(10 + random.below(2 ** random.between(1, 17))),
      );
      const stream = Buffer.concat(bodies.map(frameOf));
      const held: Frame[] = [];
      const received: string[] = [];
      for (let at = 0; at < stream.length;) {
        const size = random.between(1, 2 ** random.between(0, 18));
        buffer.push(Buffer.from(stream.subarray(at, at + size)));
        at += size;
        for (let frame = buffer.next(); frame !== null; frame = buffer.next()) {
          received.push(bytesOf(frame).toString("hex"));
          held.push(frame);
        }
        // Requests are answered in any order, some much later.
        while (held.length > 0 && random.chance(0.5)) {
          held.splice(random.below(held.length), 1)[0]!.release();
        }
      }
      expect(received).toEqual(bodies.map((body) => body.toString("hex")));
      for (const frame of held) frame.release();
      buffer.clear();
      expect(memory.bytesUsed).toBe(0);
      expect(pool.freeBytes).toBeLessThanOrEqual(16 * 1024 * 1024);
    }
  });

  test("does not copy a frame that lies within a chunk", () => {
    const { buffer } = make();
    const chunk = Buffer.concat([frameOf(Buffer.alloc(100, 1)), frameOf(Buffer.alloc(100, 2))]);
    buffer.push(chunk);
    const first = buffer.next()!;
    const second = buffer.next()!;
    expect(first.block.bytes).toBe(chunk);
    expect(second.block.bytes).toBe(chunk);
    expect([first.start, first.end, second.start, second.end]).toEqual([4, 104, 108, 208]);
    expect(buffer.next()).toBe(null);
  });

  test("holds a chunk until its last frame is released, and no longer", () => {
    const { buffer, memory } = make();
    buffer.push(Buffer.concat([frameOf(Buffer.alloc(50)), frameOf(Buffer.alloc(50))]));
    const first = buffer.next()!;
    const second = buffer.next()!;
    expect(memory.bytesUsed).toBe(108);
    second.release();
    expect(memory.bytesUsed).toBe(108);
    first.release();
    expect(memory.bytesUsed).toBe(0);
    expect(() => first.release()).toThrow("released once");
    expect(() => first.block.release()).toThrow("let go once");
    expect(() => first.block.addOwner()).toThrow("no new owner");
  });

  test("never gives two frames the same memory", () => {
    const { buffer } = make();
    const frames: Frame[] = [];
    for (let round = 0; round < 50; round++) {
      const bytes = frameOf(Buffer.alloc(3000, round));
      buffer.push(Buffer.from(bytes.subarray(0, 1000)));
      expect(buffer.next()).toBe(null);
      buffer.push(Buffer.from(bytes.subarray(1000)));
      frames.push(buffer.next()!);
      // Every second one is answered at once, and its memory used again.
      if (round % 2 === 0) frames[round]!.release();
    }
    frames.forEach((frame, round) => {
      if (round % 2 === 1) expect(bytesOf(frame)).toEqual(Buffer.alloc(3000, round));
    });
  });

  test("copies a frame that straddles two chunks once, and memory follows what has come", () => {
    const { buffer, memory } = make();
    const bytes = frameOf(Buffer.alloc(SIZE_MAX, 7));
    let delivered = 0;
    let frame: Frame | null = null;
    for (const size of [3, 1, 60, 5000, 20_000, 100_000, 600_000, SIZE_MAX]) {
      buffer.push(Buffer.from(bytes.subarray(delivered, delivered + size)));
      frame = buffer.next();
      delivered = Math.min(bytes.length, delivered + size);
      if (frame === null) {
        expect(buffer.hasPartialFrame).toBe(true);
        expect(memory.bytesUsed).toBeLessThanOrEqual(Math.max(4096, 8 * delivered));
      }
    }
    expect(bytesOf(frame!).equals(bytes.subarray(4))).toBe(true);
    frame!.release();
    expect(memory.bytesUsed).toBe(0);
  });

  test("refuses a size before it keeps a byte behind it", () => {
    const refusals: [number | string, string][] = [
      [-1, "frame of -1 bytes"],
      [-2147483648, "frame of -2147483648 bytes"],
      [0, "too small for a request header"],
      [9, "too small for a request header"],
      [SIZE_MAX + 1, `larger than ${SIZE_MAX}`],
      [2147483647, `larger than ${SIZE_MAX}`],
      ["\x16\x03\x01\x02\x00", "looks like TLS"],
      ["\x15\x03\x03\x00\x02", "looks like TLS"],
      ["GET / HTTP/1.1\r\n\r\n", "looks like HTTP"],
      ["PRI * HTTP/2.0\r\n\r\n", "looks like HTTP"],
      ["SSH-2.0-OpenSSH_9.9\r\n", "looks like SSH"],
    ];
    for (const [start, reason] of refusals) {
      for (const cut of [4, 2]) {
        const { buffer, memory } = make();
        const bytes = typeof start === "string" ? Buffer.from(start, "latin1") : sizeOf(start);
        buffer.push(Buffer.from(bytes.subarray(0, cut)));
        const take = () => {
          buffer.next();
          buffer.push(Buffer.from(bytes.subarray(cut)));
          buffer.next();
        };
        expect(take).toThrow(reason);
        buffer.clear();
        expect(memory.bytesUsed).toBe(0);
      }
    }
  });

  test("tells API and version of a frame as soon as they have come", () => {
    const { buffer } = make();
    const frame = frameOf(Buffer.from("00030009".padEnd(400, "0"), "hex"));
    buffer.push(frame.subarray(0, 7));
    expect(buffer.next()).toBe(null);
    expect(buffer.partialApi).toBe(null);
    buffer.push(frame.subarray(7, 8));
    expect(buffer.next()).toBe(null);
    expect(buffer.partialApi).toEqual({ key: 3, version: 9 });
    buffer.push(frame.subarray(8));
    expect(buffer.next()).not.toBe(null);
    expect(buffer.partialApi).toBe(null);
  });

  test("keeps what comes before its frames were taken", () => {
    const { buffer, memory } = make();
    const bodies = [1, 2, 3].map((fill) => Buffer.alloc(200, fill));
    for (const body of bodies) buffer.push(frameOf(body));
    const frames = bodies.map(() => buffer.next()!);
    expect(frames.map(bytesOf)).toEqual(bodies);
    for (const frame of frames) frame.release();
    expect(memory.bytesUsed).toBe(0);
  });
});

test("frames of who is trusted get all their memory at once, up to some size", () => {
  const taken: number[] = [];
  const pool = new BufferPool();
  const take = pool.take.bind(pool);
  pool.take = (size) => {
    taken.push(size);
    return take(size);
  };
  const memory = new RequestMemory(new FakeClock(), {
    queuedMaxRequestBytes: Infinity,
    queuedMaxRequests: 500,
  });
  const buffer = new FrameBuffer(memory, pool, SIZE_MAX, 0, 50_000);
  for (const size of [40_000, 60_000]) {
    const frame = frameOf(Buffer.alloc(size, 7));
    for (let at = 0; at < frame.length; at += 5000) {
      buffer.push(frame.subarray(at, at + 5000));
      buffer.next()?.release();
    }
  }
  expect(taken).toEqual([40_004, 20_000, 60_004]);
});

describe("a buffer pool", () => {
  test("uses buffers again, within bounds", () => {
    const pool = new BufferPool(100_000);
    const buffer = pool.take(5000);
    expect(buffer.length).toBe(8192);
    pool.give(buffer);
    expect(pool.freeBytes).toBe(8192);
    expect(pool.take(8192)).toBe(buffer);
    expect(pool.take(1).length).toBe(4096);
    for (let count = 0; count < 10; count++) pool.give(Buffer.alloc(65_536));
    expect(pool.freeBytes).toBe(65_536);
    expect(pool.take(3_000_000).length).toBe(3_000_000);
    pool.give(Buffer.alloc(3_000_000));
    expect(pool.freeBytes).toBe(65_536);
    expect(() => pool.give(Buffer.alloc(5000))).toThrow("taken from a pool");
    const large = new BufferPool(10_000_000, 4_194_304);
    large.give(large.take(3_000_000));
    expect(large.freeBytes).toBe(4_194_304);
  });
});

function make(): { buffer: FrameBuffer; memory: RequestMemory; pool: BufferPool } {
  const limits = { queuedMaxRequestBytes: Infinity, queuedMaxRequests: 500 };
  const memory = new RequestMemory(new FakeClock(), limits);
  const pool = new BufferPool();
  return { buffer: new FrameBuffer(memory, pool, SIZE_MAX), memory, pool };
}

function frameOf(body: Buffer): Buffer {
  return Buffer.concat([sizeOf(body.length), body]);
}

function sizeOf(size: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(size);
  return bytes;
}

function bytesOf(frame: Frame): Buffer {
  return frame.block.bytes.subarray(frame.start, frame.end);
}
