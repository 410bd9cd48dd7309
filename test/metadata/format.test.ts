import { describe, expect, test } from "bun:test";
import { defaultBootstrapRecords } from "../../src/metadata/activation.ts";
import { readBootstrapRecords } from "../../src/metadata/bootstrap-file.ts";
import { formatMetadata } from "../../src/metadata/format.ts";
import { voterSet } from "../../src/raft/voter-set.ts";
import { afterPowerLoss, fakeWorld } from "../sim/fake-world.ts";
import { ALL_FEATURES, readFixture } from "./controller-harness.ts";
import { DATA, LOCAL, PARTITION, VOTER, formatStandalone } from "./node-harness.ts";

const VOTERS_FILE = "00000000000000000000-0000000000.checkpoint";

describe("formatMetadata", () => {
  test("writes the bytes of Kafka's format, but for times", () => {
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

  test("is on the disk when it has ended", () => {
    const world = fakeWorld();
    formatStandalone(world);
    const later = afterPowerLoss(world, "none");
    expect(later.disk.list(DATA).sort()).toEqual(["__cluster_metadata-0", "bootstrap.checkpoint"]);
    expect(later.disk.list(PARTITION)).toEqual([VOTERS_FILE]);
  });

  test("names voters in the metadata directory alone", () => {
    const world = fakeWorld();
    world.disk.makeDirectory("/other");
    const records = defaultBootstrapRecords(ALL_FEATURES);
    world.clock.await(formatMetadata(world, "/other", records, null));
    expect(world.disk.list("/other")).toEqual(["bootstrap.checkpoint"]);
    expect(readBootstrapRecords(world.disk, "/other", ALL_FEATURES).length).toBe(6);
    expect(voterSet([VOTER]).get(1)?.directoryId).toBe(LOCAL.directoryId);
  });
});

/** With the base and max timestamps and the checksums of all batches cleared. */
function withoutTimes(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = 0; at < copy.length; at += 12 + copy.readInt32BE(at + 8)) {
    copy.fill(0, at + 17, at + 21);
    copy.fill(0, at + 27, at + 43);
  }
  return copy;
}
