/**
 * The bytes in `__consumer_offsets`: ours beside those that the classes of Apache Kafka 4.3.1 made
 * (GroupCoordinatorRecordHelpers and GroupCoordinatorRecordSerde), and a log that its broker wrote.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ZERO_UUID } from "../../../src/base/uuid.ts";
import {
  groupMetadataRecord,
  newGroupRecord,
} from "../../../src/coordinator/group/group-metadata.ts";
import {
  groupRecordCodec,
  type GroupRecord,
} from "../../../src/coordinator/group/group-records.ts";
import { offsetTombstone } from "../../../src/coordinator/group/offset-requests.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { buildEndTransactionMarker } from "../../../src/protocol/control-record.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { readRecords } from "../../../src/protocol/record.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";
import { GroupDriver, plan, subscription } from "./group-driver.ts";

const SINCE = 1_767_225_600_000;
const GROUP_KEY = "0002000567726f7570";
const OFFSET_KEY = "0001000567726f75700005746f70696300000007";

const member = {
  memberId: "member-1",
  groupInstanceId: "instance",
  clientId: "client",
  clientHost: "/10.0.0.1",
  rebalanceTimeout: 60_000,
  sessionTimeout: 10_000,
  subscription: Buffer.from([0, 1, 2]),
  assignment: Buffer.from([9, 8]),
};
const other = {
  ...member,
  memberId: "member-2",
  groupInstanceId: null,
  assignment: Buffer.alloc(0),
};
const generation = {
  generationId: 1,
  protocolType: "consumer",
  protocolName: "range",
  leaderId: "member-1",
  stateSinceMs: SINCE,
};
const offset = {
  offset: 123_456_789_012,
  leaderEpoch: 5,
  metadata: "metadata",
  commitTimestamp: SINCE,
  expireTimestamp: -1,
  topicId: "AQIDBAUGBwgJCgsMDQ4PEA",
};
const commit = { type: "offsetCommit", group: "group", topic: "topic", partition: 7 } as const;

/** Name, record, and what Kafka makes of it. */
const RECORDS: [string, GroupRecord, string, string | null][] = [
  [
    "a group that nobody has joined yet",
    newGroupRecord("group", SINCE),
    GROUP_KEY,
    "0003000000000000ffffffff0000019b76daa80000000000",
  ],
  [
    "a generation with two members",
    groupMetadataRecord("group", generation, [member, other]),
    GROUP_KEY,
    "00030008636f6e73756d657200000001000572616e676500086d656d6265722d310000019b76daa8000000000200" +
      "086d656d6265722d310008696e7374616e63650006636c69656e7400092f31302e302e302e310000ea6000002710" +
      "00000003000102000000020908" +
      "00086d656d6265722d32ffff0006636c69656e7400092f31302e302e302e310000ea600000271000000003000102" +
      "00000000",
  ],
  [
    "a group whose members have left",
    groupMetadataRecord(
      "group",
      { ...generation, generationId: 2, protocolName: null, leaderId: null },
      [],
    ),
    GROUP_KEY,
    "00030008636f6e73756d657200000002ffffffff0000019b76daa80000000000",
  ],
  ["the end of a group", { type: "groupMetadata", group: "group", value: null }, GROUP_KEY, null],
  [
    "an offset",
    { ...commit, value: offset },
    OFFSET_KEY,
    "00040000001cbe991a1400000005096d657461646174610000019b76daa80001001001020304050607" +
      "08090a0b0c0d0e0f10",
  ],
  [
    "an offset of a topic without an id",
    {
      ...commit,
      value: { ...offset, offset: 0, leaderEpoch: -1, metadata: "", topicId: ZERO_UUID },
    },
    OFFSET_KEY,
    "00040000000000000000ffffffff010000019b76daa80000",
  ],
  [
    "an offset with an expiry of its own",
    { ...commit, value: { ...offset, offset: 100, expireTimestamp: 1_767_229_200_000 } },
    OFFSET_KEY,
    "0001000000000000006400086d657461646174610000019b76daa8000000019b77119680",
  ],
  ["the end of an offset", offsetTombstone("group", "topic", 7), OFFSET_KEY, null],
];

describe("a record has Kafka's bytes", () => {
  for (const [name, record, key, value] of RECORDS) {
    test(name, () => {
      const encoded = groupRecordCodec.encode(record);
      expect(encoded.key.toString("hex")).toBe(key);
      expect(encoded.value?.toString("hex") ?? null).toBe(value);
      const decoded = groupRecordCodec.decode(encoded.key, encoded.value);
      expect(groupRecordCodec.encode(decoded as GroupRecord)).toEqual(encoded);
    });
  }
});

