import { describe, expect, test } from "bun:test";
import type { FileSlice, Part } from "../../src/api/request.ts";
import { Counter } from "../../src/base/metrics.ts";
import type { DiskFile, LaterSend, SendPiece, Socket } from "../../src/base/world.ts";
import { BufferPool } from "../../src/protocol/frames/buffer-pool.ts";
import { Exchange } from "../../src/server/exchange.ts";
import { ApiStats } from "../../src/server/request-stats.ts";
import { BIG_PART_SIZE, BIG_SLICE_SIZE, ResponseWriter } from "../../src/server/response-writer.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { FakeDisk } from "../sim/fake-disk.ts";
import { FakeRandom } from "../sim/fake-random.ts";
import { someContext, someFrame, someReader } from "./parts.ts";

describe("a response writer", () => {
  test("sends small responses of a turn in one write", () => {
    const { socket, writer } = make();
    const released: number[] = [];
    for (let id = 1; id <= 20; id++) {
      const part = Buffer.alloc(100, id);
      writer.push(exchangeOf(id, [part, part], { release: () => released.push(id) }));
    }
    expect(writer.unsentBytes).toBe(20 * 208);
    expect(writer.flush()).toBe("idle");
    expect(socket.writes).toEqual([20 * 208]);
    expect(writer.unsentBytes).toBe(0);
    expect(released.length).toBe(20);
    const first = socket.sent().subarray(0, 208);
    expect(first.subarray(0, 9)).toEqual(Buffer.from([0, 0, 0, 204, 0, 0, 0, 1, 1]));
  });

  test("puts no tagged field behind a flexible header, and has empty bodies", () => {
    const { socket, writer } = make();
    writer.push(exchangeOf(258, [], { flexibleHeader: true }));
    writer.push(exchangeOf(-1, []));
    expect(writer.flush()).toBe("idle");
    const wanted = [0, 0, 0, 5, 0, 0, 1, 2, 0, 0, 0, 0, 4, 255, 255, 255, 255];
    expect([...socket.sent()]).toEqual(wanted);
  });

  test("writes a big part as it lies", () => {
    const { socket, writer } = make();
    const big = Buffer.alloc(BIG_PART_SIZE, 9);
    writer.push(exchangeOf(1, [Buffer.alloc(10), big, Buffer.alloc(10)]));
    expect(writer.flush()).toBe("idle");
    expect(socket.writes).toEqual([18, BIG_PART_SIZE, 10]);
    expect(socket.sources[1]).toBe(big);
  });

  test("sends a big slice by sendfile, and reads a small one into the write", () => {
    const { socket, writer, file } = make();
    const slices = [
      { file, position: 5, size: 1000 },
      { file, position: 100, size: BIG_SLICE_SIZE },
    ];
    writer.push(exchangeOf(1, slices));
    expect(writer.flush()).toBe("idle");
    expect(socket.writes).toEqual([1008]);
    expect(socket.fileSends).toEqual([BIG_SLICE_SIZE]);
  });

  test("loses, doubles and swaps no byte, whatever the socket takes and the disk is slow at", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = new FakeRandom(seed);
      const { clock, socket, writer, file, content, disk } = make();
      socket.takes = (size) => (random.chance(0.4) ? random.below(size + 1) : size);
      disk.coldRate = random.pick([0, 0.2, 1]);
      socket.sendsLaterFrom = random.pick([1, 100_000, Infinity]);
      const wanted: Buffer[] = [];
      const released: number[] = [];
      for (let id = 0; id < 12; id++) {
        const parts = Array.from({ length: random.below(6) }, () =>
          randomPart(random, file, content),
        );
        const body = Buffer.concat(parts.map((part) => part.bytes));
        const header = Buffer.alloc(8);
        header.writeInt32BE(4 + body.length);
        header.writeInt32BE(id, 4);
        wanted.push(header, body);
        writer.push(
          exchangeOf(
            id,
            parts.map(({ part }) => part),
            { release: () => released.push(id) },
          ),
        );
        if (random.chance(0.5)) writer.flush();
      }
      for (let rounds = 0; writer.unsentBytes > 0; rounds++) {
        expect(rounds).toBeLessThan(10_000);
        clock.settle();
        if (socket.later !== null) {
          // Now and then a thread gives up, and the loop goes on.
          socket.later.goOn(random.below(300_000), random.chance(0.2));
          writer.flush();
        } else if (socket.isFull) {
          socket.isFull = false;
          writer.drained();
        } else {
          writer.flush();
        }
      }
      expect(Bun.hash(socket.sent())).toBe(Bun.hash(Buffer.concat(wanted)));
      expect(released).toEqual(Array.from({ length: 12 }, (_, id) => id));
    }
  }, 30_000);

  test("a thread sends what is large, and nothing else is written meanwhile", () => {
    const { content, file, readable, socket, writer } = make();
    socket.sendsLaterFrom = 100_000;
    const released: number[] = [];
    const slice = { file, position: 1000, size: 60_000 };
    const big = Buffer.alloc(5000, 7);
    for (let id = 0; id < 2; id++) {
      const parts = [Buffer.alloc(20, id), slice, big, Buffer.alloc(0), Buffer.alloc(3)];
      writer.push(exchangeOf(id, parts, { release: () => released.push(id) }));
    }
    expect(writer.flush()).toBe("waiting");
    const { later } = socket;
    expect(later?.pieces.map(({ size }) => size)).toEqual([28, 60_000, 5000, 31, 60_000, 5000, 3]);
    writer.push(exchangeOf(2, [Buffer.from("behind")]));
    later?.goOn(60_028);
    expect([writer.flush(), writer.drained(), writer.takenBytes]).toEqual([
      "waiting",
      "waiting",
      60_028,
    ]);
    expect([socket.writes, released]).toEqual([[], []]);
    later?.goOn(Infinity);
    expect(readable).toEqual([null]);
    expect(writer.flush()).toBe("idle");
    expect([socket.writes, released, writer.unsentBytes]).toEqual([[14], [0, 1], 0]);
    expect(socket.sent().subarray(28, 60_028)).toEqual(content.subarray(1000, 61_000));
    expect(socket.sent().length).toBe(2 * 65_031 + 14);
  });

  test("what a thread could not send, the loop sends, and all that comes after it", () => {
    const { file, socket, writer } = make();
    socket.sendsLaterFrom = 100_000;
    const push = (id: number) =>
      writer.push(exchangeOf(id, [{ file, position: 0, size: 200_000 }]));
    push(1);
    expect(writer.flush()).toBe("waiting");
    // In the middle of the header.
    socket.later?.goOn(3, true);
    expect(writer.flush()).toBe("idle");
    push(2);
    expect(writer.flush()).toBe("idle");
    expect([socket.writes, socket.fileSends]).toEqual([
      [5, 8],
      [200_000, 200_000],
    ]);
    const header = Buffer.from([0, 3, 13, 68, 0, 0, 0, 1]);
    expect(socket.sent().subarray(0, 8)).toEqual(header);
  });

  test("threads that wait for the disk send what must come from there, and what follows", () => {
    const { content, disk, file, socket, writer } = make();
    socket.sendsLaterFrom = 1_000_000;
    const sizes: number[][] = [];
    const push = (count: number, size: number) =>
      writer.push(
        exchangeOf(
          1,
          Array.from({ length: count }, () => ({ file, position: 5, size })),
        ),
      );
    // Of little, too, and behind what was gathered.
    for (const [count, size] of [[1, 100] as const, [3, 60_000] as const]) {
      disk.coldRate = 1;
      push(count, size);
      expect(writer.flush()).toBe("waiting");
      expect(socket.later?.isCold).toBe(true);
      sizes.push(socket.later!.pieces.map((piece) => piece.size));
      socket.later?.goOn(Infinity);
      expect(writer.flush()).toBe("idle");
    }
    expect(sizes).toEqual([[100], [8, 60_000, 60_000, 60_000]]);
    // They go on for a while with what is large, and nobody asks where that is.
    disk.coldRate = 0;
    push(1, 100);
    expect([writer.flush(), socket.later]).toEqual(["idle", null]);
    let coldSends = 0;
    for (; ; coldSends++) {
      push(1, 200_000);
      if (writer.flush() === "idle") break;
      expect(socket.later?.isCold).toBe(true);
      socket.later?.goOn(Infinity);
      expect(writer.flush()).toBe("idle");
    }
    expect(coldSends).toBeGreaterThan(3);
    expect(socket.sent().subarray(8, 108)).toEqual(content.subarray(5, 105));
  });

  test("a connection that closes while a thread sends releases all at once", () => {
    const { file, socket, writer } = make();
    socket.sendsLaterFrom = 1;
    const released: number[] = [];
    const parts = [{ file, position: 0, size: 200_000 }];
    writer.push(exchangeOf(1, parts, { release: () => released.push(1) }));
    expect(writer.flush()).toBe("waiting");
    writer.close();
    expect([released, writer.unsentBytes, writer.flush()]).toEqual([[1], 0, "closed"]);
  });

  test("lets the others have their turn after so many bytes", () => {
    const { socket, writer } = make();
    const big = Buffer.alloc(3 * 1024 * 1024);
    for (let id = 0; id < 4; id++) writer.push(exchangeOf(id, [big]));
    expect(writer.flush()).toBe("more");
    expect(socket.sent().length).toBe(2 * (big.length + 8));
    expect(writer.flush()).toBe("idle");
  });

  test("lets the others have their turn after so many parts, and loses none", () => {
    const { content, file, socket, writer } = make();
    const slices = Array.from({ length: 2500 }, (_, index) => ({ file, position: index, size: 1 }));
    writer.push(exchangeOf(1, slices));
    writer.push(exchangeOf(2, [Buffer.from("x")]));
    expect([writer.flush(), writer.flush(), writer.flush()]).toEqual(["more", "more", "idle"]);
    const sent = socket.sent();
    expect(sent.subarray(8, 2508).equals(content.subarray(0, 2500))).toBe(true);
    expect(sent.length).toBe(2508 + 9);
    expect(writer.unsentBytes).toBe(0);
  });

  test("waits for the disk without the loop, and says so when the bytes are not there", () => {
    const { clock, disk, file, socket, writer, readable } = make();
    disk.coldRate = 1;
    writer.push(exchangeOf(1, [{ file, position: 0, size: 100 }]));
    expect(writer.flush()).toBe("waiting");
    expect(socket.sent().length).toBe(8);
    clock.settle();
    expect(readable).toEqual([null]);
    expect(writer.flush()).toBe("idle");
    writer.push(exchangeOf(1, [{ file, position: file.size() - 50, size: 100 }]));
    expect(writer.flush()).toBe("waiting");
    clock.settle();
    expect(writer.flush()).toBe("waiting");
    clock.settle();
    expect(String(readable.at(-1))).toContain("EIO");
  });

  test("a drain does not overtake bytes that come from the disk", () => {
    const { clock, content, disk, file, readable, socket, writer } = make();
    disk.coldRate = 1;
    writer.push(exchangeOf(1, [{ file, position: 0, size: 100 }]));
    expect(writer.flush()).toBe("waiting");
    expect(writer.drained()).toBe("waiting");
    clock.settle();
    expect(readable).toEqual([null]);
    expect(writer.flush()).toBe("idle");
    expect(socket.sent().subarray(8)).toEqual(content.subarray(0, 100));
  });

  test("refuses a slice that ends before it should", () => {
    const { file, writer } = make();
    writer.push(exchangeOf(1, [{ file, position: file.size() - 50, size: 100 }]));
    expect(() => writer.flush()).toThrow("EIO");
  });

  test("releases all it has when the connection is gone, read or not", () => {
    const { clock, disk, file, socket, writer } = make();
    const released: number[] = [];
    disk.coldRate = 1;
    socket.takes = (size) => size - 1;
    for (let id = 0; id < 3; id++) {
      const parts = [{ file, position: 0, size: 100 }];
      writer.push(exchangeOf(id, parts, { release: () => released.push(id) }));
    }
    expect(writer.flush()).toBe("waiting");
    writer.close();
    expect(released).toEqual([0, 1, 2]);
    clock.settle();
    expect(writer.flush()).toBe("closed");
    expect(writer.unsentBytes).toBe(0);
  });

  test("notes that the socket is closed, and writes no more", () => {
    const { socket, writer } = make();
    socket.takes = () => -1;
    writer.push(exchangeOf(1, [Buffer.alloc(10)]));
    expect(writer.flush()).toBe("closed");
    expect(writer.flush()).toBe("closed");
    let released = 0;
    writer.push(exchangeOf(2, [Buffer.alloc(10)], { release: () => released++ }));
    expect(writer.flush()).toBe("closed");
    expect([released, socket.writes.length]).toEqual([1, 1]);
    writer.close();
    expect(writer.unsentBytes).toBe(0);
  });
});

