/**
 * DescribeQuorum: v0-2 (KIP-595).
 *
 * - Who leads the metadata quorum, and how far its voters and observers have come.
 *
 * Versions: v1 when they last fetched (KIP-836); v2 directory ids and endpoints (KIP-853).
 */
import type { Broker } from "../broker/broker.ts";
import { describeQuorum } from "../protocol/messages/55-describe-quorum.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { answerDescribeQuorum } from "../raft/describe-quorum.ts";
import { handler, type RequestContext } from "./handler.ts";

type Replica = Input<
  typeof describeQuorum.response
>["topics"][number]["partitions"][number]["observers"][number];

const DIRECTORIES_VERSION = 2;

export const describeQuorumHandler = handler(describeQuorum, describe, {
  refused: (_request, refusal) => ({ ...refusal, topics: [] }),
});

function describe(
  request: Value<typeof describeQuorum.request>,
  context: RequestContext,
  broker: Broker,
) {
  const { errorCode, topics, nodes } = answerDescribeQuorum(
    broker.world.clock,
    broker.metadata.raft,
    request,
  );
  const hasDirectories = context.apiVersion >= DIRECTORIES_VERSION;
  // A version without a field for it would refuse what it says.
  const inVersion = ({ replicaDirectoryId, ...replica }: Replica): Replica =>
    hasDirectories ? { replicaDirectoryId, ...replica } : replica;
  return {
    errorCode,
    errorMessage: "",
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map((partition) => ({
        ...partition,
        errorMessage: partition.errorMessage ?? "",
        currentVoters: partition.currentVoters.map(inVersion),
        observers: partition.observers.map(inVersion),
      })),
    })),
    ...(hasDirectories ? { nodes } : {}),
  };
}
