import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { randomUuid } from "../../src/base/uuid.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { DEFAULT_LOG_CONFIG } from "../../src/log/log-config.ts";
import {
  DEFAULT_LOG_SETTINGS,
  type LogManager,
  type LogManagerOptions,
  LogStartupError,
  openLogManager,
} from "../../src/log/log-manager.ts";
import { CHECKPOINT_KINDS } from "../../src/log/log-directory.ts";
import { writeTopicId } from "../../src/log/partition-metadata.ts";
import { writeMetaProperties } from "../../src/log/meta-properties.ts";
import { afterKill, afterPowerLoss, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { RESERVE_FROM } from "../../src/log/segment-room.ts";
import { append, readAll } from "./log-fixture.ts";

interface Opened {
  readonly manager: LogManager;
  readonly failed: string[];
}

function open(world: FakeWorld, options: Partial<LogManagerOptions> = {}): Opened {
  const failed: string[] = [];
  const manager = openLogManager({
    disk: world.disk,
    clock: world.clock,
    random: world.random,
    workers: world.workers,
    logger: silentLogger,
    directories: ["/data"],
    configOf: () => DEFAULT_LOG_CONFIG,
    settings: DEFAULT_LOG_SETTINGS,
    directoryFailed: (directory, _, remaining) => {
      failed.push(`${directory.path}, ${remaining} left`);
    },
    ...options,
  });
  return { manager, failed };
}

/** Lets everything happen that follows, and gives the result. */
async function settled<T>(world: FakeWorld, promise: Promise<T>): Promise<T> {
  world.clock.settle();
  return promise;
}

async function loaded(world: FakeWorld, options: Partial<LogManagerOptions> = {}): Promise<Opened> {
  const opened = open(world, options);
  await settled(world, opened.manager.load());
  return opened;
}

function textOf(world: FakeWorld, path: string): string {
  return world.disk.readWhole(path).toString();
}

describe("the logs of a node", () => {
  test("are made, and come again after a clean stop without being read", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    const topicId = randomUuid(world.random);
    const log = manager.getOrCreate("topic", 3, { topicId })!;
    expect(manager.getOrCreate("topic", 3, { topicId })).toBe(log);
    for (let count = 0; count < 10; count++) append(log, { count: 3 });
    log.advanceHighWatermark(30);
    await settled(world, manager.shutDown(17));
    expect(textOf(world, "/data/recovery-point-offset-checkpoint")).toBe("0\n1\ntopic 3 30\n");
    expect(textOf(world, "/data/replication-offset-checkpoint")).toBe("0\n1\ntopic 3 30\n");
    expect(textOf(world, "/data/.kafka_cleanshutdown")).toBe('{"version":0,"brokerEpoch":17}');

    const next = afterPowerLoss(world, "none");
    const second = (await loaded(next)).manager;
    expect(second.previousBrokerEpoch).toBe(17);
    expect(next.disk.status("/data/.kafka_cleanshutdown")).toBeNull();
    const again = second.get("topic", 3)!;
    expect(next.disk.openFiles).toBe(0);
    expect(again).toMatchObject({ logEndOffset: 30, recoveryPoint: 30, highWatermark: 30 });
    expect(again.topicId).toBe(topicId);
    expect(again.assignTopicId(randomUuid(world.random))).toBe(false);
    expect((await readAll(again, 0)).length).toBe(30);
    expect(append(again)).toMatchObject({ firstOffset: 30 });
  });

  test("are not written again when they stop as they were", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    for (let partition = 0; partition < 20; partition++) {
      append(manager.getOrCreate("topic", partition, { topicId: null })!);
    }
    await settled(world, manager.shutDown());
    const next = afterKill(world);
    const second = (await loaded(next)).manager;
    const { syncCount, writeCount } = next.disk;
    await settled(next, second.shutDown());
    // The marker alone.
    expect(next.disk.syncCount - syncCount).toBe(1);
    expect(next.disk.writeCount - writeCount).toBe(1);
  });

  test("come again after a kill, all records included", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    for (let count = 0; count < 10; count++) append(log, { count: 3 });
    const next = afterKill(world);
    const second = (await loaded(next)).manager;
    expect(second.previousBrokerEpoch).toBe(-1);
    expect(second.get("topic", 0)!.logEndOffset).toBe(30);
    expect((await readAll(second.get("topic", 0)!, 0)).length).toBe(30);
  });

  test("have their offsets written from time to time, when they have changed", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    manager.start();
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    for (let count = 0; count < 10; count++) append(log);
    log.advanceHighWatermark(7);
    world.clock.advance(5001);
    expect(textOf(world, "/data/replication-offset-checkpoint")).toBe("0\n1\ntopic 0 7\n");
    await settled(world, log.flush());
    log.advanceLogStartOffset(3);
    world.clock.advance(30_000);
    expect(textOf(world, "/data/recovery-point-offset-checkpoint")).toBe("0\n1\ntopic 0 9\n");
    expect(textOf(world, "/data/log-start-offset-checkpoint")).toBe("0\n1\ntopic 0 3\n");
    const { writeCount } = world.disk;
    world.clock.advance(600_000);
    expect(world.disk.writeCount).toBe(writeCount);
    manager.delete("topic", 0);
    world.clock.advance(60_000);
    expect(textOf(world, "/data/recovery-point-offset-checkpoint")).toBe("0\n0\n");
  });

  test("lose old segments, idle files and idle producers in time", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world, {
      configOf: () => ({ ...DEFAULT_LOG_CONFIG, retentionMs: 3_600_000 }),
    });
    manager.start();
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    const timestamp = world.clock.wallMs();
    const producer = { producerId: 5, producerEpoch: 0, baseSequence: 0 };
    append(log, { timestamp, ...producer }, timestamp);
    log.advanceHighWatermark(1);
    world.clock.advance(20_000);
    expect(world.disk.openFiles).toBe(0);
    world.clock.advance(3_900_000);
    expect(log).toMatchObject({ logStartOffset: 1, segmentCount: 1 });
    expect(log.activeProducers().length).toBe(1);
    world.clock.advance(86_400_000);
    expect(log.activeProducers().length).toBe(0);
    expect(world.disk.openFiles).toBe(0);
  });
});

