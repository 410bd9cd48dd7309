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
