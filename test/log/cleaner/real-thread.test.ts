/** The same pass in a thread of its own, on the real disk. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realDisk } from "../../../src/base/real-disk.ts";
import { realWorkers } from "../../../src/base/real-workers.ts";
import { DiskError } from "../../../src/base/world.ts";
import { cleanerTask } from "../../../src/log/cleaner/cleaner-task.ts";
import { FileHandles } from "../../../src/log/file-handles.ts";
import { fakeWorld } from "../../sim/fake-world.ts";
import { hostOf, openTestLog } from "../log-fixture.ts";
import { CompactionModel } from "./compaction-model.ts";
import { runPass } from "./run-pass.ts";

const root = mkdtempSync(join(tmpdir(), "bunka-cleaner-"));
const thread = realWorkers().start(cleanerTask);

afterAll(() => {
  thread.end();
  rmSync(root, { recursive: true, force: true });
});

test("a thread cleans a log on the real disk", async () => {
  const world = fakeWorld(3);
  const disk = realDisk();
  const log = await openTestLog(
    { ...hostOf(world), disk, handles: new FileHandles(disk, 64) },
    {
      directory: join(root, "topic-0"),
      config: { cleanupPolicy: ["compact"], segmentBytes: 20_000, minCleanableDirtyRatio: 0 },
    },
  );
  const model = new CompactionModel(40);
  for (let count = 0; count < 400; count++) model.append(world, log);
  for (const producerId of [1000, 1002]) model.endTransaction(world, log, producerId, true);
  log.roll();
  const { size } = log;
  const passed = await runPass(log, disk, { thread });
  expect(passed?.result).toMatchObject({ endOffset: log.logEndOffset });
  expect(log.size).toBeLessThan(size / 3);
  model.check(log, "cleaned by a thread");
  await log.close();
});

test("what fails in a thread fails for who asked, and the thread goes on", async () => {
  const begin = (directory: string) => ({
    kind: "begin" as const,
    directory,
    mapBytesMax: 2400,
    mapLoadFactor: 0.9,
    hashKey: [1, 2, 3, 4] as const,
    bufferBytes: 4096,
    batchBytesMax: 1 << 20,
    nowMs: 0,
    deleteRetentionMs: 0,
    startOffset: 0,
    endOffset: 10,
    dirty: [{ baseOffset: 0, size: 100, position: 0, nextBaseOffset: 10 }],
    aborted: [],
  });
  await thread.call(begin(join(root, "missing")));
  const failure = await thread.call({ kind: "index", bytesMax: 100 }).catch((error) => error);
  expect(failure).toBeInstanceOf(DiskError);
  expect(failure).toMatchObject({ code: "ENOENT" });
  expect(await thread.call({ kind: "end" })).toEqual({ kind: "done" });
  const bug = await thread.call({ kind: "index", bytesMax: 100 }).catch((error) => error);
  expect(bug).toBeInstanceOf(Error);
  expect(bug.message).toContain("a pass has begun");
});

test("a thread that has ended takes no more work", async () => {
  const other = realWorkers().start(cleanerTask);
  expect(await other.call({ kind: "end" })).toEqual({ kind: "done" });
  other.end();
  expect(other.call({ kind: "end" })).rejects.toThrow("ended");
});
