/** The few requests that a benchmark needs beside its load: to make and to drop topics. */
import { ErrorCode } from "../src/protocol/error-code.ts";
import { createTopics } from "../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../src/protocol/messages/20-delete-topics.ts";
import { listOffsets } from "../src/protocol/messages/02-list-offsets.ts";
import { RawConnection } from "./raw-connection.ts";

const LATEST = -1;

export async function createTopic(port: number, name: string, partitions: number): Promise<void> {
  const connection = await RawConnection.open(port);
  const response = await connection.ask(createTopics, 4, {
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
    const answer = await connection.ask(listOffsets, 1, {
      replicaId: -1,
      topics: [{ name, partitions: wanted }],
    });
    const answers = answer.topics[0]?.partitions ?? [];
    if (answers.length === partitions && answers.every((p) => p.errorCode === 0)) break;
    await Bun.sleep(5);
  }
  connection.close();
}

export async function deleteTopic(port: number, name: string): Promise<void> {
  const connection = await RawConnection.open(port);
  await connection.ask(deleteTopics, 1, { topicNames: [name], timeoutMs: 10_000 });
  connection.close();
}
