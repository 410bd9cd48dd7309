/**
 * DescribeQuorum: v0-2 (KIP-595).
 *
 * - Who leads the metadata quorum, and how far its voters and observers have come.
 *
 * Versions: v1 when they last fetched (KIP-836); v2 directory ids and endpoints (KIP-853).
 */
import { onDescribeQuorum } from "../metadata/raft-answers.ts";
import { describeQuorum } from "../protocol/messages/55-describe-quorum.ts";
import { handler } from "./handler.ts";

export const describeQuorumHandler = handler(describeQuorum, (request, _context, broker) =>
  onDescribeQuorum(broker.metadata, request),
);
