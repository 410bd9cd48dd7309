import { describe, expect, test } from "bun:test";
import type { MetadataNode } from "../../src/metadata/metadata-node.ts";
import type { NewRecord } from "../../src/metadata/record.ts";
import { parseSnapshotName } from "../../src/raft/snapshot-name.ts";
import { type FakeWorld, afterKill, afterPowerLoss, fakeWorld } from "../sim/fake-world.ts";
import { contentsOf } from "./controller-harness.ts";
import {
  PARTITION,
  createTopic,
  formatStandalone,
  openNode,
  run,
  startBroker,
  writing,
} from "./node-harness.ts";

describe("snapshots", () => {
  test("are written when enough bytes were committed, and a restart begins with the last", () => {
    const { world, node } = started({ metadataLogMaxRecordBytesBetweenSnapshots: 2000 });
    fill(world, node, 60);
    expect(snapshotsOf(world).length).toBeGreaterThan(2);
    const before = contentsOf(node.image);
    const newest = node.raft.log.latestSnapshot!;
    const later = afterKill(world);
    const again = openNode(later);
    expect(again.raft.log.latestSnapshot).toEqual(newest);
    expect(contentsOf(again.image)).toEqual(before);
  });

  test("are written when enough time has gone, but only of what is not in one yet", () => {
    const { world, node } = started({ metadataLogMaxSnapshotIntervalMs: 60_000 });
    run(world, node, createTopic("a"));
    const before = snapshotsOf(world).length;
    world.clock.advance(59_000);
    expect(snapshotsOf(world).length).toBe(before);
    world.clock.advance(2000);
    world.clock.await(node.whenSnapshotIsWritten());
    expect(snapshotsOf(world).length).toBe(before + 1);
    world.clock.advance(200_000);
    world.clock.await(node.whenSnapshotIsWritten());
    expect(snapshotsOf(world).length).toBe(before + 1);
    run(world, node, createTopic("b"));
    world.clock.await(node.whenSnapshotIsWritten());
    expect(snapshotsOf(world).length).toBe(before + 2);
  });

  test("are not written within a metadata transaction", () => {
    const { world, node } = started({ metadataLogMaxRecordBytesBetweenSnapshots: 1 });
    world.clock.await(node.whenSnapshotIsWritten());
    const before = snapshotsOf(world).length;
    run(world, node, writing({ name: "BeginTransactionRecord", version: 0, value: {} }));
    fill(world, node, 5);
    expect(snapshotsOf(world).length).toBe(before);
    run(world, node, writing({ name: "EndTransactionRecord", version: 0, value: {} }));
    world.clock.await(node.whenSnapshotIsWritten());
    expect(snapshotsOf(world).length).toBe(before + 1);
  });

  test("and the log before them go when they are too large together", () => {
    const { world, node } = started({
      metadataLogMaxRecordBytesBetweenSnapshots: 4000,
      metadataMaxRetentionBytes: 20_000,
      metadataLogSegmentBytes: 8000,
    });
    fill(world, node, 400);
    const before = contentsOf(node.image);
    expect(node.raft.log.startOffset).toBeGreaterThan(100);
    expect(snapshotsOf(world).length).toBeLessThan(10);
    const names = world.disk.list(PARTITION);
    expect(names).not.toContain("00000000000000000000.log");
    for (const id of snapshotsOf(world)) {
      expect(id.endOffset).toBeGreaterThanOrEqual(node.raft.log.startOffset);
    }
    const later = afterKill(world);
    const again = openNode(later);
    expect(contentsOf(again.image)).toEqual(before);
    expect(again.raft.kraftVersion).toBe(1);
  });

  test("and the log before them go when they are too old, but never the last", () => {
    const { world, node } = started({
      metadataLogMaxRecordBytesBetweenSnapshots: 4000,
      metadataMaxRetentionMs: 1000,
    });
    fill(world, node, 100);
    world.clock.jumpWall(5000);
    fill(world, node, 100);
    const [first, ...others] = snapshotsOf(world);
    expect(others.length).toBeGreaterThan(0);
    expect(node.raft.log.startOffset).toBe(first!.endOffset);
    world.clock.jumpWall(50_000);
    node.raft.log.clean();
    expect(snapshotsOf(world)).toEqual([node.raft.log.latestSnapshot!]);
    node.raft.log.clean();
    expect(snapshotsOf(world).length).toBe(1);
  });

  test("that were not completed are swept up", () => {
    const { world, node } = started({ metadataLogMaxRecordBytesBetweenSnapshots: 3000 });
    fill(world, node, 40);
    const partial = `${PARTITION}/00000000000000000009-0000000001-7.checkpoint.part`;
    world.disk.open(partial, "create").close();
    const later = afterPowerLoss(world, "all");
    openNode(later);
    const names = later.disk.list(PARTITION);
    expect(names.filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  test("that cannot be written cost nothing but a message", () => {
    const { world, node } = started({ metadataLogMaxRecordBytesBetweenSnapshots: 2000 });
    world.clock.await(node.whenSnapshotIsWritten());
    const before = snapshotsOf(world).length;
    const heal = world.disk.inject({ operation: "write", path: /checkpoint/, code: "ENOSPC" });
    fill(world, node, 30);
    expect(snapshotsOf(world).length).toBe(before);
    heal();
    fill(world, node, 30);
    expect(snapshotsOf(world).length).toBeGreaterThan(before);
  });

  test("go on being written while commands are answered", () => {
    const { world, node } = started({ metadataLogMaxRecordBytesBetweenSnapshots: 100_000 });
    run(world, node, createTopic("large", 3000));
    // The snapshot has begun; these come between its slices.
    const topics = ["a", "b", "c"].map((name) => node.submit(createTopic(name)));
    world.clock.await(Promise.all(topics));
    world.clock.await(node.whenSnapshotIsWritten());
    const later = afterKill(world);
    const again = openNode(later);
    expect(again.raft.log.latestSnapshot?.endOffset).toBeGreaterThan(3000);
    expect(contentsOf(again.image)).toEqual(contentsOf(node.image));
  });

  for (const keep of ["none", "random"] as const) {
    test(`survive a loss of power that keeps ${keep} of what was not synced`, () => {
      for (let seed = 1; seed <= 8; seed++) {
        const settings = { metadataLogMaxRecordBytesBetweenSnapshots: 2500 };
        const { world, node } = started({ ...settings, metadataMaxRetentionBytes: 12_000 }, seed);
        fill(world, node, 80 + seed);
        const before = contentsOf(node.image);
        const later = afterPowerLoss(world, keep);
        expect(contentsOf(openNode(later).image)).toEqual(before);
      }
    });
  }
});

type Settings = NonNullable<Parameters<typeof openNode>[1]>["settings"];

function started(settings: NonNullable<Settings>, seed = 1) {
  const world = fakeWorld(seed);
  formatStandalone(world);
  const node = openNode(world, { settings });
  startBroker(world, node);
  return { world, node };
}

/** Sets one setting over and over: the log grows, the image does not. */
function fill(world: FakeWorld, node: MetadataNode, count: number): void {
  for (let index = 0; index < count; index++) {
    const resource = { resourceType: 32, resourceName: "g" };
    const value = { ...resource, name: `k${index % 10}`, value: String(index) };
    const record: NewRecord = { name: "ConfigRecord", version: 0, value };
    run(world, node, writing(record));
  }
  world.clock.await(node.whenSnapshotIsWritten());
}

function snapshotsOf(world: FakeWorld) {
  return world.disk
    .list(PARTITION)
    .sort()
    .flatMap((name) => {
      const snapshot = parseSnapshotName(name);
      if (snapshot?.state !== "complete") return [];
      return [{ endOffset: snapshot.endOffset, epoch: snapshot.epoch }];
    });
}
