/**
 * What a leader answers to the requests of KIP-595 that are about leadership: Vote,
 * BeginQuorumEpoch and EndQuorumEpoch. The functions answer and change nothing; `epochToPass` says
 * that another node claims an epoch which this one, as the only voter, has to go beyond.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import type { beginQuorumEpoch } from "../protocol/messages/53-begin-quorum-epoch.ts";
import type { endQuorumEpoch } from "../protocol/messages/54-end-quorum-epoch.ts";
import type { vote } from "../protocol/messages/52-vote.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import type { Quorum } from "./quorum.ts";

/** Where a request came in, and in which version. */
export interface RaftContext {
  readonly clusterId: string;
  /** The name of the listener: endpoints are answered for the same. */
  readonly listener: string;
  readonly version: number;
}

export interface RaftAnswer<Response> {
  readonly response: Response;
  /** Null when nobody claims more than this node has. */
  readonly epochToPass: number | null;
}

type VoteRequest = Value<typeof vote.request>;
type VoteResponse = Input<typeof vote.response>;
type BeginRequest = Value<typeof beginQuorumEpoch.request>;
type EndRequest = Value<typeof endQuorumEpoch.request>;
type EpochResponse = Input<typeof beginQuorumEpoch.response> &
  Input<typeof endQuorumEpoch.response>;

/** A leader never gives its vote away; a newer epoch it hears of, it passes. */
export function answerVote(
  quorum: Quorum,
  context: RaftContext,
  request: VoteRequest,
): RaftAnswer<VoteResponse> {
  const partition = onlyPartition(request.topics);
  const invalid = reasonAgainst(context, request.clusterId, partition);
  if (partition === null || invalid !== null) {
    return kept({ errorCode: invalid ?? ErrorCode.INVALID_REQUEST, topics: [] });
  }
  const { replicaEpoch, replicaId, lastOffset, lastOffsetEpoch, preVote } = partition;
  const isEpochIllegal = preVote ? lastOffsetEpoch > replicaEpoch : lastOffsetEpoch >= replicaEpoch;
  let errorCode = reasonAgainstVoter(quorum, replicaId, replicaEpoch);
  if (lastOffset < 0 || lastOffsetEpoch < 0 || isEpochIllegal) {
    errorCode = ErrorCode.INVALID_REQUEST;
  } else if (errorCode === ErrorCode.NONE) {
    const isMeant = isLocal(quorum, request.voterId, partition.voterDirectoryId);
    if (!isMeant) errorCode = ErrorCode.INVALID_VOTER_KEY;
  }
  const answer = { ...outcome(quorum, errorCode), voteGranted: false };
  const response = {
    errorCode: ErrorCode.NONE,
    topics: [{ topicName: CLUSTER_METADATA_TOPIC, partitions: [answer] }],
    nodeEndpoints: leaderEndpoints(quorum, context, 1),
  };
  return { response, epochToPass: errorCode === ErrorCode.NONE ? replicaEpoch : null };
}

/** Somebody says that it leads. In a quorum of one nobody else can. */
export function answerBeginQuorumEpoch(
  quorum: Quorum,
  context: RaftContext,
  request: BeginRequest,
): RaftAnswer<EpochResponse> {
  const partition = onlyPartition(request.topics);
  const isMeant =
    partition === null || isLocal(quorum, request.voterId, partition.voterDirectoryId);
  return answerClaim(quorum, context, request.clusterId, partition, isMeant);
}

/** Somebody says that it leads no more, which it never did. */
export function answerEndQuorumEpoch(
  quorum: Quorum,
  context: RaftContext,
  request: EndRequest,
): RaftAnswer<EpochResponse> {
  return answerClaim(quorum, context, request.clusterId, onlyPartition(request.topics), true);
}

interface Claim {
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

function answerClaim(
  quorum: Quorum,
  context: RaftContext,
  clusterId: string | null,
  partition: Claim | null,
  isMeant: boolean,
): RaftAnswer<EpochResponse> {
  const invalid = reasonAgainst(context, clusterId, partition);
  if (partition === null || invalid !== null) {
    return kept({ errorCode: invalid ?? ErrorCode.INVALID_REQUEST, topics: [] });
  }
  const { leaderId, leaderEpoch } = partition;
  let errorCode = reasonAgainstVoter(quorum, leaderId, leaderEpoch);
  const isOther = leaderId !== quorum.local.id;
  if (errorCode === ErrorCode.NONE && isOther) errorCode = ErrorCode.INCONSISTENT_VOTER_SET;
  else if (errorCode === ErrorCode.NONE && !isMeant) errorCode = ErrorCode.INVALID_VOTER_KEY;
  const answer = outcome(quorum, errorCode);
  const response = {
    errorCode: ErrorCode.NONE,
    topics: [{ topicName: CLUSTER_METADATA_TOPIC, partitions: [answer] }],
    nodeEndpoints: leaderEndpoints(quorum, context, 1),
  };
  return { response, epochToPass: isOther ? leaderEpoch : null };
}

/** The leader's endpoint, from the version on that has a field for it. */
export function leaderEndpoints(quorum: Quorum, context: RaftContext, since: number) {
  const endpoint = quorum.leaderEndpoint(context.listener);
  if (context.version < since || endpoint === null) return [];
  return [{ nodeId: quorum.leaderId, host: endpoint.host, port: endpoint.port }];
}

export function isClusterId(context: RaftContext, clusterId: string | null): boolean {
  return clusterId === null || clusterId === context.clusterId;
}

interface AskedTopic<P> {
  readonly topicName: string;
  readonly partitions: readonly P[];
}

/** These requests name one partition: that of the metadata. Null for anything else. */
function onlyPartition<P extends { readonly partitionIndex: number }>(
  topics: readonly AskedTopic<P>[],
): P | null {
  const [topic, ...others] = topics;
  if (topic === undefined || others.length > 0) return null;
  const [partition] = topic.partitions;
  if (topic.topicName !== CLUSTER_METADATA_TOPIC || topic.partitions.length !== 1) return null;
  return partition?.partitionIndex === 0 ? partition : null;
}

function reasonAgainst(
  context: RaftContext,
  clusterId: string | null,
  partition: unknown,
): ErrorCode | null {
  if (!isClusterId(context, clusterId)) return ErrorCode.INCONSISTENT_CLUSTER_ID;
  return partition === null ? ErrorCode.INVALID_REQUEST : null;
}

function reasonAgainstVoter(quorum: Quorum, nodeId: number, epoch: number): ErrorCode {
  if (epoch < quorum.epoch) return ErrorCode.FENCED_LEADER_EPOCH;
  return nodeId < 0 ? ErrorCode.INVALID_REQUEST : ErrorCode.NONE;
}

/** Whether the request is meant for this node, as far as it says for whom. */
function isLocal(quorum: Quorum, voterId: number, directoryId: string): boolean {
  if (voterId < 0) return true;
  const isDirectory = directoryId === ZERO_UUID || directoryId === quorum.local.directoryId;
  return voterId === quorum.local.id && isDirectory;
}

function outcome(quorum: Quorum, errorCode: ErrorCode) {
  return {
    partitionIndex: 0,
    errorCode,
    leaderId: quorum.leaderId,
    leaderEpoch: quorum.epoch,
  };
}

function kept<Response>(response: Response): RaftAnswer<Response> {
  return { response, epochToPass: null };
}