/** A thread at work, as far as a test lets it. */
class FakeSend implements LaterSend {
  isDone = false;
  sentBytes = 0;

  constructor(
    readonly socket: FakeOutput,
    readonly pieces: readonly SendPiece[],
    readonly isCold: boolean,
    readonly done: () => void,
  ) {}

  /** Up to so many bytes more; `fails`: and never any more. */
  goOn(size: number, fails = false): void {
    const all = Buffer.concat(
      this.pieces.map(({ source, position, size: length }) => {
        if (source instanceof Uint8Array) return source.subarray(position, position + length);
        const bytes = Buffer.alloc(length);
        expect(source.read(bytes, 0, length, position)).toBe(length);
        return bytes;
      }),
    );
    const more = all.subarray(this.sentBytes, this.sentBytes + size);
    this.socket.took(more);
    this.sentBytes += more.length;
    this.isDone = fails || this.sentBytes === all.length;
    if (!this.isDone) return;
    this.socket.later = null;
    this.done();
  }
}

class FakeOutput implements Socket {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort = 1;
  readonly localPort = 2;
  readonly writes: number[] = [];
  readonly fileSends: number[] = [];
  readonly sources: Uint8Array[] = [];
  isFull = false;
  sendsLaterFrom = Infinity;
  later: FakeSend | null = null;
  takes = (size: number): number => size;
  #sent: Buffer[] = [];
  /** The kernel holds back what was promised to be followed by more. */
  #owesMore = false;

