import { describe, expect, test } from "bun:test";
import {
  MetaPropertiesError,
  checkMetaProperties,
  parseMetaProperties,
  readMetaProperties,
  writeMetaProperties,
  type MetaProperties,
} from "../../src/log/meta-properties.ts";
import { afterPowerLoss, fakeWorld } from "../sim/fake-world.ts";

const OURS: MetaProperties = {
  version: 1,
  clusterId: "MkU3OEVBNTcwNTJENDM2Qg",
  nodeId: 1,
  directoryId: "JEXY6aqzQY-32P5TStzaFg",
};

/** As Apache Kafka 4.3.1 wrote it. */
const RECORDED = `#
#Sat Nov 21 01:01:17 UTC 2026
node.id=1
directory.id=JEXY6aqzQY-32P5TStzaFg
version=1
cluster.id=MkU3OEVBNTcwNTJENDM2Qg
`;

test("Kafka's own file is read", () => {
  expect(parseMetaProperties(Buffer.from(RECORDED))).toEqual(OURS);
});

test("a file is written as Kafka writes it, and survives a loss of power", async () => {
  const world = fakeWorld();
  world.disk.makeDirectory("/data");
  await world.disk.syncDirectory("/");
  await writeMetaProperties(world, "/data", OURS);
  const after = afterPowerLoss(world, "none");
  const text = after.disk.readWhole("/data/meta.properties").toString();
  expect(text.replace(/^#[A-Z].*$/m, "#date")).toBe(RECORDED.replace(/^#[A-Z].*$/m, "#date"));
  expect(text).toMatch(/^#[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}$/m);
  expect(readMetaProperties(after.disk, "/data")).toEqual(OURS);
});

test("a directory without the file is not formatted", () => {
  const { disk } = fakeWorld();
  expect(readMetaProperties(disk, "/nowhere")).toBeNull();
  disk.makeDirectory("/data");
  expect(readMetaProperties(disk, "/data")).toBeNull();
});

describe("what cannot be read is refused", () => {
  const REFUSED: [text: string, message: string][] = [
    ["version=5", "Unknown meta.properties version number 5"],
    ["version=x", "Invalid meta.properties version string 'x'"],
    ["version=1\nnode.id=1", "cluster.id was not found."],
    ["version=1\ncluster.id=x", "Failed to find node.id"],
    ["version=1\ncluster.id=x\nnode.id=y", "Unable to read node.id as a base-10 number."],
    ["version=1\ncluster.id=x\nnode.id=1\ndirectory.id=z", "Unable to read directory.id as a Uuid"],
    ["a=\\u12", "Malformed"],
  ];
  for (const [text, message] of REFUSED) {
    test(JSON.stringify(text), () => {
      const parse = () => parseMetaProperties(Buffer.from(text));
      expect(parse).toThrow(MetaPropertiesError);
      expect(parse).toThrow(message);
    });
  }
});

test("a file of version 0 needs nothing", () => {
  expect(parseMetaProperties(Buffer.from("broker.id=3\n"))).toEqual({
    version: 0,
    clusterId: null,
    nodeId: 3,
    directoryId: null,
  });
});

describe("directories of one node agree", () => {
  const other = { ...OURS, directoryId: "MvDxzVmcRsaTz33bUuRU6A" };
  const check = (second: MetaProperties, clusterId: string | null = null, nodeId = 1) => {
    const directories = new Map([
      ["/a", OURS],
      ["/b", second],
    ]);
    return () => checkMetaProperties(directories, { clusterId, nodeId });
  };

  test("or are refused, by name", () => {
    expect(check(other)).not.toThrow();
    expect(check({ ...other, clusterId: "x" })).toThrow("Invalid cluster.id in: /b/");
    expect(check({ ...other, nodeId: 7 })).toThrow("Stored node id 7 doesn't match node id 1");
    expect(check(OURS)).toThrow("Duplicate directory.id");
  });

  test("with what is expected too", () => {
    expect(check(other, "x")).toThrow("Expected x, but read MkU3OEVBNTcwNTJENDM2Qg");
    expect(check(other, null, 2)).toThrow("Stored node id 1 doesn't match node id 2");
  });
});
