/** A clean stop is believed only of segments that nobody changed since. */
import { expect, test } from "bun:test";
import { DEFAULT_LOG_CONFIG } from "../../src/log/log-config.ts";
import type { Log } from "../../src/log/log.ts";
import { openLog } from "../../src/log/log-loader.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { append, DIRECTORY, hostOf, openTestLog, readAll } from "./log-fixture.ts";

const SEGMENT = `${DIRECTORY}/00000000000000000000.log`;
const COUNT = 20;

async function stopped(): Promise<FakeWorld> {
  const world = fakeWorld();
  const log = await openTestLog(hostOf(world));
  for (let count = 0; count < COUNT; count++) append(log);
  await log.close();
  return world;
}

function openAgain(world: FakeWorld, stoppedMs: number): Promise<Log> {
  return openLog(hostOf(world), {
    directory: DIRECTORY,
    topic: "topic",
    partition: 0,
    config: DEFAULT_LOG_CONFIG,
    recoveryPoint: COUNT,
    logStartOffset: null,
    wasCleanlyStopped: true,
    stoppedMs,
  });
}

async function expectGoesOn(log: Log, endOffset: number): Promise<void> {
  expect(log.logEndOffset).toBe(endOffset);
  expect(append(log, { text: "new" }).firstOffset).toBe(endOffset);
  const records = await readAll(log, 0);
  expect(records.map(({ offset }) => offset)).toEqual(
    Array.from({ length: endOffset + 1 }, (_, offset) => offset),
  );
  expect(records.at(-1)?.value?.toString()).toBe("new");
}

test("what is cut off the end, or added there, is noticed", async () => {
  const changes: [change: (size: number) => number, endOffset: number][] = [
    [(size) => size - 1, COUNT - 1],
    [(size) => size - 150, COUNT - 3],
    [(size) => size + 5000, COUNT],
    [(size) => size, COUNT],
  ];
  for (const [change, endOffset] of changes) {
    const world = await stopped();
    const stoppedMs = world.clock.wallMs();
    world.clock.advance(1000);
    const file = world.disk.open(SEGMENT, "write");
    file.truncate(change(file.size()));
    file.close();
    await expectGoesOn(await openAgain(world, stoppedMs), endOffset);
  }
});
