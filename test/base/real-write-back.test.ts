/** Early write-back asks the kernel from a thread, which goes away again. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LazyThread } from "../../src/base/lazy-thread.ts";
import { realDisk } from "../../src/base/real-disk.ts";
import { openWriteBack, type WriteBackRequest } from "../../src/base/real-write-back-work.ts";
import { WriteBack, writeBackTask } from "../../src/base/real-write-back.ts";
import { realWorkers } from "../../src/base/real-workers.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import { HeldWorkers } from "../sim/held-workers.ts";

const FILE = { descriptor: -1, isOpen: true };

test("a thread takes requests, and whatever descriptor they name does no harm", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bunka-write-back-"));
  const thread = realWorkers().start(writeBackTask);
  const file = realDisk().open(join(folder, "file"), "create");
  file.write(Buffer.alloc(1 << 20, 7), 0, 1 << 20, 0);
  const { descriptor } = file;
  expect(await thread.call({ descriptor, position: 0, length: 1 << 20 })).toBeNull();
  file.close();
  expect(await thread.call({ descriptor, position: 0, length: 1 << 20 })).toBeNull();
  expect(await thread.call({ descriptor: -1, position: 0, length: 1 })).toBeNull();
  thread.end();
  rmSync(folder, { recursive: true, force: true });
});

test("the newest bytes are left to the kernel, and the oldest of the others go first", () => {
  const { clock, workers } = fakeWorld();
  const held = new HeldWorkers(workers);
  const asked: number[] = [];
  const open = () => (request: WriteBackRequest) => {
    asked.push(request.position);
    return null;
  };
  const writeBack = new WriteBack(new LazyThread(held, clock, { entry: "", open }), 30);
  for (const position of [0, 10, 20]) writeBack.start(FILE, position, 10);
  expect([held.startedCount, held.heldCount]).toEqual([0, 0]);
  // What was deleted meanwhile is not asked for.
  const deleted = { descriptor: 3, isOpen: true };
  writeBack.start(deleted, 25, 0);
  deleted.isOpen = false;
  writeBack.start(FILE, 30, 10);
  writeBack.start(FILE, 40, 15);
  expect(held.heldCount).toBe(3);
  while (held.heldCount > 0) held.answerNext();
  clock.settle();
  expect(asked).toEqual([0, 10, 20]);
});

test("the thread ends when it was idle, or has died, and another is started", () => {
  const { clock, workers } = fakeWorld();
  const held = new HeldWorkers(workers);
  const open = (): ((request: WriteBackRequest) => null) => openWriteBack();
  const writeBack = new WriteBack(new LazyThread(held, clock, { entry: "", open }), 0);
  expect(held.startedCount).toBe(0);
  for (let count = 0; count < 300; count++) writeBack.start(FILE, 0, 1);
  expect([held.startedCount, held.heldCount]).toEqual([1, 256]);
  while (held.heldCount > 0) held.answerNext();
  clock.settle();
  clock.advance(20_000);
  expect(held.runningCount).toBe(1);
  writeBack.start(FILE, 0, 1);
  clock.advance(40_000);
  expect(held.runningCount).toBe(1);
  held.dieNext();
  clock.settle();
  expect(held.runningCount).toBe(0);
  writeBack.start(FILE, 0, 1);
  held.answerNext();
  clock.settle();
  clock.advance(31_000);
  expect([held.startedCount, held.runningCount]).toEqual([2, 0]);
});
