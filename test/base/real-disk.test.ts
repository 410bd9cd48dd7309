import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realDisk } from "../../src/base/real-disk.ts";
import type { Disk } from "../../src/base/world.ts";
import { DiskError } from "../../src/base/world.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bunka-disk-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const portable of [false, true]) {
  const disk = realDisk({ portable });
  const place = (name: string): string =>
    join(folder, `${portable ? "portable" : "native"}-${name}`);

  describe(portable ? "the portable disk" : "the disk of this platform", () => {
    test("reads back what was written, wherever it was written", () => {
      const file = disk.open(place("bytes"), "create");
      const bytes = Buffer.from("0123456789");
      file.write(bytes, 2, 5, 3);
      expect(file.size()).toBe(8);
      const target = Buffer.alloc(10, 46);
      expect(file.read(target, 1, 9, 2)).toBe(6);
      expect(target.toString("latin1")).toBe(".\x0023456...");
      expect(file.read(target, 0, 4, 100)).toBe(0);
      file.close();
      file.close();
    });

    test("replaces a file whole, and says what is in the way", async () => {
      const path = place("replaced");
      const long = Buffer.alloc(300_000, 7);
      for (const contents of [Buffer.from("first"), long, Buffer.alloc(0), Buffer.from("last")]) {
        await disk.replaceLater(path, contents);
        expect(disk.readWhole(path).equals(contents)).toBe(true);
        expect(disk.status(`${path}.tmp`)).toBeNull();
      }
      const failed = disk.replaceLater(place("absent/replaced"), long);
      expect(await failed.catch((error: unknown) => error)).toMatchObject({ code: "ENOENT" });
    });

    test("syncs the file system of a path, or says that it cannot", () => {
      disk.open(place("synced"), "create").close();
      const isSynced = disk.syncFileSystemNow(folder);
      if (portable || process.platform !== "linux") expect(isSynced).toBe(false);
      // Nobody can say of it what is durable.
      expect(disk.syncFileSystemNow("/proc")).toBe(false);
      if (!portable) expect(() => disk.syncFileSystemNow(place("absent"))).toThrow(DiskError);
    });

    test("reads what is in the page cache at once, and the rest later", async () => {
      const file = disk.open(place("cached"), "create");
      const bytes = Buffer.alloc(300_000, 7);
      file.write(bytes, 0, bytes.length, 0);
      const target = Buffer.alloc(300_000);
      expect(file.readCached(target, 0, 65_536, 1000)).toBe(65_536);
      expect(target[65_535]).toBe(7);
      expect(file.readCached(target, 0, 0, 0)).toBe(0);
      expect(await file.readLater(target, 0, 300_000, 0)).toBe(300_000);
      expect(await file.readLater(target, 0, 10, 299_995)).toBe(5);
      expect(target.equals(bytes)).toBe(true);
      file.close();
    });

    test("reserves without changing the length, and truncation gives the blocks back", () => {
      const path = place("reserved");
      const file = disk.open(path, "create");
      file.write(Buffer.from("abc"), 0, 3, 0);
      file.syncNow();
      const before = statSync(path).blocks;
      file.reserve(0, 8 << 20);
      expect(file.size()).toBe(3);
      if (!portable && process.platform === "linux") {
        expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(8 << 20);
      }
      file.truncate(3);
      expect(file.size()).toBe(3);
      expect(statSync(path).blocks).toBe(before);
      file.close();
    });

    test("makes, lists, renames and removes", async () => {
      const root = place("tree");
      disk.makeDirectory(join(root, "a/b"));
      disk.makeDirectory(join(root, "a/b"));
      const file = disk.open(join(root, "a/one"), "create");
      await file.sync();
      file.close();
      await disk.syncDirectory(join(root, "a"));
      expect(disk.list(join(root, "a")).sort()).toEqual(["b", "one"]);
      disk.rename(join(root, "a/one"), join(root, "a/two"));
      expect(disk.status(join(root, "a/one"))).toBeNull();
      expect(disk.status(join(root, "a/two"))).toMatchObject({ size: 0, isDirectory: false });
      expect(disk.status(root)!.isDirectory).toBe(true);
      expect(disk.readWhole(join(root, "a/two")).length).toBe(0);
      symlinkSync("nowhere", join(root, "a/link"));
      disk.remove(join(root, "a/link"));
      expect(disk.list(join(root, "a")).sort()).toEqual(["b", "two"]);
      disk.remove(join(root, "a/two"));
      disk.remove(join(root, "a/two"));
      await disk.removeTreeLater(root);
      await disk.removeTreeLater(root);
      disk.removeTree(root);
      expect(disk.status(root)).toBeNull();
    });

    test("leaves no descriptor of what is replaced, removed, or open when it is", async () => {
      const root = place("gone");
      disk.makeDirectory(root);
      const [path, temporary] = [join(root, "file"), join(root, "file.tmp")];
      const bytes = Buffer.alloc(10_000, 1);
      const isLeft = () => openPaths().some((each) => each.startsWith(root));
      for (let count = 0; count < 20; count++) {
        for (const each of [path, temporary]) {
          const file = disk.open(each, "create");
          file.write(bytes, 0, bytes.length, 0);
          file.close();
        }
        const reader = disk.open(path, "read");
        disk.rename(temporary, path);
        reader.close();
        disk.remove(path);
      }
      // It is the thread pool that closes them.
      while (isLeft()) await disk.syncDirectory(root);
      expect(disk.list(root)).toEqual([]);
    });

    test("names the errno of every failure", async () => {
      const missing = place("missing/file");
      for (const work of [
        () => disk.open(missing, "read"),
        () => disk.open(missing, "create"),
        () => disk.readWhole(missing),
        () => disk.list(missing),
        () => disk.rename(missing, place("other")),
      ]) {
        expect(codeThrownBy(work)).toBe("ENOENT");
      }
      expect(disk.syncDirectory(missing)).rejects.toMatchObject({ code: "ENOENT" });
      const file = disk.open(place("read-only"), "create");
      file.close();
      expect(codeThrownBy(() => disk.remove(`${file.path}/below`))).toBe("ENOTDIR");
      expect(codeThrownBy(() => disk.remove(folder))).toMatch(/EISDIR|EPERM/);
      const readOnly = disk.open(place("read-only"), "read");
      expect(codeThrownBy(() => readOnly.write(Buffer.from("x"), 0, 1, 0))).toBe("EBADF");
      readOnly.close();
    });

    test("tells the room on the file system", () => {
      const space = disk.space(folder);
      expect(space.totalBytes).toBeGreaterThan(space.usableBytes);
      expect(space.usableBytes).toBeGreaterThan(0);
    });

    test("a lock is held once within a process", () => {
      const path = place(".lock");
      const lock = disk.lock(path);
      expect(lock).not.toBeNull();
      expect(disk.lock(path)).toBeNull();
      lock!.release();
      const again = disk.lock(path);
      expect(again).not.toBeNull();
      lock!.release();
      expect(disk.lock(path)).toBeNull();
      again!.release();
    });

    test("a lock is held once among processes", async () => {
      const path = place(".lock2");
      const lock = disk.lock(path);
      expect(await lockElsewhere(path, portable)).toBe("held");
      lock!.release();
      expect(await lockElsewhere(path, portable)).toBe("taken");
      // The other process is gone, and its lock with it.
      const again = disk.lock(path);
      expect(again).not.toBeNull();
      again!.release();
    });
  });
}

test("both ways lie behind the same interface", () => {
  const disks: Disk[] = [realDisk(), realDisk({ portable: true })];
  for (const disk of disks) expect(disk.status("/")!.isDirectory).toBe(true);
});

function codeThrownBy(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof DiskError) return error.code;
    throw error;
  }
  return "";
}

async function lockElsewhere(path: string, portable: boolean): Promise<string> {
  const module = join(import.meta.dir, "../../src/base/real-disk.ts");
  const code = `
    const { realDisk } = await import(${JSON.stringify(module)});
    const lock = realDisk({ portable: ${portable} }).lock(${JSON.stringify(path)});
    console.log(lock === null ? "held" : "taken");
  `;
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe", stderr: "inherit" });
  const answer = await new Response(child.stdout).text();
  await child.exited;
  return answer.trim();
}

/** What this process has open; empty where nobody tells. */
function openPaths(): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)];
    } catch {
      // The one that was opened to read them.
      return [];
    }
  });
}
