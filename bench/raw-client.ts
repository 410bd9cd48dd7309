/** The few requests that a benchmark needs beside its load: to make and to drop topics. */
import { decode, encode } from "../src/protocol/compile.ts";
import { ErrorCode } from "../src/protocol/error-code.ts";
import { createTopics } from "../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../src/protocol/messages/20-delete-topics.ts";
import { listOffsets } from "../src/protocol/messages/02-list-offsets.ts";
import { requestHeader, requestHeaderVersion } from "../src/protocol/messages/header.ts";
import type { AnyApi, Api } from "../src/protocol/schema.ts";

const LATEST = -1;

export async function createTopic(port: number, name: string, partitions: number): Promise<void> {
  const response = await ask(port, createTopics, 4, {
    topics: [
      { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] },
    ],
    timeoutMs: 10_000,
  });
  const errorCode = response.topics[0]?.errorCode;
  if (errorCode !== ErrorCode.NONE) throw new Error(`${name} was not created: ${errorCode}`);
  // A broker answers ListOffsets once it leads the partitions, not when it has heard of them.
  const wanted = Array.from({ length: partitions }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: LATEST,
  }));
  for (;;) {
    const answer = await ask(port, listOffsets, 1, {
      replicaId: -1,
      topics: [{ name, partitions: wanted }],
    });
    const answers = answer.topics[0]?.partitions ?? [];
    if (answers.length === partitions && answers.every((p) => p.errorCode === 0)) return;
    await Bun.sleep(5);
  }
}

export async function deleteTopic(port: number, name: string): Promise<void> {
  await ask(port, deleteTopics, 1, { topicNames: [name], timeoutMs: 10_000 });
}

/** Only versions without tagged fields: they need no compact headers. */
async function ask<Q, QI, R, RI>(
  port: number,
  api: Api<Q, QI, R, RI>,
  version: number,
  request: QI,
): Promise<R> {
  const header = encode(requestHeader, requestHeaderVersion(api as unknown as AnyApi, version), {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: 1,
    clientId: "bench",
  });
  const body = encode(api.request, version, request);
  const frame = Buffer.alloc(4 + header.length + body.length);
  frame.writeInt32BE(header.length + body.length);
  header.copy(frame, 4);
  body.copy(frame, 4 + header.length);
  const response = await exchange(port, frame);
  return decode(api.response, version, response.subarray(8));
}

/** Sends one frame and gives the whole answer, with its size in front. */
async function exchange(port: number, frame: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let received = Buffer.alloc(0);
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, chunk) {
        received = Buffer.concat([received, chunk]);
        if (received.length >= 4 && received.length >= 4 + received.readInt32BE()) {
          resolve(received);
        }
      },
      close: () => reject(new Error("the broker closed the connection")),
    },
  });
  socket.write(frame);
  try {
    return await promise;
  } finally {
    socket.terminate();
  }
}
