/** A cluster for tests that say themselves what happens, and in which order. */
import { Asker, type Connection } from "../../api/asker.ts";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import type { Network } from "../../../src/base/world.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import type { Api } from "../../../src/protocol/schema.ts";
import { Unanswered } from "../../consistency/wire.ts";
import { FakeRandom } from "../fake-random.ts";
import { Cluster } from "./cluster.ts";
import { BROKER_PORT, plainShape } from "./shape.ts";
import type { SimulatedNode } from "./simulated-node.ts";

const CLIENT = "10.1.0.1";
const REQUEST_TIMEOUT_MS = 4_000;
const TRY_EVERY_MS = 50;
const START_MS_MAX = 60_000;

export class ScriptedCluster {
  readonly cluster: Cluster;
  #askers = new Map<number, Asker>();

  constructor(settings: Readonly<Record<string, string>> = {}, shape = plainShape(3)) {
    this.cluster = new Cluster({ shape, settings }, new FakeRandom(7));
    for (const node of this.nodes) node.start();
    this.until(() => this.nodes.every(({ isUp }) => isUp), START_MS_MAX);
  }

  get nodes(): readonly SimulatedNode[] {
    return this.cluster.nodes;
  }

  node(id: number): SimulatedNode {
    return this.nodes[id - 1]!;
  }

  /** Runs until it holds, moving time as far as that needs. */
  until(condition: () => boolean, byMsMax = 120_000): void {
    const { clock } = this.cluster;
    clock.advanceUntil(() => {
      for (const node of this.nodes) node.reap();
      return condition();
    }, byMsMax);
  }

  wait<T>(promise: Promise<T>): T {
    return this.cluster.clock.await(promise);
  }

  sleep(ms: number): void {
    this.cluster.clock.advance(ms);
  }

  /** Asks one node. Throws `Unanswered` where no answer comes. */
  ask<Q, QI, R, RI>(id: number, api: Api<Q, QI, R, RI>, version: number, request: QI): R {
    return this.wait(this.asking(id, api, version, request));
  }

  async asking<Q, QI, R, RI>(
    id: number,
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
  ): Promise<R> {
    const { promise, reject } = Promise.withResolvers<never>();
    const late = () => {
      this.#askers.delete(id);
      reject(new Unanswered("no answer in time"));
    };
    const timer = this.cluster.clock.schedule(REQUEST_TIMEOUT_MS, late);
    try {
      return await Promise.race([promise, this.asker(id).quietly(api, version, request)]);
    } finally {
      timer.cancel();
    }
  }

  asker(id: number): Asker {
    let asker = this.#askers.get(id);
    if (asker === undefined) {
      const { clock, wire } = this.cluster;
      const { address } = this.node(id);
      asker = new Asker({
        sleep: (delayMs) => new Promise((resolve) => clock.schedule(delayMs, resolve)),
        connect: () => connectTo(wire.host(CLIENT), address, BROKER_PORT),
        ports: [BROKER_PORT],
        dataDirectory: "/data",
      });
      this.#askers.set(id, asker);
    }
    return asker;
  }

  /** Tries until an attempt gives something; who does not answer is asked again. */
  again<T>(attempt: () => T | null): T {
    for (let tries = 0; tries < 2_000; tries++) {
      try {
        const result = attempt();
        if (result !== null) return result;
      } catch (error) {
        if (!(error instanceof Unanswered) && !isBroken(error)) throw error;
      }
      this.sleep(TRY_EVERY_MS);
      for (const node of this.nodes) node.reap();
    }
    throw new Error("it did not come to be");
  }

  /** Some node that answers. */
  anyone(): number {
    const up = this.nodes.find(({ isUp, isFrozen }) => isUp && !isFrozen);
    if (up === undefined) throw new Unanswered("nobody is there");
    return up.id;
  }

  makeTopic(name: string, partitionCount: number): void {
    const replicationFactor = Math.min(3, this.nodes.length);
    const topic = { name, numPartitions: partitionCount, replicationFactor };
    const topics = [{ ...topic, assignments: [], configs: [] }];
    this.again(() => {
      const request = { topics, timeoutMs: 3000, validateOnly: false };
      const answer = this.ask(this.anyone(), createTopics, 7, request);
      const error = answer.topics[0]!.errorCode;
      const isThere = error === ErrorCode.NONE || error === ErrorCode.TOPIC_ALREADY_EXISTS;
      return isThere ? true : null;
    });
  }

  /** Who coordinates it, as `asked` says; other than `before`. */
  coordinatorOf(keyType: number, key: string, before = -1, asked?: number): number {
    return this.again(() => {
      const request = { keyType, coordinatorKeys: [key] };
      const answer = this.ask(asked ?? this.anyone(), findCoordinator, 6, request);
      const { errorCode, nodeId } = answer.coordinators[0]!;
      return errorCode === ErrorCode.NONE && nodeId !== before ? nodeId : null;
    });
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof Error && /no answer|refused|reset|unreachable/i.test(error.message);
}

/** A connection on which one frame is sent, and one received, at a time. */
export async function connectTo(network: Network, host: string, port: number): Promise<Connection> {
  let received: Buffer = Buffer.alloc(0);
  let waiting: PromiseWithResolvers<Buffer | null> | null = null;
  let isClosed = false;
  const settle = (frame: Buffer | null) => {
    waiting?.resolve(frame);
    waiting = null;
  };
  const closed = () => {
    isClosed = true;
    settle(null);
  };
  const socket = await network.connect(host, port, {
    data(chunk) {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readInt32BE()) return;
      const end = 4 + received.readInt32BE();
      const frame = received.subarray(4, end);
      received = received.subarray(end);
      settle(frame);
    },
    drain() {},
    end: closed,
    close: closed,
  });
  return {
    exchange(frame) {
      if (isClosed) return Promise.resolve(null);
      waiting = Promise.withResolvers<Buffer | null>();
      const size = Buffer.alloc(4);
      size.writeInt32BE(frame.length);
      const bytes = Buffer.concat([size, frame]);
      socket.write(bytes, 0, bytes.length);
      return waiting.promise;
    },
  };
}
