/**
 * The requests of KRaft as the controller listener answers them, for the API layer to call. Who
 * claims an epoch above ours is passed first, and then answered as one that is behind.
 */
import type { fetch } from "../protocol/messages/01-fetch.ts";
import type { vote } from "../protocol/messages/52-vote.ts";
import type { beginQuorumEpoch } from "../protocol/messages/53-begin-quorum-epoch.ts";
import type { endQuorumEpoch } from "../protocol/messages/54-end-quorum-epoch.ts";
import type { describeQuorum } from "../protocol/messages/55-describe-quorum.ts";
import type { fetchSnapshot } from "../protocol/messages/59-fetch-snapshot.ts";
import type { addRaftVoter } from "../protocol/messages/80-add-raft-voter.ts";
import type { removeRaftVoter } from "../protocol/messages/81-remove-raft-voter.ts";
import type { updateRaftVoter } from "../protocol/messages/82-update-raft-voter.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { answerDescribeQuorum } from "../raft/describe-quorum.ts";
import { answerFetch, answerFetchSnapshot } from "../raft/fetch-requests.ts";
import {
  type RaftAnswer,
  type RaftContext,
  answerBeginQuorumEpoch,
  answerEndQuorumEpoch,
  answerVote,
} from "../raft/quorum-requests.ts";
import {
  type VoterAnswer,
  answerAddVoter,
  answerRemoveVoter,
  answerUpdateVoter,
} from "../raft/voter-requests.ts";
import type { MetadataNode } from "./metadata-node.ts";

export type { RaftContext } from "../raft/quorum-requests.ts";

export function onVote(
  node: MetadataNode,
  context: RaftContext,
  request: Value<typeof vote.request>,
): Promise<Input<typeof vote.response>> {
  return answered(node, () => answerVote(node.quorum, context, request));
}

export function onBeginQuorumEpoch(
  node: MetadataNode,
  context: RaftContext,
  request: Value<typeof beginQuorumEpoch.request>,
): Promise<Input<typeof beginQuorumEpoch.response>> {
  return answered(node, () => answerBeginQuorumEpoch(node.quorum, context, request));
}

export function onEndQuorumEpoch(
  node: MetadataNode,
  context: RaftContext,
  request: Value<typeof endQuorumEpoch.request>,
): Promise<Input<typeof endQuorumEpoch.response>> {
  return answered(node, () => answerEndQuorumEpoch(node.quorum, context, request));
}

export function onDescribeQuorum(
  node: MetadataNode,
  request: Value<typeof describeQuorum.request>,
): Input<typeof describeQuorum.response> {
  const { clock, quorum, raftLog } = node.fetchSource;
  return answerDescribeQuorum(clock, quorum, raftLog, request);
}

/** Of the metadata log: on the controller listener a Fetch can mean nothing else. */
export function onFetch(
  node: MetadataNode,
  context: RaftContext,
  request: Value<typeof fetch.request>,
): Promise<Input<typeof fetch.response>> {
  const answer = answerFetch(node.fetchSource, context, request);
  node.wasRead();
  return answer;
}

export function onFetchSnapshot(
  node: MetadataNode,
  context: RaftContext,
  request: Value<typeof fetchSnapshot.request>,
): Promise<Input<typeof fetchSnapshot.response>> {
  return answerFetchSnapshot(node.fetchSource, context, request);
}

export function onAddVoter(
  node: MetadataNode,
  context: RaftContext,
  request: Value<typeof addRaftVoter.request>,
): VoterAnswer {
  return answerAddVoter(node.quorum, context, request);
}

export function onRemoveVoter(
  node: MetadataNode,
  context: RaftContext,
  request: Value<typeof removeRaftVoter.request>,
): VoterAnswer {
  return answerRemoveVoter(node.quorum, context, request);
}

export function onUpdateVoter(
  node: MetadataNode,
  context: RaftContext,
  request: Value<typeof updateRaftVoter.request>,
): Input<typeof updateRaftVoter.response> {
  return answerUpdateVoter(node.quorum, context, request);
}

async function answered<Response>(
  node: MetadataNode,
  answer: () => RaftAnswer<Response>,
): Promise<Response> {
  const { response, epochToPass } = answer();
  if (epochToPass === null || epochToPass <= node.quorum.epoch) return response;
  await node.leadBeyond(epochToPass);
  return answer().response;
}
