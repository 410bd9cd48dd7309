/**
 * A small client of the tests' own: requests and responses of the protocol, over one connection,
 * as many at once as the caller likes.
 */
import { realNetwork } from "../../src/base/real-network.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import type { Socket, SocketHandler } from "../../src/base/world.ts";
import { decode, encode } from "../../src/protocol/compile.ts";
import { ErrorCode, errorName } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import {
  requestHeader,
  requestHeaderVersion,
  responseHeaderVersion,
} from "../../src/protocol/messages/header.ts";
import { nextBatchSize } from "../../src/protocol/record-batch.ts";
import type { Api, Value } from "../../src/protocol/schema.ts";

const CLIENT_ID = "faults";
const network = realNetwork();

/** The connection ended before the answer came: whether the request was done is not known. */
export class ConnectionLost extends Error {}

/** An answer that a test did not ask for. */
export class UnexpectedError extends Error {
  constructor(
    what: string,
    readonly errorCode: ErrorCode,
  ) {
    super(`${what}: ${errorName(errorCode)}`);
  }
}

interface Waiter {
  readonly correlationId: number;
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: Error) => void;
}

export class Connection implements SocketHandler {
  /** Why it ended, when it has: null for a clean end. */
  readonly closed: Promise<string | null>;
  isClosed = false;
  receivedSize = 0;
  #socket!: Socket;
  #waiters: Waiter[] = [];
  #received: Buffer = Buffer.alloc(0);
  #unsent: { readonly bytes: Uint8Array; at: number }[] = [];
  #correlationId = 0;
  /** We have sent FIN; the last event may be still to come. */
  #isFinished = false;
  readonly #close = Promise.withResolvers<string | null>();

  private constructor() {
    this.closed = this.#close.promise;
  }

  /** Rejects with `NetworkError` where nobody listens. */
  static async open(port: number): Promise<Connection> {
    const connection = new Connection();
    connection.#socket = await network.connect("127.0.0.1", port, connection);
    return connection;
  }

  /** Resolves with the answer; rejects with `ConnectionLost`. */
  async request<Q, QI, R, RI>(
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
    clientId = CLIENT_ID,
  ): Promise<R> {
    const body = encode(api.request, version, request);
    const frame = await this.exchange(api, version, body, clientId);
    const headerSize = responseHeaderVersion(api, version) === 1 ? 5 : 4;
    return decode(api.response, version, frame.subarray(headerSize));
  }

  /** Sends a body that may be anything; resolves with the response's frame. */
  exchange(
    api: Pick<Api<never, never, never, never>, "key" | "flexibleFrom">,
    version: number,
    body: Uint8Array,
    clientId = CLIENT_ID,
  ): Promise<Buffer> {
    const correlationId = ++this.#correlationId;
    const header = encode(requestHeader, requestHeaderVersion(api, version), {
      requestApiKey: api.key,
      requestApiVersion: version,
      correlationId,
      clientId,
    });
    if (this.isClosed || this.#isFinished) {
      return Promise.reject(new ConnectionLost("closed before"));
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ correlationId, resolve, reject });
      this.send(framed(header, body));
    });
  }

  /** Sends a request that is not answered: acks=0. */
  tell<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): void {
    const header = encode(requestHeader, requestHeaderVersion(api, version), {
      requestApiKey: api.key,
      requestApiVersion: version,
      correlationId: ++this.#correlationId,
      clientId: CLIENT_ID,
    });
    this.send(framed(header, encode(api.request, version, request)));
  }

  /** Bytes as they are; none behind our FIN, with which the broker's is answered. */
  send(bytes: Uint8Array): void {
    if (this.#isFinished) return;
    this.#unsent.push({ bytes, at: 0 });
    if (this.#unsent.length === 1) this.drain();
  }

  /** No more requests come: FIN. */
  finish(): void {
    this.#isFinished = true;
    this.#socket.shutdown();
  }

  pause(): void {
    this.#socket.pause();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  [Symbol.dispose](): void {
    this.terminate();
  }

  // The socket's events.

  data(chunk: Buffer): void {
    this.receivedSize += chunk.length;
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    let at = 0;
    while (this.#received.length - at >= 4) {
      const end = at + 4 + this.#received.readInt32BE(at);
      if (this.#received.length < end) break;
      this.#answered(this.#received.subarray(at + 4, end));
      at = end;
    }
    this.#received = this.#received.subarray(at);
  }

  drain(): void {
    while (!this.#isFinished) {
      const send = this.#unsent[0];
      if (send === undefined) return;
      const left = send.bytes.length - send.at;
      const taken = this.#socket.write(send.bytes, send.at, left);
      if (taken === -1) return;
      send.at += taken;
      if (taken < left) return;
      this.#unsent.shift();
    }
  }

  end(): void {
    this.finish();
  }

  close(reason: string | null): void {
    this.isClosed = true;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(new ConnectionLost(reason ?? "closed"));
    this.#close.resolve(reason);
  }

  #answered(frame: Buffer): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    if (frame.readInt32BE(0) === waiter.correlationId) waiter.resolve(frame);
    else waiter.reject(new Error(`the answer to ${frame.readInt32BE(0)} came out of order`));
  }
}

export function framed(...parts: readonly Uint8Array[]): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([size, ...parts]);
}