describe("deletion", () => {
  test("gives the name free at once, and removes the files after a delay", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    for (let count = 0; count < 5; count++) append(log);
    const slice = await log.read(0, 1000, 5, true);
    manager.delete("topic", 0);
    manager.delete("topic", 0);
    expect(manager.get("topic", 0)).toBeNull();
    expect(append(log).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    const again = manager.getOrCreate("topic", 0, { topicId: null })!;
    expect(append(again)).toMatchObject({ firstOffset: 0 });
    const parting = world.disk.list("/data").filter((name) => name.endsWith("-delete"));
    expect(parting[0]).toMatch(/^topic-0\.[0-9a-f]{32}-delete$/);
    world.clock.advance(60_001);
    expect(world.disk.list("/data").filter((name) => name.endsWith("-delete"))).toEqual([]);
    expect((await slice.read()).length).toBe(slice.size);
    slice.release();
    expect((await readAll(again, 0)).length).toBe(1);
  });

  test("gives no blocks back before: a file system may wait for the device then", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    for (let count = 0; count < 2; count++) append(log, { valueSize: RESERVE_FROM });
    expect(world.disk.reservedBytes).toBeGreaterThan(0);
    world.disk.inject({ operation: "truncate", path: /\.log$/, code: "EIO" });
    manager.delete("topic", 0);
    world.clock.advance(60_001);
    expect(world.disk.reservedBytes).toBe(0);
    expect(manager.directories[0]!.failure).toBeNull();
  });

  test("goes on after a restart", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    append(manager.getOrCreate("topic", 0, { topicId: null })!);
    manager.delete("topic", 0);
    const next = afterKill(world);
    const second = (await loaded(next)).manager;
    expect(second.get("topic", 0)).toBeNull();
    expect(next.disk.list("/data").some((name) => name.endsWith("-delete"))).toBe(true);
    next.clock.advance(60_001);
    expect(next.disk.list("/data").some((name) => name.endsWith("-delete"))).toBe(false);
  });

  test("leaves no offsets to the next log of that name, however often the node crashes", async () => {
    let world = fakeWorld();
    let { manager } = await loaded(world);
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    for (let count = 0; count < 5; count++) append(log);
    log.advanceHighWatermark(5);
    log.advanceLogStartOffset(3);
    for (const kind of CHECKPOINT_KINDS) await settled(world, manager.checkpoint(kind));
    manager.delete("topic", 0);
    append(manager.getOrCreate("topic", 0, { topicId: null })!);
    for (let crash = 0; crash < 3; crash++) {
      world = afterKill(world);
      ({ manager } = await loaded(world));
      const again = manager.get("topic", 0)!;
      expect([again.logStartOffset, again.logEndOffset, again.highWatermark]).toEqual([0, 1, 0]);
      world.clock.advance(60_001);
      expect(world.disk.list("/data").some((name) => name.endsWith("-delete"))).toBe(false);
    }
  });

  test("waits for checkpoints that cannot be written", async () => {
    const world = fakeWorld();
    const { manager, failed } = await loaded(world);
    append(manager.getOrCreate("topic", 0, { topicId: null })!);
    for (const kind of CHECKPOINT_KINDS) await settled(world, manager.checkpoint(kind));
    manager.delete("topic", 0);
    world.disk.inject({ operation: "write", path: /recovery-point-offset/, code: "EIO" });
    world.clock.advance(60_001);
    expect(failed).toEqual(["/data, 0 left"]);
    expect(world.disk.list("/data").some((name) => name.endsWith("-delete"))).toBe(true);
  });

  test("leaves what is no partition of this node under another name", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    append(manager.getOrCreate("topic", 0, { topicId: null })!);
    manager.setAside("topic", 0);
    manager.setAside("topic", 0);
    expect(manager.get("topic", 0)).toBeNull();
    const next = afterKill(world);
    const second = (await loaded(next)).manager;
    expect([...second.all()]).toEqual([]);
    expect(next.disk.list("/data").some((name) => name.endsWith("-stray"))).toBe(true);
  });
});

