/**
 * Faults of replication that were made before, by Kafka and by others, each as what has to change
 * in the source to make it once more. Those that need more luck than a few thousand seeds have
 * (KIP-320: joining with records of an earlier leader missing) are in leader-state.test.ts.
 */
import type { SourceFault } from "../../source-faults.ts";

const FOLLOWER = "src/partition/follower-state.ts";
const LEADER = "src/partition/leader-state.ts";
const ISR = "src/partition/isr-state.ts";
const PARTITION = "src/partition/partition.ts";
const TRUNCATE = "src/log/log-truncate.ts";

export interface KnownFault extends SourceFault {
  /** Where to begin to look: it is found soon behind it, unless the model has changed since. */
  readonly firstSeed: number;
}

export const FAULTS: readonly KnownFault[] = [
  {
    name: "KIP-101: a follower goes back to its high watermark",
    firstSeed: 1,
    edits: [
      {
        file: FOLLOWER,
        find: "if (log.latestEpoch !== UNDEFINED) return null;",
        replace: "",
      },
      {
        file: FOLLOWER,
        find: "lastFetchedEpoch: log.latestEpoch",
        replace: "lastFetchedEpoch: -1",
      },
    ],
  },
  {
    name: "KIP-101: a follower keeps what its leader has not",
    firstSeed: 9,
    edits: [
      {
        file: FOLLOWER,
        find: "lastFetchedEpoch: log.latestEpoch",
        replace: "lastFetchedEpoch: -1",
      },
    ],
  },
  {
    name: "KIP-497: who may be in sync by now does not count",
    firstSeed: 205,
    edits: [{ file: ISR, find: "maximal: [...isr, added]", replace: "maximal: isr" }],
  },
  {
    name: "KIP-497: who shall leave does not count any more",
    firstSeed: 31,
    edits: [
      {
        file: ISR,
        find: "return { isr, maximal: isr, proposal };\n}\n",
        replace:
          "return { isr, maximal: proposal.isr.map((each) => each.brokerId), proposal };\n}\n",
      },
    ],
  },
  {
    name: "KIP-903: an incarnation that is gone joins in place of the one that came after it",
    firstSeed: 1216,
    edits: [
      {
        file: LEADER,
        find: "return cluster.broker(brokerId)?.epoch === brokerEpoch;",
        replace: "return true;",
      },
      { file: PARTITION, find: "broker.epoch > brokerEpoch;", replace: "false;" },
      {
        file: "test/partition/replication-model/fake-controller.ts",
        find: "brokerEpoch === this.brokerEpoch(brokerId)",
        replace: "true",
      },
    ],
  },
  {
    name: "KAFKA-13091: a change that may have been made counts as refused",
    firstSeed: 3556,
    edits: [
      {
        file: LEADER,
        find: "      case ErrorCode.INELIGIBLE_REPLICA:\n",
        replace:
          "      case ErrorCode.INELIGIBLE_REPLICA:\n      case ErrorCode.INVALID_UPDATE_VERSION:\n",
      },
      {
        file: LEADER,
        find: "      case ErrorCode.FENCED_LEADER_EPOCH:\n      case ErrorCode.INVALID_UPDATE_VERSION:\n",
        replace: "      case ErrorCode.FENCED_LEADER_EPOCH:\n",
      },
    ],
  },
  {
    name: "KIP-966: records are committed with fewer in sync than asked for",
    firstSeed: 42,
    edits: [
      {
        file: PARTITION,
        find: "if (this.isUnderMinIsr) end = NOTHING;\n      else end",
        replace: "end",
      },
    ],
  },
  {
    name: "a new leader takes all that it has for committed",
    firstSeed: 1,
    edits: [
      {
        file: LEADER,
        find: "if (follower.logEndOffset >= end) continue;",
        replace: "if (follower.logEndOffset >= end || follower.logEndOffset === -1) continue;",
      },
    ],
  },
  {
    name: "KAFKA-7128: a leadership without records leaves no trace",
    firstSeed: 26,
    edits: [
      { file: PARTITION, find: "log.assignEpochStart(leaderEpoch, logEndOffset);", replace: "" },
    ],
  },
  {
    name: "the producers of what was cut off are kept",
    firstSeed: 11,
    edits: [
      {
        file: TRUNCATE,
        find: "  state.producers.reload(state.logStartOffset, offset);\n",
        replace: "",
      },
    ],
  },
];
