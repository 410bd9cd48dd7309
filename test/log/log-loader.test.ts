import { describe, expect, test } from "bun:test";
import { openThoroughly } from "../../src/log/log-loader.ts";
import type { Log } from "../../src/log/log.ts";
import { LEADER_EPOCH_FILE } from "../../src/log/leader-epochs.ts";
import { afterKill, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import {
  append,
  batchOf,
  DIRECTORY,
  hostOf,
  openingOf,
  openTestLog,
  type OpenOptions,
  readAll,
} from "./log-fixture.ts";
import { expectSound } from "./log-soundness.ts";

const CONFIG = { segmentBytes: 3000, indexIntervalBytes: 200 };
const COUNT = 100;

/** A log of `COUNT` records in several segments. */
async function makeLog(world: FakeWorld): Promise<Log> {
  const log = await openTestLog(hostOf(world), { config: CONFIG });
  const nowMs = world.clock.wallMs();
  for (let index = 0; index < COUNT; index++) {
    const bytes = batchOf({
      timestamp: nowMs,
      valueSize: 50 + (index % 7),
      text: `r${index}`,
      producerId: 1000 + (index % 3),
      producerEpoch: 0,
      baseSequence: Math.floor(index / 3),
    });
    log.appendAsLeader(bytes, { leaderEpoch: index >> 5, origin: "client", nowMs });
  }
  return log;
}

async function stopped(world: FakeWorld): Promise<{ world: FakeWorld; log: Log }> {
  const log = await makeLog(world);
  const close = log.close();
  world.clock.settle();
  await close;
  return { world: afterKill(world), log };
}

async function reopen(world: FakeWorld, options: OpenOptions = {}): Promise<Log> {
  const log = await openTestLog(hostOf(world), { config: CONFIG, ...options });
  log.setHighWatermark(log.logEndOffset);
  return log;
}

const AFTER_STOP = { wasCleanlyStopped: true, recoveryPoint: COUNT };

async function expectWhole(log: Log, count = COUNT): Promise<void> {
  expect(log.logEndOffset).toBe(count);
  const records = await readAll(log, 0);
  expect(records.map((record) => record.value!.toString().replace(/\.+$/, ""))).toEqual(
    Array.from({ length: count }, (_, index) => `r${index}`),
  );
  expectSound(log, "whole");
}

function names(world: FakeWorld, pattern: RegExp): string[] {
  return world.disk
    .list(DIRECTORY)
    .filter((name) => pattern.test(name))
    .sort();
}

describe("after a clean stop", () => {
  test("nothing is opened before it is used", async () => {
    const { world } = await stopped(fakeWorld());
    const opened: string[] = [];
    world.disk.inject({ operation: "read", path: /never/, code: "EIO" });
    const open = world.disk.open.bind(world.disk);
    world.disk.open = (path, mode) => {
      opened.push(path);
      return open(path, mode);
    };
    const log = await reopen(world, AFTER_STOP);
    expect(opened).toEqual([]);
    await expectWhole(log);
    expect(log.activeProducers().map((entry) => entry.lastSequence)).toEqual([33, 32, 32]);
  });

  test("a directory that does not agree is looked into", async () => {
    for (const recoveryPoint of [null, 0, COUNT - 1]) {
      const { world } = await stopped(fakeWorld());
      await expectWhole(await reopen(world, { wasCleanlyStopped: true, recoveryPoint }));
    }
  });

  test("a missing index is built anew, byte for byte", async () => {
    for (const kind of ["index", "timeindex"]) {
      for (const position of [0, 1, -1]) {
        const { world } = await stopped(fakeWorld());
        const name = names(world, new RegExp(`\\.${kind}$`)).at(position)!;
        const before = world.disk.readWhole(`${DIRECTORY}/${name}`);
        world.disk.remove(`${DIRECTORY}/${name}`);
        const log = await reopen(world, AFTER_STOP);
        await expectWhole(log);
        log.state.coolDown();
        log.state.coolDown();
        expect(world.disk.readWhole(`${DIRECTORY}/${name}`)).toEqual(before);
      }
    }
  });

  test("an index without a segment goes", async () => {
    const { world } = await stopped(fakeWorld());
    for (const kind of ["index", "timeindex", "txnindex"]) {
      world.disk.open(`${DIRECTORY}/00000000000000000777.${kind}`, "create").close();
    }
    await expectWhole(await reopen(world, AFTER_STOP));
    expect(names(world, /777/)).toEqual([]);
  });

  test("a producer snapshot that is rotten is done without", async () => {
    const { world } = await stopped(fakeWorld());
    for (const name of names(world, /snapshot$/)) world.disk.flip(`${DIRECTORY}/${name}`, 20);
    const log = await reopen(world, AFTER_STOP);
    await expectWhole(log);
    expect(log.activeProducers().map((entry) => entry.lastSequence)).toEqual([33, 32, 32]);
  });

  test("a damaged epoch checkpoint is as none", async () => {
    const { world } = await stopped(fakeWorld());
    world.disk.flip(`${DIRECTORY}/${LEADER_EPOCH_FILE}`, 0, 0x20);
    const log = await reopen(world, AFTER_STOP);
    expect(log.latestEpoch).toBe(-1);
    expect((await readAll(log, 0)).length).toBe(COUNT);
  });
});

describe("after a kill", () => {
  test("a torn end is cut off, at any byte", async () => {
    const whole = batchOf({ valueSize: 100 });
    for (let size = 0; size < whole.length; size += 5) {
      const world = fakeWorld(size);
      await makeLog(world);
      const killed = afterKill(world);
      const path = `${DIRECTORY}/${names(killed, /\.log$/).at(-1)!}`;
      const file = killed.disk.open(path, "write");
      const torn = Buffer.alloc(whole.length + (size % 3) * 5000);
      whole.copy(torn, 0, 0, size);
      file.write(torn, 0, size % 2 === 0 ? size : torn.length, file.size());
      file.close();
      await expectWhole(await reopen(killed));
    }
  });

  test("a bit that flipped cuts the log there, and nothing behind it is served", async () => {
    for (let seed = 0; seed < 60; seed++) {
      const world = fakeWorld(seed);
      await makeLog(world);
      const killed = afterKill(world);
      const paths = names(killed, /\.log$/);
      const name = paths[killed.random.below(paths.length)]!;
      const size = killed.disk.status(`${DIRECTORY}/${name}`)!.size;
      const position = killed.random.below(size);
      killed.disk.flip(`${DIRECTORY}/${name}`, position, 1 << killed.random.below(8));
      const log = await reopen(killed);
      expect(log.logEndOffset).toBeGreaterThanOrEqual(Number(name.slice(0, 20)));
      // Base offset and leader epoch are not in the checksum: those changes may stay unseen.
      const records = await readAll(log, 0);
      expect(records.length).toBeLessThanOrEqual(COUNT);
      const isCut = log.logEndOffset < COUNT;
      if (isCut) expect(names(killed, /\.log$/).length).toBeLessThanOrEqual(paths.length);
      for (const [index, record] of records.entries()) {
        if (record.offset < Number(name.slice(0, 20))) {
          expect(record.value!.toString()).toStartWith(`r${index}`);
        }
      }
      expect(append(log).errorCode).toBe(0);
    }
  });

  test("only segments from the recovery point on are read", async () => {
    const world = fakeWorld();
    await makeLog(world);
    const killed = afterKill(world);
    const bases = names(killed, /\.log$/).map((name) => Number(name.slice(0, 20)));
    killed.disk.flip(`${DIRECTORY}/${names(killed, /\.log$/)[0]!}`, 65);
    const log = await reopen(killed, { recoveryPoint: bases.at(-1)! });
    expect(log.logEndOffset).toBe(COUNT);
    expect(log.recoveryPoint).toBe(bases.at(-1)!);
    killed.clock.settle();
    expect(log.flushedOffset).toBe(COUNT);
  });

  test("what recovery finds as it has to be is not written again", async () => {
    const { world } = await stopped(fakeWorld());
    const killed = afterKill(world);
    for (const operation of ["write", "truncate", "rename"] as const) {
      killed.disk.inject({ operation, path: /./, code: "EIO" });
    }
    const opening = openingOf({ config: CONFIG, recoveryPoint: COUNT });
    const log = await openThoroughly(hostOf(killed), opening);
    log.setHighWatermark(COUNT);
    log.flushRecovered();
    killed.clock.settle();
    await expectWhole(log);
    expect(log.state.failure).toBeNull();
    expect(log.activeProducers().map((entry) => entry.lastSequence)).toEqual([33, 32, 32]);
  });

  test("a log by itself tells at once how far it goes", async () => {
    const world = fakeWorld();
    await makeLog(world);
    const killed = afterKill(world);
    await reopen(killed);
    expect(names(killed, /snapshot$/).at(-1)).toBe("00000000000000000100.snapshot");
  });

  test("the indexes are those that all batches give, the last timestamp included", async () => {
    const indexesAfter = async (spoil: (world: FakeWorld) => void) => {
      const world = fakeWorld();
      const before = await openTestLog(hostOf(world), { config: CONFIG });
      for (let index = 0; index < COUNT; index++) append(before, { timestamp: 1000 + index });
      const killed = afterKill(world);
      spoil(killed);
      const log = await reopen(killed);
      log.state.coolDown();
      log.state.coolDown();
      const found = names(killed, /index$/);
      return found.map((name) => killed.disk.readWhole(`${DIRECTORY}/${name}`).toString("hex"));
    };
    const kept = await indexesAfter(() => undefined);
    const made = await indexesAfter((killed) => {
      for (const name of names(killed, /index$/)) killed.disk.remove(`${DIRECTORY}/${name}`);
    });
    expect(kept).toEqual(made);
  });

  test("whatever the indexes and epochs say, they say the right thing afterwards", async () => {
    const sound = await recoveredFiles(() => undefined);
    for (let seed = 0; seed < 150; seed++) {
      const kinds = [/\.index$/, /\.timeindex$/, /leader-epoch-checkpoint$/];
      const damaged = await recoveredFiles((world) => {
        for (const kind of kinds) {
          const found = names(world, kind);
          damage(world, `${DIRECTORY}/${found[world.random.below(found.length)]!}`);
        }
      }, seed);
      expect(damaged, `seed ${seed}`).toEqual(sound);
    }
  });

  test("a log that ends before its checkpointed start begins anew there", async () => {
    const world = fakeWorld();
    await makeLog(world);
    const log = await reopen(afterKill(world), { logStartOffset: 500 });
    expect(log).toMatchObject({ logStartOffset: 500, logEndOffset: 500, segmentCount: 1 });
    expect(append(log)).toMatchObject({ errorCode: 0, firstOffset: 500 });
  });

  test("a start within the log stays", async () => {
    const world = fakeWorld();
    await makeLog(world);
    const log = await reopen(afterKill(world), { logStartOffset: 50 });
    expect(log.logStartOffset).toBe(50);
    expect((await log.read(49, 100, COUNT, true)).errorCode).toBe(1);
    expect((await readAll(log, 50)).length).toBe(50);
    expect(log.state.epochs.earliest).toEqual({ epoch: 1, startOffset: 50 });
  });

  test("segments that have lost their middle end the log", async () => {
    const world = fakeWorld();
    await makeLog(world);
    const killed = afterKill(world);
    const [, second, third] = names(killed, /\.log$/);
    const file = killed.disk.open(`${DIRECTORY}/${second!}`, "write");
    file.truncate(firstBatchSize(killed, second!));
    file.close();
    const log = await reopen(killed);
    expect(log.logEndOffset).toBe(Number(second!.slice(0, 20)) + 1);
    expect(killed.disk.status(`${DIRECTORY}/${third!}`)).toBeNull();
    expect(killed.disk.status(`${DIRECTORY}/${third!}.deleted`)).not.toBeNull();
    const compacted = fakeWorld();
    await makeLog(compacted);
    const other = afterKill(compacted);
    const again = other.disk.open(`${DIRECTORY}/${second!}`, "write");
    again.truncate(firstBatchSize(other, second!));
    again.close();
    const config = { ...CONFIG, cleanupPolicy: ["compact" as const] };
    expect((await reopen(other, { config })).logEndOffset).toBe(COUNT);
  });
});

describe("left-overs", () => {
  test("of deletions and unfinished cleanings go", async () => {
    const { world } = await stopped(fakeWorld());
    for (const name of ["00000000000000000009.log.deleted", "00000000000000000009.index.cleaned"]) {
      world.disk.open(`${DIRECTORY}/${name}`, "create").close();
    }
    const kept = "00000000000000000005-0000000001.checkpoint.deleted";
    world.disk.open(`${DIRECTORY}/${kept}`, "create").close();
    await expectWhole(await reopen(world, AFTER_STOP));
    expect(names(world, /cleaned|deleted/)).toEqual([kept]);
  });

  test("of a finished cleaning replace what they were made of", async () => {
    const { world } = await stopped(fakeWorld());
    const [first, second, third] = names(world, /\.log$/);
    const bytes = Buffer.concat(
      [first!, second!].map((name) => world.disk.readWhole(`${DIRECTORY}/${name}`)),
    );
    const file = world.disk.open(`${DIRECTORY}/${first!}.swap`, "create");
    file.write(bytes, 0, bytes.length, 0);
    file.close();
    const log = await reopen(world, AFTER_STOP);
    await expectWhole(log);
    expect(names(world, /\.log$/)[1]).toBe(third!);
    expect(names(world, /swap/)).toEqual([]);
  });

  test("of an exchange that was not whole go", async () => {
    const { world } = await stopped(fakeWorld());
    world.disk.open(`${DIRECTORY}/00000000000000000020.log.swap`, "create").close();
    world.disk.open(`${DIRECTORY}/00000000000000000010.log.cleaned`, "create").close();
    await expectWhole(await reopen(world, AFTER_STOP));
    expect(names(world, /swap|cleaned/)).toEqual([]);
  });

  test("among the producer snapshots go, but for the newest", async () => {
    const { world } = await stopped(fakeWorld());
    for (const offset of ["07", "98"]) {
      world.disk.open(`${DIRECTORY}/000000000000000000${offset}.snapshot`, "create").close();
    }
    await reopen(world, AFTER_STOP);
    const bases = names(world, /\.log$/).map((name) => name.slice(0, 20));
    const left = names(world, /snapshot$/).map((name) => name.slice(0, 20));
    expect(left).toEqual([...bases.slice(1), "00000000000000000100"]);
  });
});

function firstBatchSize(world: FakeWorld, name: string): number {
  return 12 + world.disk.readWhole(`${DIRECTORY}/${name}`).readInt32BE(8);
}

/** Indexes and epochs of a log that stopped, was spoilt, and recovered all of its segments. */
async function recoveredFiles(
  spoil: (world: FakeWorld) => void,
  seed = 0,
): Promise<Record<string, string>> {
  const { world } = await stopped(fakeWorld(seed));
  const killed = afterKill(world);
  spoil(killed);
  const log = await reopen(killed);
  await expectWhole(log);
  const close = log.close();
  killed.clock.settle();
  await close;
  const files: Record<string, string> = {};
  for (const name of names(killed, /index$|checkpoint$/)) {
    files[name] = killed.disk.readWhole(`${DIRECTORY}/${name}`).toString("hex");
  }
  return files;
}

/** Gone, empty, cut, flipped, or longer by zeros or by what is not its own. */
function damage(world: FakeWorld, path: string): void {
  const { disk, random } = world;
  const size = disk.status(path)!.size;
  const kind = random.below(6);
  if (kind === 0) return disk.remove(path);
  if (kind === 1 && size > 0) return disk.flip(path, random.below(size), 1 << random.below(8));
  const file = disk.open(path, "write");
  if (kind === 2) file.truncate(0);
  else if (kind === 3) file.truncate(random.below(size + 1));
  else {
    const tail = Buffer.alloc(12 * (1 + random.below(400)), kind === 4 ? 0 : random.below(256));
    file.write(tail, 0, tail.length, size);
  }
  file.close();
}
