import { describe, expect, test } from "bun:test";
import { FileHandles } from "../../src/log/file-handles.ts";
import { COLD, IndexFile } from "../../src/log/index-file.ts";
import { OffsetIndex } from "../../src/log/offset-index.ts";
import { RecentBatches } from "../../src/log/recent-batches.ts";
import { TimeIndex } from "../../src/log/time-index.ts";
import { TransactionIndex } from "../../src/log/transaction-index.ts";
import { FakeDisk } from "../sim/fake-disk.ts";
import { FakeRandom } from "../sim/fake-random.ts";

const NOTHING = { count: 0, fileSize: 0 };

interface Entry {
  readonly offset: number;
  readonly position: number;
}

function lastNotAbove(entries: readonly Entry[], offset: number): Entry | undefined {
  return entries.findLast((entry) => entry.offset <= offset);
}

describe("the offset index", () => {
  test("finds what a walk over all entries finds, however many are written", () => {
    const random = new FakeRandom(1);
    for (const count of [0, 1, 5, 511, 512, 513, 3000]) {
      const disk = new FakeDisk(1);
      const index = new OffsetIndex(new FileHandles(disk, 10), "/i", 1000, NOTHING);
      const entries: Entry[] = [];
      let offset = 1000;
      let position = 0;
      for (let made = 0; made < count; made++) {
        offset += 1 + random.below(made % 7 === 0 ? 5000 : 3);
        position += 1 + random.below(9000);
        index.append(offset, position);
        entries.push({ offset, position });
      }
      expect(index.file.count).toBe(count);
      for (let check = 0; check < 400; check++) {
        const wanted = 990 + random.below(offset - 980);
        const expected = lastNotAbove(entries, wanted);
        expect(index.lookup(wanted, false)).toBe(expected === undefined ? 0 : 1);
        if (expected === undefined) continue;
        expect([index.foundOffset, index.foundPosition]).toEqual([
          expected.offset,
          expected.position,
        ]);
        const behind = entries.find((entry) => entry.position >= expected.position - 3);
        expect(index.offsetAtOrBehind(expected.position - 3)).toBe(behind!.offset);
      }
      expect(index.offsetAtOrBehind(position + 1)).toBe(-1);
    }
  });

  test("forgets entries from an offset on, written or not", () => {
    for (const count of [10, 600]) {
      const index = new OffsetIndex(new FileHandles(new FakeDisk(1), 10), "/i", 0, NOTHING);
      for (let entry = 1; entry <= count; entry++) index.append(entry * 10, entry * 100);
      index.truncateTo(55);
      expect(index.file.count).toBe(5);
      index.append(57, 570);
      index.lookup(1000, false);
      expect([index.foundOffset, index.foundPosition]).toEqual([57, 570]);
      index.truncateTo(50);
      expect(index.file.count).toBe(4);
      index.truncateTo(0);
      expect(index.file.count).toBe(0);
    }
  });

  test("reads a block once, and anew when its entries are others", () => {
    const disk = new FakeDisk(1);
    const index = new OffsetIndex(new FileHandles(disk, 10), "/i", 0, NOTHING);
    const append = (by: number) => {
      for (let entry = 1; entry <= 600; entry++) index.append(entry * 10, entry * by);
    };
    append(100);
    index.file.cool();
    index.lookup(3000, false);
    // What is kept needs no disk.
    disk.coldRate = 1;
    for (let offset = 10; offset < 5000; offset++) expect(index.lookup(offset, false)).toBe(1);
    disk.coldRate = 0;
    index.truncateTo(0);
    append(7);
    index.file.cool();
    index.lookup(3000, false);
    expect([index.foundPosition, index.nextPosition]).toEqual([300 * 7, 301 * 7]);
  });

  test("keeps blocks of many files, and mistakes none for another's", () => {
    const handles = new FileHandles(new FakeDisk(1), 100);
    const all = Array.from({ length: 60 }, (_, file) => {
      const index = new OffsetIndex(handles, `/${file}`, 0, NOTHING);
      for (let entry = 1; entry <= 3000; entry++) index.append(entry * 10, entry * (file + 1));
      return index;
    });
    for (let offset = 10; offset < 30_000; offset += 617) {
      for (const [file, index] of all.entries()) {
        expect(index.lookup(offset, false)).toBe(1);
        expect(index.foundPosition).toBe(Math.floor(offset / 10) * (file + 1));
      }
    }
  });

  test("tells the entry behind the one that was found, where it is in the same block", () => {
    const index = new OffsetIndex(new FileHandles(new FakeDisk(1), 10), "/i", 5, NOTHING);
    for (let entry = 1; entry <= 513; entry++) index.append(5 + entry, entry * 100);
    const found = [6, 400, 516, 517, 518].map((offset) => {
      index.lookup(offset, false);
      return [index.foundPosition, index.nextOffset, index.nextPosition];
    });
    const none = (position: number) => [position, expect.any(Number), -1];
    expect(found).toEqual([
      [100, 7, 200],
      [39_500, 401, 39_600],
      [51_100, 517, 51_200],
      none(51_200),
      none(51_300),
    ]);
  });

  test("writes Kafka's bytes, and goes on behind them", () => {
    const disk = new FakeDisk(1);
    const handles = new FileHandles(disk, 10);
    const index = new OffsetIndex(handles, "/i", 7, NOTHING);
    index.append(8, 4100);
    index.append(300, 9000);
    index.file.cool();
    expect(disk.openFiles).toBe(0);
    expect(disk.readWhole("/i").toString("hex")).toBe("00000001000010040000012500002328");
    const again = new OffsetIndex(handles, "/i", 7, { count: 2, fileSize: 16 });
    expect(again.lookup(8, false)).toBe(1);
    expect(again.foundPosition).toBe(4100);
  });

  test("says when it would wait for the disk, and is warm afterwards", async () => {
    const disk = new FakeDisk(1);
    const index = new OffsetIndex(new FileHandles(disk, 10), "/i", 0, NOTHING);
    for (let entry = 1; entry <= 5; entry++) index.append(entry, entry);
    index.file.cool();
    disk.coldRate = 1;
    expect(index.lookup(3, false)).toBe(COLD);
    await index.warm();
    disk.coldRate = 0;
    expect(index.lookup(3, false)).toBe(1);
    disk.coldRate = 1;
    expect(index.lookup(4, true)).toBe(1);
    expect(index.foundPosition).toBe(4);
  });

  test("cuts off what Kafka reserved behind the entries", () => {
    const disk = new FakeDisk(1);
    const file = disk.open("/i", "create");
    file.write(Buffer.from("0000000100001004", "hex"), 0, 8, 0);
    file.truncate(4096);
    const found = { count: 1, fileSize: 4096 };
    new OffsetIndex(new FileHandles(disk, 10), "/i", 7, found).file.cool();
    expect(disk.status("/i")!.size).toBe(8);
    const index = new IndexFile(new FileHandles(disk, 10), "/i", 8, found);
    index.truncate(0);
    expect(disk.status("/i")!.size).toBe(0);
  });
});