// What the tests ask most.

type Configs = Readonly<Record<string, string>>;

/** Resolves with the topic's id, when its partitions are led: the answer comes before. */
export async function createTopic(
  connection: Connection,
  name: string,
  numPartitions = 1,
  configs: Configs = {},
): Promise<string> {
  const answer = await connection.request(createTopics, 7, {
    topics: [
      {
        name,
        numPartitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: 30_000,
  });
  const topic = answer.topics[0]!;
  expectNone(`create ${name}`, topic.errorCode);
  while (!(await isLed(connection, name, numPartitions))) await Bun.sleep(LEADER_RETRY_MS);
  return topic.topicId;
}

async function isLed(connection: Connection, name: string, count: number): Promise<boolean> {
  const partitions = Array.from({ length: count }, (_, partitionIndex) => {
    return { partitionIndex, timestamp: LATEST };
  });
  const asked = { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions }] };
  const answer = await connection.request(listOffsets, 7, asked);
  const codes = answer.topics[0]!.partitions.map(({ errorCode }) => errorCode);
  for (const code of codes) if (!NOT_LED_YET.includes(code)) expectNone(`leader of ${name}`, code);
  return codes.every((code) => code === ErrorCode.NONE);
}

const LEADER_RETRY_MS = 5;
const NOT_LED_YET: readonly number[] = [
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE,
];

/** Names and ids of all topics but internal ones. */
export async function topicIds(connection: Connection): Promise<Map<string, string>> {
  const answer = await connection.request(metadata, 12, {
    topics: null,
    allowAutoTopicCreation: false,
  });
  const own = answer.topics.filter(({ isInternal }) => !isInternal);
  return new Map(own.map(({ name, topicId }) => [name ?? "", topicId]));
}

export interface Produced {
  readonly errorCode: ErrorCode;
  readonly baseOffset: number;
  readonly logStartOffset: number;
}

/** One batch, acks=all. */
export async function produceBatch(
  connection: Connection,
  topic: string,
  partition: number,
  records: Uint8Array,
  version = 9,
  acks = -1,
): Promise<Produced> {
  const answer = await connection.request(produce, version, {
    acks,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  });
  const { errorCode, baseOffset, logStartOffset } = answer.responses[0]!.partitionResponses[0]!;
  return { errorCode: errorCode as ErrorCode, baseOffset, logStartOffset };
}

export type FetchedPartition = Value<
  typeof fetch.response
>["responses"][number]["partitions"][number];

export async function fetchOnce(
  connection: Connection,
  topic: string,
  partition: number,
  fetchOffset: number,
  partitionMaxBytes = 4 * 1024 * 1024,
): Promise<FetchedPartition> {
  const answer = await connection.request(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes }] }],
    forgottenTopicsData: [],
  });
  expectNone("fetch", answer.errorCode);
  return answer.responses[0]!.partitions[0]!;
}

/** Where the whole batches among fetched bytes begin: the last may be cut. */
export function batchStarts(bytes: Buffer): number[] {
  const starts: number[] = [];
  let at = 0;
  for (let size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
    starts.push(at);
  }
  return starts;
}

export const EARLIEST = -2;
export const LATEST = -1;

export async function offsetFor(
  connection: Connection,
  topic: string,
  partition: number,
  timestamp: number,
): Promise<{ readonly offset: number; readonly timestamp: number }> {
  const answer = await connection.request(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
  });
  const found = answer.topics[0]!.partitions[0]!;
  expectNone(`offsets of ${topic}-${partition}`, found.errorCode);
  return found;
}

export async function newProducerId(connection: Connection): Promise<number> {
  const answer = await connection.request(initProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 60_000,
  });
  expectNone("a producer id", answer.errorCode);
  return answer.producerId;
}

export function expectNone(what: string, errorCode: number): void {
  if (errorCode !== ErrorCode.NONE) throw new UnexpectedError(what, errorCode as ErrorCode);
}

export { ZERO_UUID };
