/** The requests whose cost is watched: each is made for somebody else of the population. */
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { heartbeat } from "../../../src/protocol/messages/12-heartbeat.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { decode } from "../../../src/protocol/compile.ts";
import { frameOf, type RawConnection } from "../../kit/raw-connection.ts";
import { checkProduced } from "../../kit/requests.ts";
import type { Population } from "./population.ts";

export interface Operation {
  readonly name: string;
  /** Made before the clock runs. */
  frame(population: Population): Buffer;
  /** Throws if it was not what was asked for. */
  check(answer: Buffer): void;
}

const ALL = -1;
const RESPONSE_HEADER_SIZE = 8;
const value = Buffer.alloc(100, "bunka");

const produceOne: Operation = {
  name: "produce",
  frame(population) {
    const partition = someOf(population.partitions);
    const producer = someOf(population.producers);
    const baseSequence = producer.sequences.get(partition) ?? 0;
    producer.sequences.set(partition, baseSequence + 1);
    const { producerId, producerEpoch } = producer;
    const record = { timestamp: Date.now(), key: null, value };
    const records = buildBatch({ producerId, producerEpoch, baseSequence, records: [record] });
    return frameOf(produce, 7, {
      acks: ALL,
      timeoutMs: 30_000,
      topicData: [{ name: partition.topic, partitionData: [{ index: partition.index, records }] }],
    });
  },
  check: checkProduced,
};

const fetchOne: Operation = {
  name: "fetch",
  frame(population) {
    const { topic, index } = someOf(population.partitions);
    const partition = { partition: index, fetchOffset: 0, partitionMaxBytes: 200 };
    const partitions = [partition];
    const limits = { maxWaitMs: 500, minBytes: 1, maxBytes: 1_000_000 };
    return frameOf(fetch, 11, { ...limits, topics: [{ topic, partitions }] });
  },
  check(answer) {
    const { responses } = decode(fetch.response, 11, answer.subarray(RESPONSE_HEADER_SIZE));
    const records = responses[0]?.partitions[0]?.records?.length ?? 0;
    if (records === 0) throw new Error("nothing was fetched");
  },
};

const beat: Operation = {
  name: "heartbeat",
  frame(population) {
    return frameOf(heartbeat, 3, someOf(population.members));
  },
  check(answer) {
    const { errorCode } = decode(heartbeat.response, 3, answer.subarray(RESPONSE_HEADER_SIZE));
    if (errorCode !== ErrorCode.NONE) throw new Error(`the heartbeat was refused: ${errorCode}`);
  },
};

const commit: Operation = {
  name: "commit",
  frame(population) {
    const { generationId, ...member } = someOf(population.members);
    const { topic, index } = someOf(population.partitions);
    const offset = { partitionIndex: index, committedOffset: 1, committedMetadata: "" };
    return frameOf(offsetCommit, 7, {
      ...member,
      generationIdOrMemberEpoch: generationId,
      topics: [{ name: topic, partitions: [offset] }],
    });
  },
  check(answer) {
    const { topics } = decode(offsetCommit.response, 7, answer.subarray(RESPONSE_HEADER_SIZE));
    const errorCode = topics[0]?.partitions[0]?.errorCode;
    if (errorCode !== ErrorCode.NONE) throw new Error(`nothing was committed: ${errorCode}`);
  },
};

export const OPERATIONS: readonly Operation[] = [produceOne, fetchOne, beat, commit];

export interface Session {
  readonly sessionId: number;
  epoch: number;
}

/** A session of the first so many partitions, read to their ends. */
export async function openSession(
  connection: RawConnection,
  population: Population,
  size: number,
): Promise<Session> {
  const topics = [...Map.groupBy(population.partitions.slice(0, size), ({ topic }) => topic)];
  const request = {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 50_000_000,
    sessionId: 0,
    sessionEpoch: 0,
    topics: topics.map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map(({ index }) => ({
        partition: index,
        // Behind what anybody writes here, but within what was written.
        fetchOffset: 1,
        partitionMaxBytes: 1,
      })),
    })),
  };
  const { sessionId, errorCode } = await connection.ask(fetch, 11, request);
  if (sessionId === 0) throw new Error(`no session was made: ${errorCode}`);
  return { sessionId, epoch: 1 };
}

/** Of a session in which nothing has changed. */
export function sessionFetchFrame(session: Session): Buffer {
  const { sessionId } = session;
  const known = { sessionId, sessionEpoch: session.epoch++, topics: [] };
  return frameOf(fetch, 11, { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, ...known });
}

export function checkSessionFetch(answer: Buffer): void {
  const { errorCode } = decode(fetch.response, 11, answer.subarray(RESPONSE_HEADER_SIZE));
  if (errorCode !== ErrorCode.NONE) throw new Error(`the session was refused: ${errorCode}`);
}

function someOf<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)]!;
}
