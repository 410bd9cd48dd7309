import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { groupRecordCodec } from "../../../src/coordinator/group/group-records.ts";
import { readRecords } from "../../../src/protocol/record.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";
import { ShareGroupDriver } from "./share-groups-driver.ts";

/** `__consumer_offsets-0` of Apache Kafka 4.3.1 after test/api/scenarios/share-groups.ts. */
const KAFKA_LOG = readFileSync(join(import.meta.dir, "kafka-4.3.1-share-groups.log"));

test("every record of a share group is read, and written again byte for byte", () => {
  const seen = new Map<string, number>();
  const records = FakeCoordinatorLog.of(KAFKA_LOG).batches.flatMap((batch) =>
    readRecords(batch, 0),
  );
  for (const { key, value } of records) {
    const record = groupRecordCodec.decode(key!, value);
    if (typeof record === "string" || !record.type.startsWith("share")) continue;
    expect(groupRecordCodec.encode(record)).toEqual({ key: key!, value });
    const kind = `${record.type}${value === null ? " tombstone" : ""}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  }
  expect([...seen.keys()].sort()).toEqual([
    "shareCurrent",
    "shareCurrent tombstone",
    "shareGroup",
    "shareMember",
    "shareMember tombstone",
    "shareState",
    "shareTarget",
    "shareTargetMember",
    "shareTargetMember tombstone",
  ]);
});

test("the groups of a Kafka go on here as they were", () => {
  const driver = new ShareGroupDriver({ log: FakeCoordinatorLog.of(KAFKA_LOG) }).start();
  expect(driver.list([], ["share"])).toContain("g");
  // As Kafka described it when all of its members had left.
  expect(driver.described()).toMatchObject({ groupState: "Empty", members: [] });
  const own = driver.described("own");
  expect(own).toMatchObject({ groupState: "Stable", groupEpoch: 2, assignmentEpoch: 2 });
  expect(own.members).toMatchObject([{ memberId: "m", memberEpoch: 2, clientId: "scenario" }]);
  expect(driver.beat("m", 2, null, "own").errorCode).toBe(0);
  driver.clock.advance(45_001);
  expect(driver.described("own").groupState).toBe("Empty");
});
