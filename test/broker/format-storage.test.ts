/** What a broker starts on: new directories, old ones, and what it must not touch. */
import { describe, expect, test } from "bun:test";
import { FormatError, openStorage } from "../../src/broker/format-storage.ts";
import { loadSettings, settingsWithoutFile } from "../../src/broker/settings/load-settings.ts";
import { SUPPORTED_FEATURES } from "../../src/broker/supported-features.ts";
import {
  MetaPropertiesError,
  readMetaProperties,
  writeMetaProperties,
} from "../../src/log/meta-properties.ts";
import { readSnapshot } from "../../src/raft/snapshot-reader.ts";
import { afterPowerLoss, fakeWorld, type FakeWorld } from "../sim/fake-world.ts";

const VOTERS = "/d/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";

function open(world: FakeWorld, texts: Record<string, string> = {}) {
  const given = settingsWithoutFile(new Map(Object.entries({ "log.dirs": "/d", ...texts })));
  return openStorage(world, loadSettings(given), SUPPORTED_FEATURES, () => {});
}

test("a node without directories begins a cluster of its own", async () => {
  const world = fakeWorld();
  const { clusterId, directories } = await open(world);
  expect(clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect([...directories.keys()]).toEqual(["/d"]);
  expect(directories.get("/d")).toMatchObject({ version: 1, clusterId, nodeId: 1 });
  expect(readSnapshot(world.disk, "/d/bootstrap.checkpoint").values).not.toEqual([]);
  expect(world.disk.status(VOTERS)).toBeNull();
});

test("a quorum that may change begins with this node alone", async () => {
  const world = fakeWorld();
  const { directories } = await open(world, {
    "controller.quorum.bootstrap.servers": "localhost:9093",
  });
  const { kraftVersion, voters } = readSnapshot(world.disk, VOTERS);
  expect(kraftVersion).toBe(1);
  expect([...(voters?.keys() ?? [])]).toEqual([1]);
  expect(voters?.get(1)?.directoryId).toBe(directories.get("/d")?.directoryId ?? "");
});

test("it is the same node the next time, even after a loss of power", async () => {
  const world = fakeWorld();
  const first = await open(world);
  const second = await open(afterPowerLoss(world, "none"));
  expect(second).toEqual(first);
});

test("one more directory joins those that are there", async () => {
  const world = fakeWorld();
  const first = await open(world);
  const second = await open(world, { "log.dirs": "/d,/e" });
  expect(second.clusterId).toBe(first.clusterId);
  expect([...second.directories.keys()]).toEqual(["/d", "/e"]);
  expect(second.directories.get("/d")).toEqual(first.directories.get("/d")!);
});

describe("what is refused", () => {
  test("another node's directory", async () => {
    const world = fakeWorld();
    await open(world);
    const other = open(world, { "node.id": "2" });
    expect(other).rejects.toThrow("Stored node id 1 doesn't match node id 2");
  });

  test("directories of two clusters", async () => {
    const world = fakeWorld();
    await open(world);
    world.disk.makeDirectory("/e");
    const meta = readMetaProperties(world.disk, "/d")!;
    await writeMetaProperties(world, "/e", { ...meta, clusterId: "x", directoryId: null });
    expect(open(world, { "log.dirs": "/d,/e" })).rejects.toThrow(MetaPropertiesError);
  });

  test("an empty directory of the metadata beside others that are in use", async () => {
    const world = fakeWorld();
    await open(world);
    const moved = open(world, { "metadata.log.dir": "/m" });
    expect(moved).rejects.toThrow(FormatError);
    expect(moved).rejects.toThrow("The directory of the metadata, /m, is empty, but /d is in use");
    expect(world.disk.status("/m")).toBeNull();
  });
});

test("a directory that cannot be read is left out while others can", async () => {
  const world = fakeWorld();
  await open(world, { "log.dirs": "/d,/e" });
  const file = world.disk.open("/e/meta.properties", "write");
  file.write(Buffer.from("version=9"), 0, 9, 0);
  file.truncate(9);
  file.close();
  const { directories } = await open(world, { "log.dirs": "/d,/e" });
  expect([...directories.keys()]).toEqual(["/d"]);
});

test("the directory of the metadata must say whose it is", async () => {
  for (const text of ["", "version=9", "\0"]) {
    const world = fakeWorld();
    await open(world, { "log.dirs": "/d,/e" });
    const file = world.disk.open("/d/meta.properties", "write");
    file.truncate(0);
    file.write(Buffer.from(text), 0, text.length, 0);
    file.close();
    const error: unknown = await open(world, { "log.dirs": "/d,/e" }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(MetaPropertiesError);
    expect(String(error)).toContain("/d/meta.properties: ");
  }
});

test("a directory from before Kafka 3.7 gets an id, once", async () => {
  const world = fakeWorld();
  const { clusterId } = await open(world);
  const old = { version: 1, clusterId, nodeId: 1, directoryId: null } as const;
  await writeMetaProperties(world, "/d", old);
  const { directories } = await open(world);
  const found = directories.get("/d");
  expect(found).toMatchObject({ version: 1, clusterId, nodeId: 1 });
  expect(found?.directoryId).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect((await open(world)).directories.get("/d")).toEqual(found!);
});

test("logs without a meta.properties are nobody's, and left alone", async () => {
  const world = fakeWorld();
  await open(world);
  world.disk.makeDirectory("/d/topic-0");
  world.disk.open("/d/topic-0/00000000000000000000.log", "create").close();
  world.disk.remove("/d/meta.properties");
  expect(open(world)).rejects.toThrow("/d has no meta.properties, but a log in topic-0");
  expect(world.disk.status("/d/meta.properties")).toBeNull();
});

test("what a crash in the middle of formatting left is formatted anew", async () => {
  const world = fakeWorld();
  const texts = { "controller.quorum.bootstrap.servers": "localhost:9093" };
  await open(world, texts);
  world.disk.remove("/d/meta.properties");
  const { directories } = await open(world, texts);
  expect([...directories.keys()]).toEqual(["/d"]);
});
