import { describe, expect, test } from "bun:test";
import { DiskError } from "../../src/base/world.ts";
import { FileHandles } from "../../src/log/file-handles.ts";
import { GroupCommit } from "../../src/log/group-commit.ts";
import { WorkQueue } from "../../src/log/work-queue.ts";
import { FakeDisk } from "../sim/fake-disk.ts";

describe("file handles", () => {
  test("open at use, and close after a while without it", () => {
    const disk = new FakeDisk(1);
    const handles = new FileHandles(disk, 10);
    const handle = handles.handle("/a", "create");
    expect(disk.openFiles).toBe(0);
    handle.use();
    handles.sweep();
    expect(handle.isOpen).toBe(true);
    handles.sweep();
    expect(handle.isOpen).toBe(false);
    handle.use();
    expect(disk.openFiles).toBe(1);
  });

  test("never are more open than allowed, those in use last", () => {
    const disk = new FakeDisk(1);
    const handles = new FileHandles(disk, 16);
    const all = Array.from({ length: 100 }, (_, index) => handles.handle(`/${index}`, "create"));
    for (let round = 0; round < 5; round++) {
      for (const handle of all) {
        handle.use();
        all[0]!.use();
        expect(disk.openFiles).toBeLessThanOrEqual(16);
      }
    }
    expect(handles.openCount).toBe(disk.openFiles);
  });

  test("make do with fewer where the system allows fewer", () => {
    const disk = new FakeDisk(1);
    const handles = new FileHandles(disk, 1000);
    const open = disk.open.bind(disk);
    disk.open = (path, mode) => {
      if (disk.openFiles >= 40) throw new DiskError("EMFILE", path, "open");
      return open(path, mode);
    };
    for (let index = 0; index < 200; index++) handles.handle(`/${index}`, "create").use();
    expect(disk.openFiles).toBeLessThanOrEqual(40);
    const retained = Array.from({ length: 40 }, (_, index) => handles.handle(`/${index}`, "read"));
    for (const handle of retained) handle.retain();
    expect(() => handles.handle("/1", "read").use()).toThrow("EMFILE");
    for (const handle of retained) handle.release();
    handles.handle("/1", "read").use();
  });

  test("a file that is retained stays open, whatever becomes of its name", () => {
    const disk = new FakeDisk(1);
    const handles = new FileHandles(disk, 2);
    const handle = handles.handle("/a", "create");
    const file = handle.retain();
    file.write(Buffer.from("abc"), 0, 3, 0);
    for (let index = 0; index < 5; index++) handles.handle(`/b${index}`, "create").use();
    handles.sweep();
    handles.sweep();
    handle.close();
    disk.rename("/a", "/c");
    handle.moved("/c");
    disk.remove("/c");
    const bytes = Buffer.alloc(3);
    expect(file.read(bytes, 0, 3, 0)).toBe(3);
    expect(bytes.toString()).toBe("abc");
    handle.release();
    expect(handle.isOpen).toBe(false);
    expect(() => handle.release()).toThrow("a release for every retain");
  });
});

describe("group commit", () => {
  test("answers all who ask during a sync with the next one", async () => {
    const synced: number[] = [];
    let finish: () => void = () => {};
    const commits = new GroupCommit((upTo) => {
      synced.push(upTo);
      return new Promise((resolve) => (finish = resolve));
    });
    const done: number[] = [];
    const ask = (upTo: number) => commits.commit(upTo).then(() => done.push(upTo));
    void ask(10);
    void ask(12);
    void ask(11);
    expect(synced).toEqual([10]);
    finish();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    expect(synced).toEqual([10, 12]);
    expect(done).toEqual([10]);
    finish();
    await commits.whenIdle();
    expect(done).toEqual([10, 12, 11]);
  });

  test("tells a failure to those it concerns", async () => {
    let fails = true;
    const commits = new GroupCommit(async () => {
      if (fails) throw new Error("EIO");
    });
    expect(commits.commit(1)).rejects.toThrow("EIO");
    await commits.whenIdle();
    fails = false;
    await commits.commit(2);
    await commits.whenIdle();
  });
});

test("a work queue runs a few at a time, in order, and knows when it is idle", async () => {
  const queue = new WorkQueue(2);
  const started: number[] = [];
  const finish: (() => void)[] = [];
  const results = [0, 1, 2, 3].map((index) =>
    queue.run(() => {
      started.push(index);
      return new Promise<number>((resolve) => finish.push(() => resolve(index)));
    }),
  );
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  finish[1]!();
  expect(await results[1]!).toBe(1);
  await Promise.resolve();
  expect(started).toEqual([0, 1, 2]);
  const idle = queue.whenIdle();
  finish[0]!();
  await results[0];
  await Promise.resolve();
  finish[2]!();
  finish[3]!();
  await idle;
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3]);
  await queue.whenIdle();
  expect(queue.run(() => Promise.reject(new Error("x")))).rejects.toThrow("x");
});
