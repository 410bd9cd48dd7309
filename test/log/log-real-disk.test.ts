/** The same logs on real files: both ways of the disk, a process that is killed, and one too many. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../src/base/logger.ts";
import { realDisk } from "../../src/base/real-disk.ts";
import { realWorld } from "../../src/base/real-world.ts";
import { DEFAULT_LOG_CONFIG } from "../../src/log/log-config.ts";
import {
  DEFAULT_LOG_SETTINGS,
  type LogManager,
  openLogManager,
} from "../../src/log/log-manager.ts";
import { batchOf, readAll } from "./log-fixture.ts";
import { expectSound } from "./log-soundness.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bunka-log-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CONFIG = { ...DEFAULT_LOG_CONFIG, segmentBytes: 1 << 20, fileDeleteDelayMs: 0 };

async function openAt(path: string, portable = false): Promise<LogManager> {
  const manager = openLogManager({
    ...realWorld(),
    disk: realDisk({ portable }),
    logger: silentLogger,
    directories: [path],
    configOf: () => CONFIG,
    settings: DEFAULT_LOG_SETTINGS,
    directoryFailed: (_, error) => {
      throw error;
    },
  });
  await manager.load();
  return manager;
}

for (const portable of [false, true]) {
  test(`records come back from ${portable ? "portable" : "native"} files`, async () => {
    const path = join(folder, `files-${portable}`);
    const manager = await openAt(path, portable);
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    const nowMs = Date.now();
    for (let index = 0; index < 300; index++) {
      const bytes = batchOf({ valueSize: 10_000, text: `r${index}`, timestamp: nowMs + index });
      const result = log.appendAsLeader(bytes, { leaderEpoch: 0, origin: "client", nowMs });
      expect(result).toMatchObject({ errorCode: 0, firstOffset: index });
    }
    log.advanceHighWatermark(300);
    expect(log.segmentCount).toBe(3);
    expect((await readAll(log, 0)).length).toBe(300);
    expect((await log.offsetForTimestamp(nowMs + 123))?.offset).toBe(123);
    await log.flush();
    expect(log.flushedOffset).toBe(300);
    await manager.shutDown(1);
    const active = join(path, "topic-0", "00000000000000000208.log");
    const { blocks, size } = statSync(active);
    expect(blocks * 512 - size).toBeLessThan(64 << 10);

    const again = await openAt(path, portable);
    const loaded = again.get("topic", 0)!;
    loaded.setHighWatermark(300);
    expect((await readAll(loaded, 0)).length).toBe(300);
    expectSound(loaded, "real");
    await again.shutDown(1);
  });
}

describe("a process", () => {
  const child = `
    const { openLogManager, DEFAULT_LOG_SETTINGS } = await import(${modulePath("log-manager")});
    const { DEFAULT_LOG_CONFIG } = await import(${modulePath("log-config")});
    const { realWorld } = await import(${modulePath("../base/real-world")});
    const { silentLogger } = await import(${modulePath("../base/logger")});
    const { buildBatch } = await import(${modulePath("../protocol/record-batch-builder")});
    const logs = openLogManager({
      ...realWorld(),
      logger: silentLogger,
      directories: [process.argv[1]],
      configOf: () => ({ ...DEFAULT_LOG_CONFIG, segmentBytes: 1 << 20 }),
      settings: DEFAULT_LOG_SETTINGS,
      directoryFailed: (_, error) => { throw error; },
    });
    await logs.load();
    const log = logs.getOrCreate("topic", 0, { topicId: null });
    for (;;) {
      const value = Buffer.alloc(2000 + Math.floor(Math.random() * 8000), String(log.logEndOffset));
      const bytes = buildBatch({ records: [{ timestamp: Date.now(), key: null, value }] });
      const options = { leaderEpoch: 0, origin: "client", nowMs: Date.now() };
      const { lastOffset, errorCode } = log.appendAsLeader(bytes, options);
      if (errorCode !== 0) throw new Error("append");
      process.stdout.write(lastOffset + "\\n");
      if (lastOffset % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  `;

  test("that is killed loses nothing that it acknowledged", async () => {
    const path = join(folder, "killed");
    let acknowledged = -1;
    for (let round = 0; round < 4; round++) {
      const before = acknowledged;
      const running = Bun.spawn([process.execPath, "-e", child, path], { stdout: "pipe" });
      let text = "";
      for await (const chunk of running.stdout) {
        text += Buffer.from(chunk).toString("latin1");
        if (text.length > 1000 + round * 1000) running.kill("SIGKILL");
      }
      await running.exited;
      acknowledged = Number(text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1));
      expect(acknowledged).toBeGreaterThan(before);
      const manager = await openAt(path);
      const log = manager.get("topic", 0)!;
      expect(log.logEndOffset).toBeGreaterThan(acknowledged);
      log.setHighWatermark(log.logEndOffset);
      const wrong = (await readAll(log, 0)).filter((record) => {
        return !record.value!.toString("latin1").startsWith(String(record.offset));
      });
      expect(wrong).toEqual([]);
      expectSound(log, `round ${round}`);
      await manager.shutDown();
      // The next life shall look through the log as after a crash.
      rmSync(join(path, ".kafka_cleanshutdown"));
    }
  });

  test("cannot have the directory of another", async () => {
    const path = join(folder, "locked");
    const manager = await openAt(path);
    const running = Bun.spawn([process.execPath, "-e", child, path], { stderr: "pipe" });
    expect(await new Response(running.stderr).text()).toContain("Failed to acquire lock");
    expect(await running.exited).toBe(1);
    await manager.shutDown();
  });
});

function modulePath(name: string): string {
  return JSON.stringify(join(import.meta.dir, "../../src/log", `${name}.ts`));
}