describe("the time index", () => {
  test("takes growing timestamps only, and finds the last one not above", () => {
    const random = new FakeRandom(2);
    const disk = new FakeDisk(1);
    const index = new TimeIndex(new FileHandles(disk, 10), "/t", 50, NOTHING);
    const entries: { timestamp: number; offset: number }[] = [];
    for (let offset = 50; offset < 2000; offset += 1 + random.below(3)) {
      const timestamp = 1_700_000_000_000 + random.below(offset * 10);
      index.append(timestamp, offset);
      if (timestamp > (entries.at(-1)?.timestamp ?? -1)) entries.push({ timestamp, offset });
    }
    expect(index.file.count).toBe(entries.length);
    for (let check = 0; check < 200; check++) {
      const wanted = 1_699_999_999_000 + random.below(25_000);
      const expected = entries.findLast((entry) => entry.timestamp <= wanted);
      index.lookup(wanted);
      expect(index.foundTimestamp).toBe(expected?.timestamp ?? -1);
      expect(index.foundOffset).toBe(expected?.offset ?? 50);
    }
    const half = entries[Math.floor(entries.length / 2)]!;
    index.truncateTo(half.offset);
    const before = entries.findLast((entry) => entry.offset < half.offset)!;
    expect([index.lastTimestamp, index.lastOffset]).toEqual([before.timestamp, before.offset]);
    index.file.cool();
    expect(disk.status("/t")!.size).toBe(12 * index.file.count);
    index.reset();
    expect([index.lastTimestamp, index.lastOffset]).toEqual([-1, 50]);
  });

  test("survives any timestamp that a client may choose", () => {
    const index = new TimeIndex(new FileHandles(new FakeDisk(1), 10), "/t", 0, NOTHING);
    for (const timestamp of [0, 2 ** 53 + 2, 2 ** 62, 2 ** 63]) index.append(timestamp, 1);
    expect(index.file.count).toBe(4);
    index.lookup(2 ** 62);
    expect(index.foundTimestamp).toBe(2 ** 62);
  });
});

