/** The bytes of streams groups in `__consumer_offsets`, beside those of Apache Kafka 4.3.1. */
import { describe, expect, test } from "bun:test";
import { groupRecordCodec } from "../../../src/coordinator/group/group-records.ts";
import {
  newStreamsMember,
  NO_OWN_TASKS,
  type StreamsMember,
  StreamsMemberState,
} from "../../../src/coordinator/group/streams-member.ts";
import {
  streamsCurrentRecord,
  streamsGroupRecord,
  streamsMemberRecord,
  streamsTargetMemberRecord,
  streamsTargetRecord,
  streamsTopologyRecord,
  type StreamsRecord,
} from "../../../src/coordinator/group/streams-records.ts";
import type { TopologyValue } from "../../../src/coordinator/group/streams-topology.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { internalTopic, subtopology } from "../../api/scenarios/streams-kit.ts";

const TIME = 1_767_225_600_000;

const member: StreamsMember = {
  ...newStreamsMember("m"),
  memberEpoch: 3,
  previousMemberEpoch: 2,
  state: StreamsMemberState.UNREVOKED_TASKS,
  rackId: "r",
  processId: "p",
  topologyEpoch: 1,
  clientId: "c",
  clientHost: "/h",
  rebalanceTimeoutMs: 30_000,
  userEndpoint: { host: "h", port: 65_535 },
  clientTags: new Map([
    ["a", "1"],
    ["b", "2"],
  ]),
  assignedTasks: {
    ...NO_OWN_TASKS,
    active: new Map([
      ["0", new Map([[1, 3]])],
      [
        "1",
        new Map([
          [0, 2],
          [4, 3],
        ]),
      ],
    ]),
    standby: new Map([["1", new Map([[7, 0]])]]),
  },
  tasksPendingRevocation: { ...NO_OWN_TASKS, active: new Map([["0", new Map([[2, 1]])]]) },
};
const TARGET = {
  active: new Map([["0", [0, 1]]]),
  standby: new Map([["1", [2]]]),
  warmup: new Map(),
};
const TOPOLOGY = {
  epoch: 1,
  subtopologies: [
    subtopology("0", {
      sourceTopics: ["t"],
      repartitionSinkTopics: ["s"],
      repartitionSourceTopics: [internalTopic("r", { partitions: 2 })],
      stateChangelogTopics: [
        internalTopic("c", { replicationFactor: 3, topicConfigs: [{ key: "k", value: "v" }] }),
      ],
      copartitionGroups: [
        { sourceTopics: [0], sourceTopicRegex: [], repartitionSourceTopics: [0] },
      ],
    }),
  ],
} as TopologyValue;
const group = {
  epoch: 2,
  metadataHash: 5n,
  validatedTopologyEpoch: 0,
  assignmentConfigs: new Map([["num.standby.replicas", "1"]]),
};

/** As Kafka's classes wrote them. */
const CASES: [string, StreamsRecord, key: string, value: string][] = [
  [
    "a group",
    streamsGroupRecord("g", group),
    "0011000167",
    "000000000002000000000000000502000400000000011902156e756d2e7374616e6462792e7265706c69636173023100",
  ],
  [
    "a group whose topology is not validated",
    streamsGroupRecord("g", { ...group, validatedTopologyEpoch: -1 }),
    "0011000167",
    "000000000002000000000000000501011902156e756d2e7374616e6462792e7265706c69636173023100",
  ],
  [
    "a member",
    streamsMemberRecord("g", member),
    "001300016700016d",
    "00000002720263032f6800007530000000010270010268ffff00030261023100026202320000",
  ],
  [
    "a member that said nothing",
    streamsMemberRecord("g", newStreamsMember("n")),
    "001300016700016e",
    "000000000101ffffffffffffffff01ff0100",
  ],
  [
    "what a member has",
    streamsCurrentRecord("g", member),
    "001600016700016d",
    "00000000000300000002020302300200000001010005020000000302310300000000000000040100090300000002" +
      "000000030202310200000007000102023002000000020100050200000001010100",
  ],
  [
    "a target assignment",
    streamsTargetRecord("g", 4, TIME),
    "0014000167",
    "0000000000040100080000019b76daa800",
  ],
  [
    "what a member shall have",
    streamsTargetMemberRecord("g", "m", TARGET),
    "001500016700016d",
    "0000020230030000000000000001000202310200000002000100",
  ],
  [
    "a topology",
    streamsTopologyRecord("g", TOPOLOGY),
    "0017000167",
    "0000000000010202300202740102026300000000000302026b0276000002027302027200000002000001000202000001" +
      "020000000000",
  ],
];

function again(record: StreamsRecord): unknown {
  const { key, value } = groupRecordCodec.encode(record);
  return groupRecordCodec.decode(key, value);
}

describe("records of a streams group", () => {
  for (const [name, record, key, value] of CASES) {
    test(`of ${name} have Kafka's bytes, and are read as they were written`, () => {
      const encoded = groupRecordCodec.encode(record);
      expect(encoded.key.toString("hex")).toBe(key);
      expect(encoded.value?.toString("hex")).toBe(value);
      expect(again(record)).toEqual(record);
      const tombstone = { ...record, value: null } as StreamsRecord;
      expect(groupRecordCodec.encode(tombstone).value).toBeNull();
      expect(again(tombstone)).toEqual(tombstone);
    });
  }

  test("of releases without epochs of tasks have the member's", () => {
    const { key } = groupRecordCodec.encode(streamsCurrentRecord("g", member));
    const old = Buffer.from(
      "0000" + "0000000900000008" + "01" + "020230020000000100" + "01010101" + "0100",
      "hex",
    );
    expect(groupRecordCodec.decode(key, old)).toMatchObject({
      value: { memberEpoch: 9, assignedTasks: { active: new Map([["0", new Map([[1, 9]])]]) } },
    });
  });

  test("that are cut short, or name what cannot be, are an error", () => {
    const { key, value } = groupRecordCodec.encode(streamsCurrentRecord("g", member));
    for (let size = 0; size < value!.length; size++) {
      expect(() => groupRecordCodec.decode(key, value!.subarray(0, size))).toThrow(ProtocolError);
    }
    const negative = Buffer.from(
      "0000" + "0000000900000008" + "01" + "02023002ffffffff00" + "01010101" + "0100",
      "hex",
    );
    expect(() => groupRecordCodec.decode(key, negative)).toThrow(ProtocolError);
  });
});
