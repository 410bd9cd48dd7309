import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCompiled } from "../../src/base/native.ts";
import { realDisk } from "../../src/base/real-disk.ts";
import { WRITE_THREAD_FROM, writeThread } from "../../src/base/real-write-thread.ts";
import type { FileWrite, LaterWrites } from "../../src/base/world.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bunka-write-thread-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const disk = realDisk({ writeThread });
/** Without a compiler, or elsewhere than on Linux, there is none. */
const hasThread = process.platform === "linux" && loadCompiled() !== null;

test("a disk without a thread writes nothing later", () => {
  expect(realDisk().writesLater(2 ** 30)).toBe(false);
  expect(disk.writesLater(WRITE_THREAD_FROM - 1)).toBe(false);
  expect(disk.writesLater(WRITE_THREAD_FROM)).toBe(hasThread);
});

test.skipIf(!hasThread)("parts of all sizes are where they belong", async () => {
  for (let round = 0; round < 50; round++) {
    const sizes = [1, 16, 1000, 4095, 4096, 100_000].map((size) => size + round);
    const parts = sizes.map((size, index) => Buffer.alloc(size, index + round));
    const writes = [0, 1, 2].map((name) => {
      return { file: disk.open(join(folder, `${name}`), "create"), parts, position: name * 7 };
    });
    await written(writes);
    const expected = Buffer.concat(parts);
    for (const { file, position } of writes) {
      const target = Buffer.alloc(expected.length);
      expect(file.read(target, 0, target.length, position)).toBe(target.length);
      expect(target.equals(expected)).toBe(true);
      file.close();
    }
  }
});

test.skipIf(!hasThread)("who cannot wait for the end of the turn waits at once", async () => {
  const file = disk.open(join(folder, "waited"), "create");
  let told = 0;
  for (let count = 1; count <= 300; count++) {
    expect(disk.writesLater(WRITE_THREAD_FROM)).toBe(true);
    const parts = [Buffer.alloc(WRITE_THREAD_FROM, count)];
    const later = disk.writeLater([{ file, parts, position: 0 }], () => told++);
    later.wait();
    expect([later.isDone, later.failure(0)]).toEqual([true, null]);
    const byte = Buffer.alloc(1);
    file.read(byte, 0, 1, WRITE_THREAD_FROM - 1);
    expect(byte[0]).toBe(count % 256);
  }
  expect(told).toBe(0);
  while (told < 300) await Bun.sleep(1);
  expect(told).toBe(300);
  file.close();
});

test.skipIf(!hasThread)("a write that fails says why, and the others are done", async () => {
  const good = disk.open(join(folder, "good"), "create");
  const bad = disk.open(join(folder, "good"), "read");
  const parts = [Buffer.from("bytes")];
  const later = await written([
    { file: bad, parts, position: 0 },
    { file: good, parts, position: 0 },
  ]);
  expect([later.failure(0)?.code, later.failure(0)?.path]).toEqual(["EBADF", bad.path]);
  expect([later.failure(1), good.size()]).toEqual([null, 5]);
  bad.close();
  good.close();
});

function written(writes: readonly FileWrite[]): Promise<LaterWrites> {
  return new Promise((resolve) => {
    const later = disk.writeLater(writes, () => resolve(later));
  });
}
