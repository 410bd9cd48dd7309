/**
 * Brokers that know each other by a handmade image: each has a controller of its own, and the test
 * tells all of them the same. They speak over one fake network; a client of theirs does, too.
 */
import { leveledLogger, LogLevels } from "../../src/base/log-levels.ts";
import { createLogger } from "../../src/base/logger.ts";
import type { BrokerNode } from "../../src/broker/broker-node.ts";
import { Settings } from "../../src/broker/settings/settings.ts";
import type { NewRecord } from "../../src/metadata/record.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { type Node, startNode } from "../../src/server/node.ts";
import { Asker } from "../api/asker.ts";
import { testProperties } from "../compat/harness/properties.ts";
import { connectTo } from "../sim/cluster/scripted.ts";
import { type FakeWorld, fakeWorld, neighbourOf } from "../sim/fake-world.ts";

const PORT = 9092;

export class Neighbours {
  readonly client: FakeWorld;
  readonly worlds = new Map<number, FakeWorld>();
  readonly lines: string[] = [];
  readonly #nodes = new Map<number, Node>();
  readonly #askers = new Map<number, Asker>();
  #topicCount = 0;

  constructor(count: number, settings: Readonly<Record<string, string>> = {}) {
    this.client = fakeWorld(1, "10.0.0.100");
    const ids = Array.from({ length: count }, (_, index) => index + 1);
    for (const id of ids) this.#start(id, settings);
    for (const id of ids) this.#introduce(id);
  }

  broker(id: number): BrokerNode {
    return this.#nodes.get(id)!.broker;
  }

  /** Runs until the promise is settled, moving time as far as that needs. */
  wait<T>(promise: Promise<T>): T {
    return this.client.clock.await(promise);
  }

  /** Asks a broker as a client does. */
  ask<Q, QI, R, RI>(id: number, api: Api<Q, QI, R, RI>, version: number, request: QI): R {
    return this.wait(this.asker(id).quietly(api, version, request));
  }

  /** A client of one broker. */
  asker(id: number): Asker {
    let asker = this.#askers.get(id);
    if (asker === undefined) {
      const host = `10.0.0.${id}`;
      asker = new Asker({
        sleep: (delayMs) => new Promise((resolve) => this.client.clock.schedule(delayMs, resolve)),
        connect: () => connectTo(this.client.network, host, PORT),
        ports: [PORT],
        dataDirectory: "/data",
      });
      this.#askers.set(id, asker);
    }
    return asker;
  }

  /**
   * A topic that all know. Each partition has a replica on the broker that leads it alone, or on
   * these; the leader is alone in sync as yet.
   */
  topic(name: string, leaders: readonly number[], replicas: readonly number[] = []): string {
    const topicId = `${String(++this.#topicCount).padStart(21, "T")}A`;
    this.tell(() => [
      { name: "TopicRecord", version: 0, value: { name, topicId } },
      ...leaders.map((leader, partitionId): NewRecord => {
        const places = replicas.length === 0 ? [leader] : replicas;
        const value = {
          partitionId,
          topicId,
          replicas: [...places],
          isr: [leader],
          removingReplicas: [],
          addingReplicas: [],
          leader,
          leaderEpoch: 0,
          partitionEpoch: 0,
          directories: places.map((id) => this.#directoryOf(id)),
        };
        return { name: "PartitionRecord", version: 1, value };
      }),
    ]);
    return topicId;
  }

  /** Another broker leads, without what the one before has written. */
  lead(topicId: string, partitionId: number, leader: number): void {
    const place = {
      isr: [leader],
      replicas: [leader],
      directories: leader === -1 ? [] : [this.#directoryOf(leader)],
    };
    const value = { partitionId, topicId, leader, ...(leader === -1 ? {} : place) };
    this.tell(() => [{ name: "PartitionChangeRecord", version: 1, value }]);
  }

  /** What these brokers are told; all where none are named. */
  tell(records: (id: number) => NewRecord[], ids: Iterable<number> = this.#nodes.keys()): void {
    for (const id of ids) {
      const told = { records: records(id), response: undefined, isAtomic: true };
      this.wait(this.broker(id).metadata.submit(() => told));
    }
  }

  stop(): void {
    for (const node of this.#nodes.values()) this.wait(node.stop());
  }

  #start(id: number, settings: Readonly<Record<string, string>>): void {
    const host = `10.0.0.${id}`;
    const world = neighbourOf(this.client, host);
    this.worlds.set(id, world);
    const logLevels = new LogLevels("INFO");
    const write = createLogger(world.clock, "debug", (line) => this.lines.push(`${id} ${line}`));
    const properties = testProperties(PORT, PORT + 1, "/data");
    const place = { "node.id": String(id), "broker.rack": `rack-${id}` };
    const own = Object.entries({ ...properties, ...place, ...settings });
    const texts = own.map(([name, text]) => [name, text.replaceAll("127.0.0.1", host)] as const);
    const starting = startNode({
      world,
      logger: leveledLogger(write, logLevels),
      logLevels,
      settings: new Settings(new Map(texts)),
      hostName: host,
      fatal: (error) => {
        throw error;
      },
    });
    this.#nodes.set(id, this.wait(starting));
  }

  /** To all others. */
  #introduce(id: number): void {
    const known = this.broker(id).image.cluster.broker(id)!;
    const record: NewRecord = {
      name: "RegisterBrokerRecord",
      version: 3,
      value: {
        brokerId: id,
        incarnationId: known.incarnationId,
        brokerEpoch: known.epoch,
        endPoints: known.endpoints.map((endpoint) => ({ ...endpoint })),
        features: [],
        rack: known.rack,
        fenced: false,
        logDirs: [...known.directories],
      },
    };
    const others = [...this.#nodes.keys()].filter((other) => other !== id);
    this.tell(() => [record], others);
  }

  #directoryOf(id: number): string {
    return this.broker(id).image.cluster.broker(id)!.directories[0]!;
  }
}
