/** DescribeQuorum (KIP-595, KIP-836): how far each voter and observer has read. */
import { ZERO_UUID } from "../base/uuid.ts";
import type { Clock } from "../base/world.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { errorText } from "../protocol/error-text.ts";
import type { describeQuorum } from "../protocol/messages/55-describe-quorum.ts";
import type { Input, Value } from "../protocol/schema.ts";
import type { QuorumDescription } from "./core/describe.ts";
import type { ReplicaProgress } from "./core/state.ts";
import type { VoterSet } from "./voter-set.ts";

type DescribeQuorumRequest = Value<typeof describeQuorum.request>;
type DescribeQuorumResponse = Input<typeof describeQuorum.response>;

interface Described {
  readonly voters: VoterSet;
  readonly kraftVersion: number;
  describe(): QuorumDescription | null;
}

const NOTHING = {
  leaderId: 0,
  leaderEpoch: 0,
  highWatermark: 0,
  currentVoters: [],
  observers: [],
};

export function answerDescribeQuorum(
  clock: Clock,
  raft: Described,
  request: DescribeQuorumRequest,
): DescribeQuorumResponse {
  const none = { errorCode: ErrorCode.NONE, errorMessage: null };
  if (!isAboutMetadata(request)) {
    return { ...none, topics: refused(request, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), nodes: [] };
  }
  const described = raft.describe();
  if (described === null)
    return { ...none, topics: refused(request, ErrorCode.NOT_LEADER_OR_FOLLOWER), nodes: [] };
  const { leaderId, leaderEpoch, highWatermark, voters, observers } = described;
  const hasDirectories = raft.kraftVersion >= 1;
  const partition = {
    partitionIndex: 0,
    ...none,
    leaderId,
    leaderEpoch,
    highWatermark,
    currentVoters: voters.map((each) => stateOf(clock, each, hasDirectories)),
    observers: observers.map((each) => stateOf(clock, each, true)),
  };
  const nodes = [...raft.voters.values()].map(({ id, endpoints }) => ({
    nodeId: id,
    listeners: endpoints.map(({ name, host, port }) => ({ name, host, port })),
  }));
  return {
    ...none,
    topics: [{ topicName: CLUSTER_METADATA_TOPIC, partitions: [partition] }],
    nodes,
  };
}

function refused({ topics }: DescribeQuorumRequest, errorCode: ErrorCode) {
  const error = { errorCode, errorMessage: errorText(errorCode) };
  return topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...NOTHING, ...error })),
  }));
}

function isAboutMetadata({ topics }: DescribeQuorumRequest): boolean {
  const [topic, ...others] = topics;
  if (topic === undefined || others.length > 0 || topic.partitions.length !== 1) return false;
  return topic.topicName === CLUSTER_METADATA_TOPIC && topic.partitions[0]?.partitionIndex === 0;
}

/** The core counts time by a clock that never jumps; people want to know what the wall said. */
function stateOf(clock: Clock, { key, ...progress }: ReplicaProgress, hasDirectories: boolean) {
  const sinceMs = (atMs: number) =>
    atMs < 0 ? -1 : clock.wallMs() - Math.round(clock.monotonicMs() - atMs);
  return {
    replicaId: key.id,
    replicaDirectoryId: hasDirectories ? key.directoryId : ZERO_UUID,
    logEndOffset: progress.endOffset,
    lastFetchTimestamp: sinceMs(progress.lastFetchAtMs),
    lastCaughtUpTimestamp: sinceMs(progress.lastCaughtUpAtMs),
  };
}
