/** AlterPartition: the leader of a partition says who is in sync. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { alterPartition as api } from "../../protocol/messages/56-alter-partition.ts";
import type { Value } from "../../protocol/schema.ts";
import {
  LeaderRecoveryState,
  NO_LEADER_CHANGE,
  type PartitionRegistration,
} from "../partition-registration.ts";
import type { NewRecord } from "../record.ts";
import type { PartitionOfTopic } from "../topics-image.ts";
import { reasonAgainstEpoch } from "./broker-heartbeat.ts";
import { type Command, type ControllerState, divisible, unchanged } from "./command.ts";
import { allowedElection, changePartition } from "./partition-change.ts";

export type AlterPartitionRequest = Value<typeof api.request>;
export type AlterPartitionResponse = Value<typeof api.response>;
type PartitionData = AlterPartitionRequest["topics"][number]["partitions"][number];
type PartitionResult = AlterPartitionResponse["topics"][number]["partitions"][number];

/** Any epoch will do: a leader before version 3 does not know it. */
const ANY_EPOCH = -1;

export function alterPartition(
  request: AlterPartitionRequest,
  version: number,
): Command<AlterPartitionResponse> {
  return (state) => {
    const refused = reasonAgainstEpoch(state, request.brokerId, request.brokerEpoch);
    if (refused !== null) {
      return unchanged({ throttleTimeMs: 0, errorCode: refused.errorCode, topics: [] });
    }
    const records: NewRecord[] = [];
    const topics = request.topics.map(({ topicId, partitions }) => {
      const topic = state.image.topics.byId(topicId);
      const results = partitions.map((data): PartitionResult => {
        const partitionId = data.partitionIndex;
        if (topic === null) return failed(partitionId, ErrorCode.UNKNOWN_TOPIC_ID);
        const registration = topic.partitions[partitionId];
        if (registration === undefined) {
          return failed(partitionId, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        }
        const partition = { topic, partitionId, registration };
        const isr = wantedIsr(data, version);
        const errorCode = reasonAgainstIsr(state, request.brokerId, registration, data, isr);
        if (errorCode !== ErrorCode.NONE) return failed(partitionId, errorCode);
        return alter(state, request.brokerId, partition, data, isr, records);
      });
      return { topicId, partitions: results };
    });
    return divisible(records, { throttleTimeMs: 0, errorCode: ErrorCode.NONE, topics });
  };
}

interface Member {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

function wantedIsr(data: PartitionData, version: number): readonly Member[] {
  if (version >= 3) return data.newIsrWithEpochs;
  return data.newIsr.map((brokerId) => ({ brokerId, brokerEpoch: ANY_EPOCH }));
}

function alter(
  state: ControllerState,
  brokerId: number,
  partition: PartitionOfTopic,
  data: PartitionData,
  isr: readonly Member[],
  records: NewRecord[],
): PartitionResult {
  const record = changePartition(state, partition, {
    isr: isr.map((member) => member.brokerId),
    leaderRecoveryState: data.leaderRecoveryState,
    election: allowedElection(state, partition.topic.name),
  });
  if (record !== null) records.push(record);
  const change = record?.value;
  const leader = change?.leader ?? NO_LEADER_CHANGE;
  if (leader !== NO_LEADER_CHANGE && leader !== brokerId) {
    return failed(data.partitionIndex, ErrorCode.NEW_LEADER_ELECTED);
  }
  const old = partition.registration;
  return {
    partitionIndex: data.partitionIndex,
    errorCode: ErrorCode.NONE,
    leaderId: old.leader,
    leaderEpoch: old.leaderEpoch + (leader === NO_LEADER_CHANGE ? 0 : 1),
    isr: [...(change?.isr ?? old.isr)],
    leaderRecoveryState: change?.leaderRecoveryState ?? old.leaderRecoveryState,
    partitionEpoch: old.partitionEpoch + (record === null ? 0 : 1),
  };
}

function reasonAgainstIsr(
  state: ControllerState,
  brokerId: number,
  registration: PartitionRegistration,
  data: PartitionData,
  isr: readonly Member[],
): ErrorCode {
  const { leader, leaderEpoch, partitionEpoch, leaderRecoveryState, replicas } = registration;
  // The leader knows more than this controller: it is not the active one any more.
  if (data.leaderEpoch > leaderEpoch) return ErrorCode.NOT_CONTROLLER;
  if (data.partitionEpoch > partitionEpoch) return ErrorCode.NOT_CONTROLLER;
  if (data.leaderEpoch < leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (brokerId !== leader) return ErrorCode.INVALID_REQUEST;
  if (data.partitionEpoch < partitionEpoch) return ErrorCode.INVALID_UPDATE_VERSION;
  const ids = isr.map((member) => member.brokerId);
  const isSubset = ids.every((id) => replicas.includes(id)) && new Set(ids).size === ids.length;
  if (!isSubset || !ids.includes(leader)) return ErrorCode.INVALID_REQUEST;
  const { RECOVERING, RECOVERED } = LeaderRecoveryState;
  const isRecovering = data.leaderRecoveryState === RECOVERING;
  if (isRecovering && (ids.length > 1 || leaderRecoveryState === RECOVERED)) {
    return ErrorCode.INVALID_REQUEST;
  }
  const areEligible = isr.every((member) => isEligible(state, member));
  return areEligible ? ErrorCode.NONE : ErrorCode.INELIGIBLE_REPLICA;
}

function isEligible(state: ControllerState, { brokerId, brokerEpoch }: Member): boolean {
  const { cluster } = state.image;
  if (!cluster.isActive(brokerId)) return false;
  return brokerEpoch === ANY_EPOCH || cluster.broker(brokerId)?.epoch === brokerEpoch;
}

function failed(partitionIndex: number, errorCode: ErrorCode): PartitionResult {
  return {
    partitionIndex,
    errorCode,
    leaderId: 0,
    leaderEpoch: 0,
    isr: [],
    leaderRecoveryState: LeaderRecoveryState.RECOVERED,
    partitionEpoch: 0,
  };
}
