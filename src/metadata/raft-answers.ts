/**
 * Requests of KRaft that make this node do something. Who claims an epoch above ours is passed
 * first, and then answered as one that is behind; who fetches is a reader of the log from then on.
 * All others are answered by what raft/ knows.
 */
import type { fetch } from "../protocol/messages/01-fetch.ts";
import type { vote } from "../protocol/messages/52-vote.ts";
import type { beginQuorumEpoch } from "../protocol/messages/53-begin-quorum-epoch.ts";
import type { endQuorumEpoch } from "../protocol/messages/54-end-quorum-epoch.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { answerFetch } from "../raft/fetch-requests.ts";
import {
  type RaftAnswer,
  type RaftContext,
  answerBeginQuorumEpoch,
  answerEndQuorumEpoch,
  answerVote,
} from "../raft/quorum-requests.ts";
import type { MetadataNode } from "./metadata-node.ts";

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

async function answered<Response>(
  node: MetadataNode,
  answer: () => RaftAnswer<Response>,
): Promise<Response> {
  const { response, epochToPass } = answer();
  if (epochToPass === null || epochToPass <= node.quorum.epoch) return response;
  await node.leadBeyond(epochToPass);
  return answer().response;
}