describe("several directories", () => {
  const directories = ["/a", "/b"];

  async function formatted(world: FakeWorld): Promise<string[]> {
    const ids: string[] = [];
    for (const path of directories) {
      world.disk.makeDirectory(path);
      const directoryId = randomUuid(world.random);
      ids.push(directoryId);
      const written = writeMetaProperties(world, path, {
        version: 1,
        clusterId: "c",
        nodeId: 1,
        directoryId,
      });
      await settled(world, written);
    }
    return ids;
  }

  test("share the logs evenly, unless one is named", async () => {
    const world = fakeWorld();
    const ids = await formatted(world);
    const { manager } = await loaded(world, { directories });
    expect(manager.directories.map((directory) => directory.id)).toEqual(ids);
    for (let partition = 0; partition < 6; partition++) {
      manager.getOrCreate("topic", partition, { topicId: null });
    }
    expect(manager.directories.map((directory) => directory.logs.size)).toEqual([3, 3]);
    const log = manager.getOrCreate("topic", 9, { topicId: null, directoryId: ids[1]! })!;
    expect(log.directory).toBe("/b/topic-9");
    await settled(world, manager.shutDown(3));
    const next = afterKill(world);
    const second = (await loaded(next, { directories })).manager;
    expect([...second.all()].length).toBe(7);
    expect(second.previousBrokerEpoch).toBe(3);
  });

  test("that were not all stopped in order agree on no broker epoch", async () => {
    const world = fakeWorld();
    await formatted(world);
    const { manager } = await loaded(world, { directories });
    await settled(world, manager.shutDown(3));
    world.disk.remove("/b/.kafka_cleanshutdown");
    const second = (await loaded(afterKill(world), { directories })).manager;
    expect(second.previousBrokerEpoch).toBe(-1);
  });

  test("go offline one by one; the others go on", async () => {
    const world = fakeWorld();
    await formatted(world);
    const { manager, failed } = await loaded(world, { directories });
    const [first, second] = [0, 1].map((partition) => {
      return manager.getOrCreate("topic", partition, { topicId: null })!;
    });
    world.disk.inject({ operation: "write", path: /^\/a\//, code: "EIO" });
    expect(append(first!).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(failed).toEqual(["/a, 1 left"]);
    expect(append(second!).errorCode).toBe(0);
    expect(manager.getOrCreate("topic", 2, { topicId: null })!.directory).toBe("/b/topic-2");
    await settled(world, manager.shutDown(1));
    expect(world.disk.status("/a/.kafka_cleanshutdown")).toBeNull();
    expect(world.disk.status("/b/.kafka_cleanshutdown")).not.toBeNull();
  });

  test("that cannot be used at start are offline; without any the node does not start", async () => {
    const world = fakeWorld();
    await formatted(world);
    world.disk.inject({ operation: "open", path: /^\/a\//, code: "EACCES" });
    const { manager } = await loaded(world, { directories });
    expect(manager.directories[0]!.failure).toMatchObject({ code: "EACCES" });
    expect(manager.getOrCreate("topic", 0, { topicId: null })!.directory).toBe("/b/topic-0");
    await settled(world, manager.shutDown());
    expect(() => open(world, { directories: ["/a"] })).toThrow(LogStartupError);
    expect(() => open(world, { directories: ["/b", "/b"] })).toThrow("Duplicate log directory");
  });

  test("may not both have a copy that is on its way", async () => {
    const world = fakeWorld();
    await formatted(world);
    for (const path of directories) {
      world.disk.makeDirectory(`${path}/topic-0.00000000000000000000000000000001-future`);
    }
    const { manager } = open(world, { directories });
    const load = manager.load();
    world.clock.settle();
    let message = "";
    await load.catch((error: Error) => (message = error.message));
    expect(message).toContain("Duplicate log directories for topic-0");
  });

  // The power went twice before it was durable which topic they are of (seed 401423).
  test("have a partition twice, and no topic's id: one is set aside", async () => {
    const world = fakeWorld();
    await formatted(world);
    for (const path of directories) world.disk.makeDirectory(`${path}/topic-0`);
    const { manager } = await loaded(world, { directories });
    expect(manager.get("topic", 0)).toMatchObject({ topicId: null });
    const names = directories.flatMap((path) => world.disk.list(path));
    expect(names.filter((name) => name.startsWith("topic-0."))).toHaveLength(1);
    expect(names.filter((name) => name === "topic-0")).toHaveLength(1);
    await settled(world, manager.shutDown());
  });

  // A directory was away while its topic was deleted and made again in the other one.
  test.each([
    { mine: 0, hasBoth: true },
    { mine: 1, hasBoth: true },
    // The disk failed before it was written which topic it is of.
    { mine: 0, hasBoth: false },
    { mine: 1, hasBoth: false },
  ])("have one of the topic, and one of a former life: %o", async ({ mine, hasBoth }) => {
    const world = fakeWorld();
    await formatted(world);
    const ids = directories.map((path, index) => {
      const id = randomUuid(world.random);
      world.disk.makeDirectory(`${path}/topic-0`);
      if (hasBoth || index === mine) writeTopicId(world.disk, `${path}/topic-0`, id);
      return id;
    });
    const { manager } = open(world, { directories });
    const expected = { topicId: ids[mine]!, directoryId: null };
    await settled(
      world,
      manager.load(() => expected),
    );
    expect(manager.get("topic", 0)).toMatchObject({
      topicId: ids[mine],
      directory: `${directories[mine]}/topic-0`,
    });
    const left = world.disk.list(directories[1 - mine]!).filter((name) => name.endsWith("-stray"));
    expect(left).toHaveLength(1);
    await settled(world, manager.shutDown());
  });

  // It was taken from this node while one directory was away, and given to it again.
  test.each([0, 1])(
    "keep the one that is ahead while nobody knows which it is: %i",
    async (mine) => {
      const world = fakeWorld();
      await formatted(world);
      const topicId = randomUuid(world.random);
      for (const [index, path] of directories.entries()) {
        const { manager } = await loaded(world, { directories: [path] });
        const log = manager.getOrCreate("topic", 0, { topicId })!;
        append(log, { count: index === mine ? 5 : 3 });
        await settled(world, manager.shutDown());
      }
      const { manager } = open(world, { directories });
      await settled(
        world,
        manager.load(() => ({ topicId, directoryId: null })),
      );
      expect(manager.get("topic", 0)).toMatchObject({
        logEndOffset: 5,
        directory: `${directories[mine]}/topic-0`,
      });
      const left = world.disk
        .list(directories[1 - mine]!)
        .filter((name) => name.endsWith("-stray"));
      expect(left).toHaveLength(1);
      await settled(world, manager.shutDown());
    },
  );
});

describe("at start", () => {
  test("a directory is had by one process at a time", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    expect(() => open(world)).toThrow("Failed to acquire lock on file .lock in /data");
    await settled(world, manager.shutDown());
    await loaded(world);
  });

  test("a meta.properties that says nothing sensible is named", () => {
    const world = fakeWorld();
    world.disk.makeDirectory("/data");
    const file = world.disk.open("/data/meta.properties", "create");
    file.write(Buffer.from("version=9\n"), 0, 10, 0);
    expect(() => open(world)).toThrow("/data: Unknown meta.properties version number 9");
  });

  test("damaged checkpoints cost time, not records", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    for (let count = 0; count < 10; count++) append(log);
    log.advanceHighWatermark(10);
    await settled(world, manager.shutDown(5));
    for (const name of ["recovery-point-offset", "replication-offset", "log-start-offset"]) {
      const path = `/data/${name}-checkpoint`;
      if (world.disk.status(path) !== null) world.disk.flip(path, 0, 0x7f);
    }
    const second = (await loaded(afterKill(world))).manager;
    expect(second.get("topic", 0)).toMatchObject({ logEndOffset: 10, highWatermark: 0 });
  });

  test("what is no partition is left alone, the metadata log too", async () => {
    const world = fakeWorld();
    for (const path of ["/data/lost+found", "/data/__cluster_metadata-0", "/data/x"]) {
      world.disk.makeDirectory(path);
    }
    world.disk.open("/data/file-0", "create").close();
    const { manager } = await loaded(world);
    expect([...manager.all()]).toEqual([]);
    expect(world.disk.list("/data/lost+found")).toEqual([]);
  });

  test("a crash while logs are loaded leaves no marker behind", async () => {
    const world = fakeWorld();
    const { manager } = await loaded(world);
    append(manager.getOrCreate("topic", 0, { topicId: null })!);
    await settled(world, manager.shutDown(5));
    const next = afterKill(world);
    next.disk.later = (callback) => void next.clock.schedule(1, callback);
    void open(next).manager.load();
    next.clock.advance(2);
    const third = afterPowerLoss(next, "none");
    third.disk.later = (callback) => void Promise.resolve().then(callback);
    const { manager: last } = await loaded(third);
    expect(last.previousBrokerEpoch).toBe(-1);
    expect(last.get("topic", 0)!.logEndOffset).toBe(1);
  });
});
