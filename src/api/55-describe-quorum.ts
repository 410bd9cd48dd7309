/**
 * DescribeQuorum: v0-2 (KIP-595).
 *
 * - Who leads the metadata quorum, and how far its voters and observers have come.
 *
 * Versions: v1 when they last fetched (KIP-836); v2 directory ids and endpoints (KIP-853).
 */
import { onDescribeQuorum } from "../metadata/raft-answers.ts";
import { describeQuorum } from "../protocol/messages/55-describe-quorum.ts";
import type { Input } from "../protocol/schema.ts";
import { handler } from "./handler.ts";

type QuorumAnswer = Input<typeof describeQuorum.response>;
type Replica = QuorumAnswer["topics"][number]["partitions"][number]["observers"][number];

const DIRECTORIES_VERSION = 2;

export const describeQuorumHandler = handler(describeQuorum, (request, context, broker) => {
  const answer = onDescribeQuorum(broker.metadata, request);
  return context.apiVersion < DIRECTORIES_VERSION ? withoutDirectories(answer) : answer;
});

/** A version without a field for it would refuse what it says. */
function withoutDirectories({ errorCode, topics }: QuorumAnswer): QuorumAnswer {
  const strip = ({ replicaDirectoryId: _, ...replica }: Replica): Replica => replica;
  return {
    errorCode,
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map((partition) => ({
        ...partition,
        currentVoters: partition.currentVoters.map(strip),
        observers: partition.observers.map(strip),
      })),
    })),
  };
}