  sent(): Buffer {
    expect(this.#owesMore).toBe(false);
    return Buffer.concat(this.#sent);
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    this.#mayWrite();
    const taken = this.takes(length);
    this.writes.push(length);
    this.sources.push(bytes);
    if (taken > 0) this.#sent.push(Buffer.from(bytes.subarray(offset, offset + taken)));
    this.isFull = taken < length;
    return taken;
  }

  writeAhead(bytes: Uint8Array, offset: number, length: number): number {
    const taken = this.write(bytes, offset, length);
    this.#owesMore = taken === length;
    return taken;
  }

  sendFile(file: DiskFile, position: number, length: number): number {
    this.#mayWrite();
    const bytes = Buffer.alloc(length);
    expect(file.read(bytes, 0, length, position)).toBe(length);
    const taken = this.takes(length);
    this.fileSends.push(length);
    this.#sent.push(bytes.subarray(0, taken));
    this.isFull = taken < length;
    return taken;
  }

  took(bytes: Buffer): void {
    this.#owesMore = false;
    this.#sent.push(Buffer.from(bytes));
  }

  #mayWrite(): void {
    expect([this.isFull, this.later]).toEqual([false, null]);
    this.#owesMore = false;
  }

  sendsLater(size: number, isCold: boolean): boolean {
    return isCold ? this.sendsLaterFrom < Infinity : size >= this.sendsLaterFrom;
  }

  sendLater(pieces: readonly SendPiece[], isCold: boolean, done: () => void): LaterSend | null {
    this.#mayWrite();
    this.later = new FakeSend(this, pieces, isCold, done);
    return this.later;
  }

  pause(): void {}
  resume(): void {}
  shutdown(): void {}
  terminate(): void {}
}

function make() {
  const clock = new FakeClock();
  const disk = new FakeDisk(1);
  const content = new FakeRandom(99).bytes(2 * 1024 * 1024);
  const file = disk.open("/segment", "create");
  file.write(content, 0, content.length, 0);
  const socket = new FakeOutput();
  const readable: unknown[] = [];
  const writer = new ResponseWriter(socket, new BufferPool(), new Counter(), (error) =>
    readable.push(error),
  );
  return { clock, disk, content, file, socket, readable, writer };
}

function randomPart(
  random: FakeRandom,
  file: DiskFile,
  content: Buffer,
): { part: Part; bytes: Buffer } {
  const size = random.below(2 ** random.between(0, 20));
  const position = random.below(content.length - size);
  const bytes = content.subarray(position, position + size);
  const slice: FileSlice = { file, position, size };
  return { part: random.chance(0.5) ? slice : bytes, bytes };
}

function exchangeOf(
  correlationId: number,
  parts: Part[],
  options: { flexibleHeader?: boolean; release?: () => void } = {},
): Exchange {
  const exchange = new Exchange(
    someFrame(),
    0,
    0,
    correlationId,
    "",
    someReader(),
    someContext(),
    new ApiStats(0),
    0,
    true,
    false,
  );
  exchange.finish({ flexibleHeader: false, parts, ...options });
  return exchange;
}