describe("a record of Kafka's", () => {
  const decode = (key: string, value: string | null): unknown =>
    groupRecordCodec.decode(
      Buffer.from(key, "hex"),
      value === null ? null : Buffer.from(value, "hex"),
    );

  test("of before version 0.9 is an offset without epoch and topic id", () => {
    const key = OFFSET_KEY.replace(/^0001/, "0000");
    expect(decode(key, "0000000000000000000500026d65000000000000000a")).toEqual({
      ...commit,
      value: {
        offset: 5,
        leaderEpoch: -1,
        metadata: "me",
        commitTimestamp: 10,
        expireTimestamp: -1,
        topicId: ZERO_UUID,
      },
    });
    expect(decode(key, null)).toEqual({ ...commit, value: null });
  });

  test("of a type of a later release is unknown", () => {
    expect(decode("0018000567726f7570", "0000")).toBe("unknown");
    expect(decode("ffff000567726f7570", null)).toBe("unknown");
  });

  test("of a version of a later release, or cut short, is an error", () => {
    expect(() => decode(GROUP_KEY, "0005")).toThrow(ProtocolError);
    expect(() => decode(OFFSET_KEY, "0005")).toThrow(ProtocolError);
    expect(() => decode(OFFSET_KEY, "000400000000")).toThrow(ProtocolError);
    expect(() => decode("00", null)).toThrow(ProtocolError);
    expect(() => decode("000100", null)).toThrow(ProtocolError);
  });
});

describe("what requests write", () => {
  const kinds = (driver: GroupDriver): string[] =>
    driver.log.batches.flatMap((batch) =>
      readRecords(batch, 0).map(({ key, value }) => {
        const version = value === null ? "none" : value.readInt16BE(0);
        return `${key!.readInt16BE(0)}:${version}`;
      }),
    );

  test("is one record for a new group, one for a generation, one when it is empty", () => {
    const driver = new GroupDriver().start();
    driver.join({ memberId: "unknown" });
    expect(kinds(driver)).toEqual([]);
    const { memberId } = driver.join().value;
    expect(kinds(driver)).toEqual(["2:3"]);
    driver.join({ memberId });
    driver.clock.advance(3_000);
    expect(kinds(driver)).toEqual(["2:3"]);
    driver.sync({ memberId, assignments: plan([memberId]) });
    driver.heartbeat(memberId);
    expect(kinds(driver)).toEqual(["2:3", "2:3"]);
    driver.leave([{ memberId }]);
    expect(kinds(driver)).toEqual(["2:3", "2:3", "2:3"]);
    driver.delete("g");
    expect(kinds(driver).at(-1)).toBe("2:none");
  });

  test("is one record for each offset, of version 1 where the request names a retention", () => {
    const driver = new GroupDriver().start();
    driver.commitNow({ offsets: { t1: { 0: 1, 1: 2 } } });
    driver.commitNow({ apiVersion: 3, retentionTimeMs: 5, offsets: { t1: { 2: 3 } } });
    expect(kinds(driver)).toEqual(["1:4", "1:4", "1:1"]);
    expect(driver.log.batches).toHaveLength(2);
  });
});

describe("a log that Apache Kafka 4.3.1 wrote", () => {
  function kafkaLog(): FakeCoordinatorLog {
    const file = join(import.meta.dir, "kafka-4.3.1-consumer-offsets.log");
    return FakeCoordinatorLog.of(readFileSync(file));
  }

  test("is read with all that its groups have, and nothing is written", () => {
    const log = kafkaLog();
    const before = log.batches.length;
    const lines: string[] = [];
    const driver = new GroupDriver({ log, lines }).start();
    expect(driver.list()).toEqual([
      "classic",
      "left",
      "modern",
      "simple",
      "txn-commit",
      "txn-open",
    ]);
    expect(driver.offsets("simple")).toEqual({ "t1-0": 11, "t2-0": 22 });
    expect(driver.offsets("classic")).toEqual({ "t1-0": 100, "t1-1": 101 });
    expect(driver.offsets("left")).toEqual({ "t2-0": 200 });
    expect(driver.offsets("deleted")).toEqual({});
    expect(driver.describe("left")).toMatchObject({
      groupState: "Empty",
      protocolType: "consumer",
    });
    const classic = driver.describe("classic");
    expect(classic).toMatchObject({ groupState: "Stable", protocolType: "consumer" });
    expect(classic.members).toMatchObject([{ groupInstanceId: "blue", clientId: "app" }]);
    expect(Buffer.from(classic.members[0]!.memberAssignment).toString("latin1")).toContain("t1");
    expect(log.batches.length).toBe(before);
    expect(lines.filter((line) => line.includes("WARN") || line.includes("ERROR"))).toEqual([]);
  });

  test("has offsets of transactions as far as they were committed", () => {
    const driver = new GroupDriver({ log: kafkaLog() }).start();
    expect(driver.offsets("txn-commit")).toEqual({ "t1-0": 401, "t1-1": 500 });
    expect(driver.offsets("txn-abort")).toEqual({});
    expect(driver.offsets("txn-open")).toEqual({});
    const stable = driver.fetch("txn-open", { t1: [0, 2] }, { requireStable: true });
    const { partitions } = stable.value.groups![0]!.topics[0]!;
    expect(partitions.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.UNSTABLE_OFFSET_COMMIT,
      ErrorCode.NONE,
    ]);
  });

  test("has a group of the consumer protocol with its member", () => {
    const driver = new GroupDriver({ log: kafkaLog() }).start();
    expect(driver.list([], ["Consumer"])).toEqual(["modern"]);
    expect(driver.offsets("modern")).toEqual({ "t1-0": 300 });
    expect(driver.join({ groupId: "modern" }).value.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    expect(driver.delete("modern")).toEqual({ modern: ErrorCode.NON_EMPTY_GROUP });
    expect(driver.describe("modern")).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: "Group modern is not a classic group.",
    });
    // Three years later both are gone: the member of the one was not heard of, either.
    driver.clock.jumpWall(3 * 365 * 24 * 3_600_000);
    driver.clock.advance(600_000);
    expect(driver.offsets("simple")).toEqual({});
    expect(driver.offsets("modern")).toEqual({});
    expect(driver.list([], ["consumer"])).toEqual([]);
  });

  test("has a member whose session begins anew, and ends", () => {
    const driver = new GroupDriver({ log: kafkaLog() }).start();
    driver.clock.advance(59_999);
    expect(driver.describe("classic").groupState).toBe("Stable");
    driver.clock.advance(1);
    expect(driver.describe("classic").groupState).toBe("Empty");
  });
});

