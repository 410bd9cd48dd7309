import { describe, expect, test } from "bun:test";
import type { Log } from "../../src/log/log.ts";
import { LogMove } from "../../src/log/log-move.ts";
import * as header from "../../src/protocol/record-batch.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import { batchOf, readAll } from "./log-fixture.ts";
import { loadedManager } from "./manager-fixture.ts";

describe("a follower's log on its way to another directory", () => {
  test.each([1, 2, 5, 9])("takes the cut with it that comes after %p chunks", async (chunks) => {
    const { log, take, moving, logs, world } = await arena();
    take(log, 0, 12, 1);
    const moved = moving(chunks, () => {
      void logs.truncateTo(log, 5);
      world.clock.settle();
      take(log, 5, 16, 2);
    });
    const now = logs.get("topic", 0)!;
    expect([moved(), now === log]).toEqual([true, false]);
    expect(await valuesOf(now)).toEqual(await valuesOf(log));
    expect(now.state.epochs.entries).toEqual(log.state.epochs.entries);
  });

  test("begins anew where the log does", async () => {
    const { log, take, moving, logs, world } = await arena();
    take(log, 0, 12, 1);
    const moved = moving(7, () => {
      void logs.truncateFullyAndStartAt(log, 3);
      world.clock.settle();
      take(log, 3, 9, 4);
    });
    const now = logs.get("topic", 0)!;
    expect([moved(), now === log, now.logStartOffset]).toEqual([true, false, 3]);
    expect(await valuesOf(now)).toEqual(await valuesOf(log));
  });
});

async function valuesOf(log: Log): Promise<string[]> {
  return (await readAll(log, log.logStartOffset)).map(({ offset, value }) => `${offset} ${value}`);
}

async function arena() {
  const world = fakeWorld();
  const logs = await loadedManager(world, { directories: ["/a", "/b"] });
  const log = logs.getOrCreate("topic", 0, { topicId: null })!;
  const other = logs.directories.find((directory) => directory !== logs.directoryOf(log))!;
  const take = (to: Log, from: number, end: number, epoch: number): void => {
    for (let offset = from; offset < end; offset++) {
      const batch = batchOf({ text: `${offset} of ${epoch}` });
      header.setBaseOffset(batch, 0, offset);
      header.setPartitionLeaderEpoch(batch, 0, epoch);
      expect(to.appendAsFollower(batch, epoch, 1000).errorCode).toBe(0);
    }
  };
  /** After so many chunks something happens to the log. Returns what tells whether it was moved. */
  const moving = (chunks: number, happens: () => void): (() => boolean) => {
    let count = 0;
    const move = new LogMove({
      logs,
      log,
      future: logs.createFuture(log, other)!,
      chunkSizeMax: () => 1,
      throttle: {
        admit: () => Promise.resolve(),
        spend: () => {
          if (++count === chunks) happens();
        },
      },
      assign: () => Promise.resolve(true),
      swapped: () => undefined,
    });
    let isMoved = false;
    void move.run().then((result) => (isMoved = result));
    world.clock.settle();
    return () => isMoved;
  };
  return { world, logs, log, take, moving };
}