describe("the transaction index", () => {
  const entry = (firstOffset: number, lastOffset: number, lastStableOffset: number) => {
    return { producerId: 9, firstOffset, lastOffset, lastStableOffset };
  };

  test("tells what concerns a reader, and whether later segments can have more", () => {
    const disk = new FakeDisk(1);
    const handles = new FileHandles(disk, 10);
    const index = new TransactionIndex(disk, handles, "/x");
    expect(index.exists).toBe(false);
    expect(index.collect(0, 100, [])).toBe(false);
    index.append(entry(0, 10, 5));
    index.append(entry(5, 15, 16));
    index.append(entry(18, 30, 31));
    const found: unknown[] = [];
    expect(index.collect(11, 16, found as never[])).toBe(true);
    expect(found).toEqual([entry(5, 15, 16)]);
    const again = new TransactionIndex(disk, handles, "/x");
    expect(again.entries()).toEqual([entry(0, 10, 5), entry(5, 15, 16), entry(18, 30, 31)]);
    again.truncateTo(15);
    expect(again.entries().length).toBe(1);
    expect(disk.status("/x")!.size).toBe(34);
    expect(disk.readWhole("/x").toString("hex")).toBe(
      "0000" + "0000000000000009" + "0000000000000000" + "000000000000000a" + "0000000000000005",
    );
    again.reset();
    expect(disk.status("/x")!.size).toBe(0);
  });

  test("does not believe a follower of Kafka's that too much was stable at a marker", () => {
    const disk = new FakeDisk(1);
    const index = new TransactionIndex(disk, new FileHandles(disk, 10), "/x");
    // All three came in one append, before which no transaction was open: 1141 to 1244 as seen.
    const entries = [entry(1141, 1190, 1244), entry(1196, 1202, 1244), entry(1215, 1216, 1244)];
    for (const each of entries) index.append(each);
    const found: unknown[] = [];
    expect(index.collect(1150, 1230, found as never[])).toBe(false);
    expect(found).toEqual(entries);
  });
});

describe("recent batches", () => {
  test("are found like in a list of all, as far back as they are kept", () => {
    const random = new FakeRandom(3);
    const recent = new RecentBatches();
    const all: { base: number; last: number; position: number }[] = [];
    expect(recent.find(0)).toBe(false);
    let [offset, position] = [100, 0];
    for (let count = 0; count < 1000; count++) {
      offset += random.below(3);
      const last = offset + random.below(4);
      recent.add(offset, last, position);
      all.push({ base: offset, last, position });
      offset = last + 1;
      position += 61 + random.below(100);
      const wanted = 100 + random.below(offset - 100);
      const index = all.findIndex((batch) => batch.last >= wanted);
      const isKept = index >= all.length - 256 && index !== -1;
      if (!recent.find(wanted)) {
        expect(isKept && index > Math.max(0, all.length - 256) && wanted >= all[0]!.base).toBe(
          false,
        );
        continue;
      }
      expect(recent.position).toBe(all[index]!.position);
      expect(recent.nextPosition).toBe(all[index + 1]?.position ?? -1);
    }
    expect(recent.find(offset)).toBe(false);
    recent.clear();
    expect(recent.find(offset - 1)).toBe(false);
  });
});
