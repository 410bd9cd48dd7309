import { describe, expect, test } from "bun:test";
import { defaultBootstrapRecords } from "../../src/metadata/activation.ts";
import { readBootstrapRecords, writeBootstrapRecords } from "../../src/metadata/bootstrap-file.ts";
import { afterPowerLoss, fakeWorld } from "../sim/fake-world.ts";
import { ALL_FEATURES, readFixture } from "./controller-harness.ts";
import { DATA, PARTITION, formatStandalone } from "./node-harness.ts";
import { withoutTimes } from "../raft/without-times.ts";

const VOTERS_FILE = "00000000000000000000-0000000000.checkpoint";

describe("the first files", () => {
  test("have the bytes of Kafka's format, but for times", () => {
    const world = fakeWorld();
    formatStandalone(world);
    const bootstrap = world.disk.readWhole(`${DATA}/bootstrap.checkpoint`);
    const ofKafka = readFixture("kafka-dynamic", "bootstrap.checkpoint");
    expect(withoutTimes(bootstrap)).toEqual(withoutTimes(ofKafka));
    const voters = world.disk.readWhole(`${PARTITION}/${VOTERS_FILE}`);
    const votersOfKafka = readFixture("kafka-dynamic", "__cluster_metadata-0", VOTERS_FILE);
    // The header's own time lies within its record.
    expect(voters.length).toBe(votersOfKafka.length);
    expect(withoutTimes(voters).subarray(82)).toEqual(withoutTimes(votersOfKafka).subarray(82));
  });

  test("are on the disk when they are written", () => {
    const world = fakeWorld();
    formatStandalone(world);
    const later = afterPowerLoss(world, "none");
    expect(later.disk.list(DATA).sort()).toEqual(["__cluster_metadata-0", "bootstrap.checkpoint"]);
    expect(later.disk.list(PARTITION)).toEqual([VOTERS_FILE]);
  });

  test("of a directory without the metadata log are the records alone", () => {
    const world = fakeWorld();
    world.disk.makeDirectory("/other");
    const records = defaultBootstrapRecords(ALL_FEATURES);
    world.clock.await(writeBootstrapRecords(world, "/other", records));
    expect(world.disk.list("/other")).toEqual(["bootstrap.checkpoint"]);
    expect(readBootstrapRecords(world.disk, "/other", ALL_FEATURES).length).toBe(6);
  });
});
