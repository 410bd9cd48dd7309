/** DescribeQuorum (KIP-595, KIP-836): how far each voter and observer has read. */
import { ZERO_UUID } from "../base/uuid.ts";
import type { Clock } from "../base/world.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { describeQuorum } from "../protocol/messages/55-describe-quorum.ts";
import type { Input, Value } from "../protocol/schema.ts";
import type { FetchSource } from "./fetch-requests.ts";
import type { Quorum } from "./quorum.ts";
import type { RaftLog } from "./raft-log.ts";

type DescribeQuorumRequest = Value<typeof describeQuorum.request>;
type DescribeQuorumResponse = Input<typeof describeQuorum.response>;

const UNKNOWN_PARTITION = "This server does not host this topic-partition.";

export function answerDescribeQuorum(
  { clock, quorum, log }: FetchSource,
  request: DescribeQuorumRequest,
): DescribeQuorumResponse {
  const none = { errorCode: ErrorCode.NONE, errorMessage: null };
  if (!isAboutMetadata(request)) {
    const unknown = {
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      errorMessage: UNKNOWN_PARTITION,
      leaderId: 0,
      leaderEpoch: 0,
      highWatermark: 0,
      currentVoters: [],
      observers: [],
    };
    const topics = request.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...unknown })),
    }));
    return { ...none, topics, nodes: [] };
  }
  const partition = {
    partitionIndex: 0,
    ...none,
    leaderId: quorum.leaderId,
    leaderEpoch: quorum.epoch,
    highWatermark: log.highWatermark,
    currentVoters: voterStates(clock, quorum, log),
    observers: observerStates(quorum),
  };
  const nodes = [...quorum.voters.values()].map(({ id, endpoints }) => ({
    nodeId: id,
    listeners: endpoints.map(({ name, host, port }) => ({ name, host, port })),
  }));
  return {
    ...none,
    topics: [{ topicName: CLUSTER_METADATA_TOPIC, partitions: [partition] }],
    nodes,
  };
}

function isAboutMetadata({ topics }: DescribeQuorumRequest): boolean {
  const [topic, ...others] = topics;
  if (topic === undefined || others.length > 0 || topic.partitions.length !== 1) return false;
  return topic.topicName === CLUSTER_METADATA_TOPIC && topic.partitions[0]?.partitionIndex === 0;
}

/** The leader has always just read its own log. */
function voterStates(clock: Clock, quorum: Quorum, raftLog: RaftLog) {
  const nowMs = clock.wallMs();
  return [...quorum.voters.values()].map(({ id, directoryId }) => {
    const isLeader = id === quorum.leaderId;
    return {
      replicaId: id,
      replicaDirectoryId: quorum.kraftVersion >= 1 ? directoryId : ZERO_UUID,
      logEndOffset: isLeader ? raftLog.endOffset : -1,
      lastFetchTimestamp: isLeader ? nowMs : -1,
      lastCaughtUpTimestamp: isLeader ? nowMs : -1,
    };
  });
}

function observerStates(quorum: Quorum) {
  return quorum.observers().map((observer) => ({
    replicaId: observer.id,
    replicaDirectoryId: observer.directoryId,
    logEndOffset: observer.endOffset,
    lastFetchTimestamp: observer.lastFetchMs,
    lastCaughtUpTimestamp: observer.lastCaughtUpMs,
  }));
}
