/** What a node holds while it is measured: partitions, groups, producers and connections. */
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { syncGroup } from "../../../src/protocol/messages/14-sync-group.ts";
import { initProducerId } from "../../../src/protocol/messages/22-init-producer-id.ts";
import { createTopic } from "../../kit/raw-client.ts";
import { RawConnection } from "../../kit/raw-connection.ts";
import { checkProduced, produceFrame } from "../../kit/requests.ts";

export interface Partition {
  readonly topic: string;
  readonly index: number;
}

export interface Member {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

/** An idempotent one; what it sends next to each partition. */
export interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequences: Map<Partition, number>;
}

export interface Sizes {
  readonly partitions: number;
  readonly groups: number;
  readonly producers: number;
  readonly connections: number;
  /** Transactional ids, which nobody uses any more. */
  readonly transactions: number;
}

const [GROUP, TRANSACTION] = [0, 1] as const;
const LOADING: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.CONCURRENT_TRANSACTIONS,
]);
const PARTITIONS_PER_TOPIC = 10;
/** Connections that are made at the same time. */
const WIDTH = 50;
/** The longest that a broker grants by default: members here beat as it happens. */
const SESSION_MS = 1_800_000;

/** Only grows. */
export class Population {
  readonly partitions: Partition[] = [];
  readonly members: Member[] = [];
  readonly producers: Producer[] = [];
  readonly connections: RawConnection[];
  readonly #port: number;
  #transactionCount = 0;

  static async open(port: number): Promise<Population> {
    const population = new Population(port, await RawConnection.open(port));
    await population.#findCoordinator(GROUP);
    return population;
  }

  private constructor(port: number, first: RawConnection) {
    this.#port = port;
    this.connections = [first];
  }

  async grow(sizes: Sizes): Promise<void> {
    while (this.partitions.length < sizes.partitions) await this.#addTopic(sizes.partitions);
    while (this.members.length < sizes.groups) await this.#addGroup();
    while (this.producers.length < sizes.producers) await this.#addProducer();
    if (this.#transactionCount < sizes.transactions) await this.#findCoordinator(TRANSACTION);
    while (this.#transactionCount < sizes.transactions) await this.#addTransactionalId();
    while (this.connections.length < sizes.connections) {
      const count = Math.min(WIDTH, sizes.connections - this.connections.length);
      const opened = Array.from({ length: count }, () => RawConnection.open(this.#port));
      this.connections.push(...(await Promise.all(opened)));
    }
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }

  /** The topic behind it is made for whoever asks first, a little later. */
  async #findCoordinator(keyType: number): Promise<void> {
    for (;;) {
      const request = { key: "somebody", keyType };
      const { errorCode } = await this.connections[0]!.ask(findCoordinator, 2, request);
      if (errorCode === ErrorCode.NONE) return;
      await Bun.sleep(20);
    }
  }

  /** The first has one partition, so that there is a time with only one. */
  async #addTopic(wanted: number): Promise<void> {
    const [first] = this.connections;
    const topic = `topic-${this.partitions.length}`;
    const missing = wanted - this.partitions.length;
    const count = Math.min(missing, PARTITIONS_PER_TOPIC);
    await createTopic(this.#port, topic, count);
    checkProduced(await first!.exchange(produceFrame(topic, count, 1, 100)));
    for (let index = 0; index < count; index++) this.partitions.push({ topic, index });
  }

  async #addGroup(): Promise<void> {
    const [first] = this.connections;
    const groupId = `group-${this.members.length}`;
    const join = () =>
      first!.ask(joinGroup, 3, {
        groupId,
        sessionTimeoutMs: SESSION_MS,
        rebalanceTimeoutMs: 60_000,
        memberId: "",
        protocolType: "consumer",
        protocols: [{ name: "range", metadata: Buffer.alloc(20) }],
      });
    let joined = await join();
    while (LOADING.has(joined.errorCode)) {
      await Bun.sleep(20);
      joined = await join();
    }
    const { errorCode, memberId, generationId } = joined;
    if (errorCode !== ErrorCode.NONE) throw new Error(`${groupId} was not joined: ${errorCode}`);
    const assignments = [{ memberId, assignment: Buffer.alloc(20) }];
    await first!.ask(syncGroup, 3, { groupId, generationId, memberId, assignments });
    this.members.push({ groupId, memberId, generationId });
  }

  async #addProducer(): Promise<void> {
    const request = { transactionalId: null, transactionTimeoutMs: 0 };
    const answer = await this.connections[0]!.ask(initProducerId, 1, request);
    const { producerId, producerEpoch } = answer;
    this.producers.push({ producerId, producerEpoch, sequences: new Map() });
  }

  async #addTransactionalId(): Promise<void> {
    const transactionalId = `transaction-${this.#transactionCount++}`;
    for (;;) {
      const request = { transactionalId, transactionTimeoutMs: 60_000 };
      const { errorCode } = await this.connections[0]!.ask(initProducerId, 1, request);
      if (errorCode === ErrorCode.NONE) return;
      if (!LOADING.has(errorCode)) throw new Error(`${transactionalId} was refused: ${errorCode}`);
      await Bun.sleep(20);
    }
  }
}
