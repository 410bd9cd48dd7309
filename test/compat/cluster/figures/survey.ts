/** What figures look at while nodes go: where partitions are led, and who leads the quorum. */
import { readFileSync } from "node:fs";
import { RawConnection } from "../../../../bench/kit/raw-connection.ts";
import { ErrorCode } from "../../../../src/protocol/error-code.ts";
import { metadata } from "../../../../src/protocol/messages/03-metadata.ts";
import { describeQuorum } from "../../../../src/protocol/messages/55-describe-quorum.ts";
import type { Cluster, ClusterNode } from "../cluster.ts";

export interface Place {
  readonly topic: string;
  readonly partition: number;
  /** -1 where nobody leads. */
  readonly leader: number;
  readonly inSyncCount: number;
}

/** Resolves to all partitions of some topics, as one node sees them. */
export async function placesOf(
  connection: RawConnection,
  topics: readonly string[],
): Promise<Place[]> {
  const request = { topics: topics.map((name) => ({ name })) };
  const answer = await connection.ask(metadata, 1, request);
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, leaderId, isrNodes }) => ({
      topic: name ?? "",
      partition: partitionIndex,
      leader: leaderId,
      inSyncCount: isrNodes.length,
    })),
  );
}

/** The node that leads the quorum; null where the nodes that are asked do not. */
export async function controllerOf(
  nodes: readonly ClusterNode[],
  except: number | null = null,
): Promise<number | null> {
  for (const node of nodes) {
    if (node.id !== except && (await leadsQuorum(node))) return node.id;
  }
  return null;
}

/** Only the leader of the quorum describes it. */
async function leadsQuorum(node: ClusterNode): Promise<boolean> {
  try {
    const connection = await RawConnection.open(controllerPort(node));
    const topic = { topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] };
    const { errorCode, topics } = await connection.ask(describeQuorum, 0, { topics: [topic] });
    connection.close();
    const partition = topics[0]?.partitions[0];
    return errorCode === ErrorCode.NONE && partition?.errorCode === ErrorCode.NONE;
  } catch {
    return false;
  }
}

function controllerPort({ place }: ClusterNode): number {
  const settings = readFileSync(place.propertiesFile, "utf8");
  return Number(/CONTROLLER:\/\/127\.0\.0\.1:(\d+)/.exec(settings)?.[1]);
}

/** Waits for one. */
export async function untilController(cluster: Cluster, except: number | null = null) {
  for (;;) {
    const id = await controllerOf(cluster.nodes, except);
    if (id !== null) return id;
    await Bun.sleep(1);
  }
}

export async function untilInSync(
  port: number,
  topics: readonly string[],
  count: number,
): Promise<void> {
  const connection = await RawConnection.open(port);
  for (;;) {
    const places = await placesOf(connection, topics);
    const isWell = (place: Place) => place.leader >= 0 && place.inSyncCount === count;
    if (places.length > 0 && places.every(isWell)) break;
    await Bun.sleep(100);
  }
  connection.close();
}

export function secondsSince(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(2)} s`;
}

export function summary(timesMs: readonly number[]): string {
  const sorted = [...timesMs].sort((one, other) => one - other);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(0);
  const shares = `median ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms`;
  return `${shares}, longest ${at(1)} ms of ${sorted.length}`;
}
