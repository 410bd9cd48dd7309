/** Asks a leader where its logs begin and end: for those that asked for what it does not have. */
import { NodeError } from "../../client/node-error.ts";
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from "../../log/timestamp-search.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { listOffsets } from "../../protocol/messages/02-list-offsets.ts";
import { offsetsRequest } from "./fetch-messages.ts";
import type { FetchedPartition } from "./fetched-partition.ts";
import type { Peer } from "./peer.ts";

export interface LeaderEnds {
  readonly partition: FetchedPartition;
  readonly errorCode: number;
  readonly start: number;
  readonly end: number;
}

interface Offset {
  readonly errorCode: number;
  readonly offset: number;
}

/** One for each; never rejects for want of an answer. */
export async function askLeaderEnds(
  peer: Peer,
  partitions: readonly FetchedPartition[],
  brokerId: number,
  timeoutMs: number,
): Promise<LeaderEnds[]> {
  const ask = (timestamp: number) => askOffsets(peer, partitions, timestamp, brokerId, timeoutMs);
  const [ends, starts] = await Promise.all([ask(LATEST_TIMESTAMP), ask(EARLIEST_TIMESTAMP)]);
  return partitions.map((partition, index) => {
    const [start, end] = [starts[index]!, ends[index]!];
    const errorCode = end.errorCode === ErrorCode.NONE ? start.errorCode : end.errorCode;
    return { partition, errorCode, start: start.offset, end: end.offset };
  });
}

async function askOffsets(
  peer: Peer,
  partitions: readonly FetchedPartition[],
  timestamp: number,
  brokerId: number,
  timeoutMs: number,
): Promise<Offset[]> {
  const request = () => offsetsRequest(partitions, timestamp, brokerId);
  const unanswered = { errorCode: ErrorCode.NETWORK_EXCEPTION, offset: -1 };
  try {
    return await peer.ask(listOffsets, request, timeoutMs, ({ topics }) =>
      partitions.map(({ replica }) => {
        const topic = topics.find(({ name }) => name === replica.topic);
        const found = topic?.partitions.find(({ partitionIndex }) => {
          return partitionIndex === replica.index;
        });
        return found ?? unanswered;
      }),
    );
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    return partitions.map(() => unanswered);
  }
}
