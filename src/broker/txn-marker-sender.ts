/**
 * Markers of the transaction coordinator of this node, on their way to the partitions: to those
 * that this node leads by way of its own writer, to all others by WriteTxnMarkers to their leaders.
 * Kafka's TransactionMarkerChannelManager.
 *
 *   marker ─┬─ led here ──────▶ TxnMarkerWriter
 *           ├─ led by 2 ──────▶ [ gathering ] ─▶ WriteTxnMarkers ─▶ broker 2
 *           └─ led by nobody ─▶ LEADER_NOT_AVAILABLE
 *
 * It tries once: whoever sends comes again with what was refused, to whom it is led by then. What
 * waits for a broker that does not lead it any more is given back at once.
 */
import type { Clock } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import type { NodePeer } from "../client/node-peer.ts";
import type {
  MarkerSender,
  SentMarker,
  TransactionMarker,
  TransactionMarkerResult,
} from "../coordinator/transaction/participants.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { NO_LEADER } from "../metadata/partition-registration.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { writeTxnMarkers } from "../protocol/messages/27-write-txn-markers.ts";
import { BrokerGatherers } from "./request-gatherer.ts";
import { allFailed, mergedByProducer, type TxnMarkerWriter } from "./txn-marker-writer.ts";

export interface TxnMarkerSenderOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly image: () => Pick<MetadataImage, "topics">;
  readonly writer: Pick<TxnMarkerWriter, "write">;
  readonly peers: { to(brokerId: number): NodePeer | null };
  /** request.timeout.ms */
  readonly timeoutMs: () => number;
}

interface Entry {
  readonly brokerId: number;
  readonly sent: SentMarker;
  readonly settled: PromiseWithResolvers<TransactionMarkerResult>;
}

export class TxnMarkerSender implements MarkerSender {
  readonly #options: TxnMarkerSenderOptions;
  readonly #gatherers: BrokerGatherers<Entry>;

  constructor(options: TxnMarkerSenderOptions) {
    this.#options = options;
    this.#gatherers = new BrokerGatherers({
      clock: options.clock,
      partitionCountOf: ({ sent }) => partitionCountOf(sent.marker),
      send: (brokerId, entries) => this.#request(brokerId, entries),
    });
  }

  hasPartition(topic: string, partition: number): boolean {
    return this.#leaderOf(topic, partition) !== null;
  }

  async send(sent: SentMarker): Promise<TransactionMarkerResult> {
    const { nodeId, writer } = this.#options;
    const byLeader = [...this.#byLeader(sent.marker)];
    const results = byLeader.map(async ([leader, marker]) => {
      if (leader === null) return [allFailed(marker, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)];
      if (leader === NO_LEADER) return [allFailed(marker, ErrorCode.LEADER_NOT_AVAILABLE)];
      if (leader !== nodeId) return [await this.#sendTo(leader, { ...sent, marker })];
      return writer.write([marker], () => sent.isRepeated);
    });
    const [result] = mergedByProducer((await Promise.all(results)).flat());
    return result ?? { producerId: sent.marker.producerId, topics: [] };
  }

  /** What waits for brokers that lead none of it any more is given back. */
  leadersChanged(): void {
    const isAstray = (entry: Entry) => this.#isAstray(entry);
    for (const [, gatherer] of this.#gatherers.all()) gatherer.giveUp(isAstray).forEach(giveBack);
  }

  /** Of one entry for each leader; null where the partition is gone. */
  #byLeader({ topics, ...marker }: TransactionMarker): Map<number | null, TransactionMarker> {
    const byLeader = new Map<number | null, Map<string, number[]>>();
    for (const { name, partitionIndexes } of topics) {
      for (const index of partitionIndexes) {
        const leader = this.#leaderOf(name, index);
        const ofLeader = byLeader.get(leader) ?? new Map<string, number[]>();
        byLeader.set(leader, ofLeader);
        const indexes = ofLeader.get(name);
        if (indexes === undefined) ofLeader.set(name, [index]);
        else indexes.push(index);
      }
    }
    const markers = new Map<number | null, TransactionMarker>();
    for (const [leader, ofLeader] of byLeader) {
      const own = [...ofLeader].map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
      markers.set(leader, { ...marker, topics: own });
    }
    return markers;
  }

  #leaderOf(topic: string, partition: number): number | null {
    return this.#options.image().topics.byName(topic)?.partitions[partition]?.leader ?? null;
  }

  #sendTo(brokerId: number, sent: SentMarker): Promise<TransactionMarkerResult> {
    const settled = Promise.withResolvers<TransactionMarkerResult>();
    this.#gatherers.of(brokerId).add({ brokerId, sent, settled });
    return settled.promise;
  }

  async #request(brokerId: number, entries: readonly Entry[]): Promise<void> {
    // A coordinator that has resigned has nothing more to say.
    const wanted = entries.filter(({ sent }) => sent.isWanted());
    for (const entry of entries) if (!wanted.includes(entry)) giveBack(entry);
    if (wanted.length === 0) return;
    const results = await this.#ask(brokerId, wanted);
    for (const { sent, settled } of wanted) {
      const isError = typeof results === "number";
      settled.resolve(isError ? allFailed(sent.marker, results) : resultFor(sent.marker, results));
    }
  }

  async #ask(
    brokerId: number,
    entries: readonly Entry[],
  ): Promise<ReadonlyMap<number, TransactionMarkerResult> | ErrorCode> {
    const { peers, timeoutMs } = this.#options;
    const peer = peers.to(brokerId);
    if (peer === null) return ErrorCode.BROKER_NOT_AVAILABLE;
    const request = { markers: entries.map(({ sent }) => sent.marker) };
    try {
      return await peer.ask(
        writeTxnMarkers,
        () => request,
        timeoutMs(),
        ({ markers }) => new Map(markers.map((result) => [result.producerId, result])),
      );
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      return ErrorCode.NETWORK_EXCEPTION;
    }
  }

  #isAstray({ brokerId, sent }: Entry): boolean {
    return sent.marker.topics.every(({ name, partitionIndexes }) =>
      partitionIndexes.every((index) => this.#leaderOf(name, index) !== brokerId),
    );
  }
}

function giveBack({ sent, settled }: Entry): void {
  settled.resolve(allFailed(sent.marker, ErrorCode.NOT_LEADER_OR_FOLLOWER));
}

function partitionCountOf({ topics }: TransactionMarker): number {
  return topics.reduce((count, { partitionIndexes }) => count + partitionIndexes.length, 0);
}

/** Of what a broker answered: one error code for each partition, also where it left one out. */
function resultFor(
  marker: TransactionMarker,
  results: ReadonlyMap<number, TransactionMarkerResult>,
): TransactionMarkerResult {
  const { producerId } = marker;
  const errors = new Map<string, Map<number, number>>();
  for (const { name, partitions } of results.get(producerId)?.topics ?? []) {
    const codes = partitions.map((each) => [each.partitionIndex, each.errorCode] as const);
    errors.set(name, new Map(codes));
  }
  const topics = marker.topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => {
      const errorCode = errors.get(name)?.get(partitionIndex);
      return { partitionIndex, errorCode: errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR };
    }),
  }));
  return { producerId, topics };
}
