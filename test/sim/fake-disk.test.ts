import { describe, expect, test } from "bun:test";
import { FakeDisk } from "./fake-disk.ts";

describe("the fake disk", () => {
  test("keeps everything when only the process dies", () => {
    const disk = new FakeDisk(1);
    disk.makeDirectory("/a/b");
    const file = disk.open("/a/b/f", "create");
    file.write(Buffer.from("hello"), 0, 5, 0);
    const next = disk.kill();
    expect(next.readWhole("/a/b/f").toString()).toBe("hello");
    expect(() => disk.readWhole("/a/b/f")).toThrow("EIO");
    expect(() => file.write(Buffer.from("x"), 0, 1, 0)).toThrow("EIO");
  });

  test("loses what was not synced when the power goes", async () => {
    const disk = new FakeDisk(1);
    disk.makeDirectory("/a");
    const file = disk.open("/a/f", "create");
    file.write(Buffer.from("hello"), 0, 5, 0);
    await file.sync();
    await disk.syncDirectory("/a");
    await disk.syncDirectory("/");
    file.write(Buffer.from("there"), 0, 5, 5);
    disk.open("/a/g", "create").close();
    disk.rename("/a/f", "/a/h");
    const next = disk.crash("none");
    expect(next.list("/a")).toEqual(["f"]);
    expect(next.readWhole("/a/f").toString()).toBe("hello");
  });

  test("keeps a random part, the same from the same seed", async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const lives = [seed, seed].map((value) => {
        const disk = new FakeDisk(value);
        disk.makeDirectory("/a");
        disk.open("/a/f", "create").write(Buffer.alloc(20_000, 1), 0, 20_000, 0);
        disk.open("/a/g", "create").write(Buffer.alloc(100, 2), 0, 100, 0);
        const next = disk.crash("random");
        const names = next.status("/a") === null ? [] : next.list("/a");
        return names.map((name) => `${name} ${Bun.hash(next.readWhole(`/a/${name}`))}`).join();
      });
      expect(lives[0]).toBe(lives[1]!);
      outcomes.add(lives[0]!);
    }
    expect(outcomes.size).toBeGreaterThan(10);
  });

  test("a write while a sync is under way is not part of it", async () => {
    const disk = new FakeDisk(1);
    const file = disk.open("/f", "create");
    file.write(Buffer.from("aaaa"), 0, 4, 0);
    const sync = file.sync();
    file.write(Buffer.from("bbbb"), 0, 4, 0);
    await sync;
    expect(disk.durableBytes("/f").toString()).toBe("aaaa");
    await file.sync();
    expect(disk.durableBytes("/f").toString()).toBe("bbbb");
  });

  test("a failed sync loses the pages for good", async () => {
    const disk = new FakeDisk(1);
    const file = disk.open("/f", "create");
    await disk.syncDirectory("/");
    file.write(Buffer.from("aaaa"), 0, 4, 0);
    disk.inject({ operation: "sync", path: /f$/, code: "EIO", count: 1 });
    expect(file.sync()).rejects.toMatchObject({ code: "EIO" });
    await file.sync();
    expect(disk.durableBytes("/f")).toEqual(Buffer.alloc(4));
  });

  test("runs full, turns cold, and rots", () => {
    const disk = new FakeDisk(1);
    disk.quotaBytes = 10;
    const file = disk.open("/f", "create");
    expect(() => file.write(Buffer.alloc(16, 3), 0, 16, 0)).toThrow("ENOSPC");
    expect(file.size()).toBe(10);
    disk.coldRate = 1;
    expect(file.readCached(Buffer.alloc(4), 0, 4, 0)).toBe(-1);
    disk.flip("/f", 2, 0x80);
    expect(disk.readWhole("/f")[2]).toBe(0x83);
    const undo = disk.inject({ operation: "open", path: /f$/, code: "EMFILE", after: 1 });
    disk.open("/f", "read").close();
    expect(() => disk.open("/f", "read")).toThrow("EMFILE");
    undo();
    disk.open("/f", "read").close();
  });
});
