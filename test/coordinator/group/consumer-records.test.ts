/**
 * The bytes of consumer groups in `__consumer_offsets`, beside those that the classes of Apache
 * Kafka 4.3.1 made (GroupCoordinatorRecordHelpers, GroupCoordinatorRecordSerde, Utils).
 */
import { describe, expect, test } from "bun:test";
import {
  type ConsumerMember,
  MemberState,
  newConsumerMember,
} from "../../../src/coordinator/group/consumer-member.ts";
import * as records from "../../../src/coordinator/group/consumer-records.ts";
import { groupRecordCodec } from "../../../src/coordinator/group/group-records.ts";
import { TopicHashes } from "../../../src/coordinator/group/metadata-hash.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { ANY_TOPIC } from "./group-driver.ts";

const TOPIC_ID = "sjMfbGSpROqNxp6T93Acyw";
const TIME = 1_767_225_600_000;

const member: ConsumerMember = {
  ...newConsumerMember("m1"),
  memberEpoch: 5,
  previousMemberEpoch: 4,
  instanceId: "i",
  rackId: "r",
  rebalanceTimeoutMs: 30_000,
  clientId: "c",
  clientHost: "/1.2.3.4",
  subscribedTopicNames: ["a", "b"],
  subscribedTopicRegex: "x.*",
  serverAssignor: "range",
  state: MemberState.UNREVOKED_PARTITIONS,
  assignedPartitions: new Map([
    [
      TOPIC_ID,
      new Map([
        [0, 3],
        [2, 5],
      ]),
    ],
  ]),
  partitionsPendingRevocation: new Map([[TOPIC_ID, new Map([[1, 2]])]]),
};
const classic: ConsumerMember = {
  ...newConsumerMember("m2"),
  clientId: "c",
  clientHost: "/1.2.3.4",
  subscribedTopicNames: ["a"],
  classicMemberMetadata: {
    sessionTimeoutMs: 10_000,
    supportedProtocols: [{ name: "range", metadata: Buffer.from([0, 3, 1]) }],
  },
};
const [noCurrent, noTargetMember, noMember] = records.memberTombstones("g", "m1");
const topics = new Map([[TOPIC_ID, [0, 1, 2]]]);
const resolved = { topics: ["xa", "xb"], version: 12, timestampMs: TIME };

const CASES: [string, records.ConsumerRecord, key: string, value: string | null][] = [
  [
    "a member",
    records.memberRecord("g", member),
    "000500016700026d31",
    "0000026902720263092f312e322e332e34030261026204782e2a000075300672616e676501000100",
  ],
  [
    "a member of the classic protocol",
    records.memberRecord("g", classic),
    "000500016700026d32",
    "000000000263092f312e322e332e3402026101ffffffff000100120100002710020672616e6765040003010000",
  ],
  [
    "what a member has",
    records.currentRecord("g", member),
    "000800016700026d31",
    "000000000005000000040102b2331f6c64a944ea8dc69e93f7701ccb030000000000000002010009030000000300" +
      "00000502b2331f6c64a944ea8dc69e93f7701ccb0200000001010005020000000200",
  ],
  [
    "an epoch",
    records.groupRecord("g", 7, -5404875124778852427n),
    "0003000167",
    "000000000007010008b4fe06b5d4361fb5",
  ],
  [
    "an assignment's epoch",
    records.targetRecord("g", 7, TIME),
    "0006000167",
    "0000000000070100080000019b76daa800",
  ],
  [
    "a target",
    records.targetMemberRecord("g", "m1", topics),
    "000700016700026d31",
    "000002b2331f6c64a944ea8dc69e93f7701ccb040000000000000001000000020000",
  ],
  [
    "a pattern's topics",
    records.regexRecord("g", "x.*", resolved),
    "00100001670003782e2a",
    "000003037861037862000000000000000c0000019b76daa80000",
  ],
  ["no pattern", records.regexTombstone("g", "x.*"), "00100001670003782e2a", null],
  ["no old metadata", records.partitionMetadataTombstone("g"), "0004000167", null],
  ["no member", noMember!, "000500016700026d31", null],
  ["nothing that a member has", noCurrent!, "000800016700026d31", null],
  ["no target", noTargetMember!, "000700016700026d31", null],
  ["no assignment", { type: "consumerTarget", group: "g", value: null }, "0006000167", null],
  ["no group", { type: "consumerGroup", group: "g", value: null }, "0003000167", null],
];

describe("a record of a consumer group", () => {
  test.each(CASES)("that says %s has Kafka's bytes", (_what, record, key, value) => {
    const encoded = groupRecordCodec.encode(record);
    expect(encoded.key.toString("hex")).toBe(key);
    expect(encoded.value?.toString("hex") ?? null).toBe(value);
    expect(groupRecordCodec.decode(encoded.key, encoded.value)).toEqual(record);
  });

  test("of releases before 4.3 has no epochs of partitions: the member's own is taken", () => {
    const key = Buffer.from("000800016700026d31", "hex");
    const value = "0000000000050000000400" + "02b2331f6c64a944ea8dc69e93f7701ccb0200000001000100";
    expect(groupRecordCodec.decode(key, Buffer.from(value, "hex"))).toMatchObject({
      value: { assignedPartitions: new Map([[TOPIC_ID, new Map([[1, 5]])]]) },
    });
  });

  test("of a state that a later release knows stands for a member that must join again", () => {
    const key = Buffer.from("000800016700026d31", "hex");
    const value = Buffer.from("00000000000500000004070101" + "00", "hex");
    expect(groupRecordCodec.decode(key, value)).toMatchObject({
      value: { state: MemberState.UNKNOWN },
    });
  });

  test("that is cut short is an error", () => {
    for (const [, record] of CASES) {
      const { key, value } = groupRecordCodec.encode(record);
      if (value === null) continue;
      for (let size = 0; size < value.length - 1; size++) {
        expect(() => groupRecordCodec.decode(key, value.subarray(0, size))).toThrow(ProtocolError);
      }
    }
  });
});

describe("the hash of what a group reads", () => {
  const racks = [["rack-b", "räck-a"], [], ["rack-b", "räck-a"]];
  const directory = {
    ...ANY_TOPIC,
    idOf: (name: string) => (name === "absent" ? null : TOPIC_ID),
    partitionCountOf: () => 3,
    racksOf: (_name: string, partition: number) => racks[partition] ?? [],
  };

  test("is Kafka's, and topics that do not exist are not in it", () => {
    const hashes = new TopicHashes(directory);
    expect(hashes.ofGroup(["tépic"])).toBe(-4624686358227301463n);
    expect(hashes.ofGroup(["absent", "tépic"])).toBe(-4624686358227301463n);
    expect(hashes.ofGroup([])).toBe(0n);
    expect(hashes.ofGroup(["absent"])).toBe(0n);
  });

  test("does not hang on the order of the names, and is remembered until a topic changes", () => {
    const hashes = new TopicHashes(directory);
    const both = hashes.ofGroup(["a", "b"]);
    expect(hashes.ofGroup(["b", "a"])).toBe(both);
    racks[1] = ["another"];
    expect(hashes.ofGroup(["a", "b"])).toBe(both);
    hashes.forget("a");
    expect(hashes.ofGroup(["a", "b"])).not.toBe(both);
    racks[1] = [];
  });
});