describe("transactional offsets", () => {
  const record = (partition: number, committed: number) => {
    const value = { ...offset, offset: committed };
    const made = { type: "offsetCommit", group: "g", topic: "t1", partition, value } as const;
    return { timestamp: SINCE, ...groupRecordCodec.encode(made) };
  };
  const transaction = (producerId: number, ...records: ReturnType<typeof record>[]): Buffer =>
    buildBatch({ records, producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true });
  const end = (producerId: number, isCommit: boolean): Buffer =>
    buildEndTransactionMarker({
      isCommit,
      producerId,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: SINCE,
    });
  function read(...batches: Buffer[]): GroupDriver {
    const log = new FakeCoordinatorLog();
    for (const batch of batches) log.write(batch);
    return new GroupDriver({ log }).start();
  }

  test("count from their marker on, and not at all when they were aborted", () => {
    expect(read(transaction(1, record(0, 5))).offsets()).toEqual({});
    expect(read(transaction(1, record(0, 5)), end(1, true)).offsets()).toEqual({ "t1-0": 5 });
    expect(read(transaction(1, record(0, 5)), end(1, false)).offsets()).toEqual({});
    expect(read(end(1, true)).offsets()).toEqual({});
  });

  test("lose against a plain commit that came later, whenever their marker comes", () => {
    const plain = buildBatch({ records: [record(0, 9)] });
    const driver = read(transaction(1, record(0, 5), record(1, 6)), plain, end(1, true));
    expect(driver.offsets()).toEqual({ "t1-0": 9, "t1-1": 6 });
  });

  test("of several producers stand each for itself", () => {
    const driver = read(
      transaction(1, record(0, 5)),
      transaction(2, record(0, 6), record(1, 7)),
      end(1, true),
    );
    expect(driver.offsets()).toEqual({ "t1-0": 5 });
    const stable = driver.fetch("g", { t1: [0, 1] }, { requireStable: true }).value.groups![0]!;
    const unstable = ErrorCode.UNSTABLE_OFFSET_COMMIT;
    expect(stable.topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([
      unstable,
      unstable,
    ]);
  });

  test("are forgotten with their group and by OffsetDelete, also while they are open", () => {
    const driver = read(transaction(1, record(0, 5), record(1, 6)));
    expect(driver.delete("g")).toEqual({ g: 0 });
    driver.log.write(end(1, true));
    expect(driver.restarted().offsets()).toEqual({});
  });

  test("keep their group from expiring while they are open", () => {
    const driver = read(transaction(1, record(0, 5)));
    driver.clock.jumpWall(365 * 24 * 3_600_000);
    driver.clock.advance(600_000);
    expect(driver.list()).toEqual(["g"]);
  });

  test("of an idempotent producer without a transaction count at once", () => {
    const batch = buildBatch({
      records: [record(0, 5)],
      producerId: 1,
      producerEpoch: 0,
      baseSequence: 0,
    });
    expect(read(batch).offsets()).toEqual({ "t1-0": 5 });
  });
});

test("a group of another protocol replaces the simple group that stood in for it", () => {
  const value = { ...offset, offset: 5 };
  const made = { type: "offsetCommit", group: "g", topic: "t1", partition: 0, value } as const;
  const log = new FakeCoordinatorLog();
  const plain = { timestamp: SINCE, ...groupRecordCodec.encode(made) };
  const shareGroup = {
    timestamp: SINCE,
    key: Buffer.from("000b000167", "hex"),
    value: Buffer.from("000000000002000000000000000000", "hex"),
  };
  log.write(buildBatch({ records: [plain, shareGroup] }));
  const driver = new GroupDriver({ log }).start();
  expect(driver.list([], ["classic"])).toEqual([]);
  expect(driver.list([], ["share"])).toEqual(["g"]);
  expect(driver.offsets()).toEqual({ "t1-0": 5 });
  log.write(buildBatch({ records: [{ ...shareGroup, value: null }] }));
  const after = driver.restarted();
  expect(
    after.join({ protocols: [{ name: "range", metadata: subscription([]) }] }).value.errorCode,
  ).toBe(ErrorCode.MEMBER_ID_REQUIRED);
});
