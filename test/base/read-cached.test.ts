import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realDisk } from "../../src/base/real-disk.ts";

const folder = mkdtempSync(join(tmpdir(), "bunka-read-"));
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * The kernel is told by address where to read to. The address of a typed array without an
 * ArrayBuffer of its own goes stale when the code that fills it is compiled (after some 700 calls
 * in Bun 1.4.5): reads then went to where the last one had gone.
 */
test("readCached fills what it was given, also once its code is compiled", () => {
  const size = 32 * 1024;
  const bytes = Buffer.from(Array.from({ length: size }, (_, index) => (index * 31) & 0xff));
  const path = join(folder, "bytes");
  writeFileSync(path, bytes);
  const file = realDisk().open(path, "read");
  const probe = new Uint8Array(1);
  const target = Buffer.allocUnsafeSlow(size);
  let wrong = 0;
  for (let round = 0; round < 20_000; round++) {
    const at = round % (size / 2);
    if (file.readCached(probe, 0, 1, at) !== 1 || probe[0] !== bytes[at]) wrong++;
    if (file.readCached(target, 0, 1000, at) !== 1000 || target[999] !== bytes[at + 999]) wrong++;
  }
  file.close();
  expect(wrong).toBe(0);
});

test("whether bytes are in the page cache is known for ranges that begin and end anywhere", () => {
  const path = join(folder, "cached");
  const file = realDisk().open(path, "create");
  const bytes = Buffer.alloc(3_000_000, 5);
  file.write(bytes, 0, bytes.length, 0);
  for (const [position, length] of [
    [0, 1],
    [4095, 2],
    [4096, 4096],
    [12_345, 1_000_000],
    [0, 3_000_000],
    [2_999_999, 1],
  ] as const) {
    expect(file.isCached(position, length)).toBe(true);
  }
  if (process.platform === "linux") {
    // Nobody has read what is not there; and dd asks the kernel to drop what it has written.
    expect(file.isCached(3_000_000, 1_000_000)).toBe(false);
    file.syncNow();
    Bun.spawnSync(["dd", `if=${path}`, "iflag=nocache", "count=0"], { stderr: "ignore" });
    expect(file.isCached(12_345, 1_000_000)).toBe(false);
  }
  file.close();
});

test.skipIf(process.platform !== "linux")(
  "what the system only reads ahead is not taken for being there",
  async () => {
    const path = join(folder, "ahead");
    const file = realDisk().open(path, "create");
    const [piece, pieces] = [256 * 1024, 256];
    file.write(Buffer.alloc(piece * pieces, 5), 0, piece * pieces, 0);
    file.syncNow();
    Bun.spawnSync(["dd", `if=${path}`, "iflag=nocache", "count=0"], { stderr: "ignore" });
    const target = Buffer.allocUnsafeSlow(piece);
    let waited = 0;
    for (let index = 0; index < pieces; index++) {
      if (file.isCached(index * piece, piece)) {
        if (file.readCached(target, 0, piece, index * piece) !== piece) waited++;
      } else {
        await file.readLater(target, 0, piece, index * piece);
      }
    }
    file.close();
    expect(waited).toBe(0);
  },
);
