/**
 * Where partitions end for those who see what is committed, whoever leads them: of those led here
 * at once, of all others by ListOffsets to their leaders. The lag of a share group is counted by
 * it; Kafka's NetworkPartitionMetadataClient.
 */
import { NodeError } from "../client/node-error.ts";
import type { LatestOffset } from "../coordinator/group/share-offset-handler.ts";
import { LATEST_TIMESTAMP } from "../log/timestamp-search.ts";
import { NO_LEADER } from "../metadata/partition-registration.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { listOffsets } from "../protocol/messages/02-list-offsets.ts";
import type { BrokerPeers } from "./broker-peers.ts";
import { CONSUMER, listOffset } from "./list-offsets.ts";
import type { LocalNode } from "./local-node.ts";
import { BrokerGatherers } from "./request-gatherer.ts";

interface Entry {
  readonly topic: string;
  readonly partition: number;
  readonly answer: (offset: LatestOffset) => void;
}

type Answers = ReadonlyMap<string, LatestOffset>;

const READ_UNCOMMITTED = 0;
/** As often as Kafka asks again, and after so long first. */
const ATTEMPTS_MAX = 5;
const RETRY_FIRST_MS = 1_000;

export class LatestOffsets {
  readonly #node: LocalNode;
  readonly #peers: BrokerPeers;
  readonly #gatherers: BrokerGatherers<Entry>;

  constructor(node: LocalNode, peers: BrokerPeers) {
    this.#node = node;
    this.#peers = peers;
    this.#gatherers = new BrokerGatherers({
      clock: node.world.clock,
      partitionCountOf: () => 1,
      send: (brokerId, entries) => this.#request(brokerId, entries),
    });
  }

  async of(topicId: string, index: number): Promise<LatestOffset> {
    const { partitions, nodeId, image } = this.#node;
    const local = partitions.topicById(topicId)?.partition(index) ?? null;
    if (local !== null && local.isLeader) {
      const query = { currentLeaderEpoch: -1, replicaId: CONSUMER, isolationLevel: 0 };
      return listOffset(local, { ...query, timestamp: LATEST_TIMESTAMP });
    }
    const topic = image.topics.byId(topicId);
    const leader = topic?.partitions[index]?.leader ?? null;
    if (topic === null || leader === null) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    if (leader === NO_LEADER || leader === nodeId || this.#peers.to(leader) === null) {
      return failed(ErrorCode.LEADER_NOT_AVAILABLE);
    }
    const { promise, resolve } = Promise.withResolvers<LatestOffset>();
    this.#gatherers.of(leader).add({ topic: topic.name, partition: index, answer: resolve });
    return promise;
  }

  async #request(brokerId: number, entries: readonly Entry[]): Promise<void> {
    let answers = await this.#ask(brokerId, entries);
    for (let attempt = 0; typeof answers === "number" && attempt < ATTEMPTS_MAX; attempt++) {
      if (answers === ErrorCode.UNKNOWN_SERVER_ERROR) break;
      const delayMs = RETRY_FIRST_MS * 2 ** attempt;
      await new Promise<void>((resolve) => this.#node.world.clock.schedule(delayMs, resolve));
      answers = await this.#ask(brokerId, entries);
    }
    for (const { topic, partition, answer } of entries) {
      if (typeof answers === "number") answer(failed(answers));
      else answer(answers.get(nameOf(topic, partition)) ?? UNKNOWN);
    }
  }

  async #ask(brokerId: number, entries: readonly Entry[]): Promise<Answers | ErrorCode> {
    const peer = this.#peers.to(brokerId);
    if (peer === null) return ErrorCode.NETWORK_EXCEPTION;
    const request = requestFor(entries);
    const timeoutMs = this.#node.settings.get("request.timeout.ms");
    try {
      return await peer.ask(
        listOffsets,
        () => request,
        timeoutMs,
        ({ topics }) =>
          new Map(
            topics.flatMap(({ name, partitions }) =>
              partitions.map(({ partitionIndex, errorCode, offset }) => [
                nameOf(name, partitionIndex),
                { errorCode: errorCode as ErrorCode, offset },
              ]),
            ),
          ),
      );
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      if (error.reason === "unsupported") return ErrorCode.UNKNOWN_SERVER_ERROR;
      const isLate = error.reason === "timedOut";
      return isLate ? ErrorCode.REQUEST_TIMED_OUT : ErrorCode.NETWORK_EXCEPTION;
    }
  }
}

const UNKNOWN = failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);

function requestFor(entries: readonly Entry[]) {
  const topics = [...Map.groupBy(entries, ({ topic }) => topic)].map(([name, own]) => ({
    name,
    partitions: [...new Set(own.map(({ partition }) => partition))].map((partitionIndex) => ({
      partitionIndex,
      currentLeaderEpoch: -1,
      timestamp: LATEST_TIMESTAMP,
    })),
  }));
  return { replicaId: CONSUMER, isolationLevel: READ_UNCOMMITTED, topics };
}

function failed(errorCode: ErrorCode): LatestOffset {
  return { errorCode, offset: -1 };
}

function nameOf(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}
