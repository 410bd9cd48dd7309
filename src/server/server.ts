/**
 * The listeners of a node, and all connections that came through them.
 *
 * Starting is all or nothing: when one address cannot be had, none is kept. Stopping goes in the
 * order that loses nothing: accept no more, let every connection answer what it has begun, flush,
 * FIN; whoever is left at the deadline is reset.
 */
import type { RequestHandler } from "../api/request.ts";
import { assert } from "../base/assert.ts";
import type { Logger } from "../base/logger.ts";
import { LoopLag } from "../base/loop-lag.ts";
import type { Metrics } from "../base/metrics.ts";
import { Signal, waitUntil } from "../base/signal.ts";
import type { Clock, Listener, Network, Socket, SocketHandler } from "../base/world.ts";
import { Arrival } from "./arrival.ts";
import { BufferPool } from "../protocol/frames/buffer-pool.ts";
import { FairTurns } from "./fair-turns.ts";
import { Connection } from "./connection.ts";
import type { ClosedConnection, ConnectionShared } from "./connection-shared.ts";
import { type CloseCounts, noCloses } from "./close-reason.ts";
import { ConnectionGate } from "./connection-gate.ts";
import { IdleList } from "./idle-list.ts";
import { type ServerLimits, STRANGER_IDLE_MS_MAX } from "./limits.ts";
import { LogLimit } from "./log-limit.ts";
import { RequestMemory } from "./request-memory.ts";
import { RequestStats } from "./request-stats.ts";
import { ServerMetrics } from "./server-metrics.ts";

export interface ListenerAddress {
  /** As in `listeners`: PLAINTEXT, INTERNAL, ... */
  readonly name: string;
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Brokers and controllers answer different APIs. */
  readonly handler: RequestHandler;
}

export interface ServerOptions {
  readonly clock: Clock;
  readonly network: Network;
  /** Its values are read whenever they are needed: they may change. */
  readonly limits: ServerLimits;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A bug was met: the node must stop. Called once at most. */
  readonly fatal: (error: unknown) => void;
}

export interface ListenerCounts {
  readonly name: string;
  /** Since the start. */
  accepted: number;
  open: number;
  readonly closed: CloseCounts;
}

export interface ClientCount {
  readonly listener: string;
  readonly softwareName: string;
  readonly softwareVersion: string;
  count: number;
}

/** Of those that are late when the node stops, so many are named. */
const LATE_TOLD_MAX = 5;

export class Server {
  readonly requests = new RequestStats();
  readonly loopLag: LoopLag;
  /** On the monotonic clock. */
  readonly startedMs: number;
  readonly #options: ServerOptions;
  readonly #shared: ConnectionShared;
  readonly #metrics: ServerMetrics;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, Listener>();
  readonly #listenerCounts = new Map<string, ListenerCounts>();
  readonly #connections = new Map<number, { connection: Connection; gate: ConnectionGate }>();
  /** One for the listeners of brokers, one for those of controllers. */
  readonly #gates = new Map<RequestHandler, ConnectionGate>();
  readonly #refused: LogLimit;
  readonly #someoneLeft = new Signal();
  #nextConnectionId = 1;
  #isStopping = false;
  #hasFailed = false;

  constructor(options: ServerOptions) {
    const { clock, limits, logger } = options;
    this.#options = options;
    this.loopLag = new LoopLag(clock);
    this.startedMs = clock.monotonicMs();
    this.#logger = logger;
    this.#metrics = new ServerMetrics(options.metrics);
    this.#refused = new LogLimit(clock, (line) => logger.warn(line));
    this.#shared = {
      clock,
      turns: new FairTurns(clock),
      limits,
      memory: new RequestMemory(clock, limits),
      pool: new BufferPool(),
      idle: new IdleList(clock, () => limits.connectionsMaxIdleMs),
      strangers: new IdleList(clock, () =>
        Math.min(STRANGER_IDLE_MS_MAX, limits.connectionsMaxIdleMs),
      ),
      metrics: this.#metrics,
      requests: this.requests,
      loopLag: this.loopLag,
      refused: (line) => this.#refused.line(line),
      ended: (line) => logger.debug(line),
      closed: (connection) => this.#closed(connection),
      fatal: (error) => this.#fatal(error),
    };
    this.#addGauges(options.metrics);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Bytes of requests that are held at this moment. */
  get requestBytes(): number {
    return this.#shared.memory.bytesUsed;
  }

  /** Requests that wait for those before them. */
  get requestsQueued(): number {
    return this.#shared.memory.requestsQueued;
  }

  listenerCounts(): ListenerCounts[] {
    return [...this.#listenerCounts.values()];
  }

  /** Open connections by what their clients say they are. */
  clientCounts(): ClientCount[] {
    const counts = new Map<string, ClientCount>();
    for (const { connection } of this.#connections.values()) {
      const { listenerName, clientSoftwareName, clientSoftwareVersion } = connection;
      const softwareName = clientSoftwareName === "" ? UNKNOWN_SOFTWARE : clientSoftwareName;
      const softwareVersion =
        clientSoftwareVersion === "" ? UNKNOWN_SOFTWARE : clientSoftwareVersion;
      const key = `${listenerName}|${softwareName}|${softwareVersion}`;
      const known = counts.get(key);
      if (known !== undefined) known.count++;
      else if (counts.size < CLIENT_KINDS_MAX) {
        counts.set(key, { listener: listenerName, softwareName, softwareVersion, count: 1 });
      }
    }
    return [...counts.values()];
  }

  /** Throws `NetworkError` when an address cannot be had; then nothing listens. */
  start(addresses: readonly ListenerAddress[]): void {
    this.#limitSendThreads();
    try {
      for (const address of addresses) this.#listen(address);
    } catch (error) {
      this.#stopListening();
      this.#gates.clear();
      throw error;
    }
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  get listenerNames(): string[] {
    return [...this.#listeners.keys()];
  }

  /** One more while the others go on. Throws `NetworkError` when its address cannot be had. */
  open(address: ListenerAddress): void {
    this.#listen(address);
  }

  /** Its connections answer what they have begun, and end. */
  close(listenerName: string): void {
    this.#listeners.get(listenerName)?.stop();
    this.#listeners.delete(listenerName);
    for (const gate of this.#gates.values()) gate.closeListener(listenerName);
    for (const { connection } of [...this.#connections.values()]) {
      if (connection.listenerName === listenerName) connection.stop();
    }
    this.#logger.info(`no longer listening on ${listenerName}`);
  }

  /** The port that a listener has got. */
  port(listenerName: string): number {
    const listener = this.#listeners.get(listenerName);
    assert(listener !== undefined, `there is a listener ${listenerName}`);
    return listener.port;
  }

  /** Those of connections and threads are looked at anew; all others are whenever they count. */
  limitsChanged(): void {
    this.#limitSendThreads();
    for (const gate of this.#gates.values()) gate.limitsChanged();
  }

  #limitSendThreads(): void {
    const { network, limits } = this.#options;
    network.limitSendThreads(limits.sendThreadsMax);
  }

  /** Some listeners end while the others go on. Resolves as `stop` does. */
  async retire(listenerNames: readonly string[], timeoutMs: number): Promise<void> {
    for (const name of listenerNames) this.close(name);
    await this.#whenEmpty(
      (connection) => listenerNames.includes(connection.listenerName),
      timeoutMs,
    );
  }

  /** Resolves when no connection is left, at the latest a little after `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    this.#stopListening();
    for (const gate of this.#gates.values()) gate.stop();
    for (const { connection } of [...this.#connections.values()]) connection.stop();
    await this.#whenEmpty(() => true, timeoutMs);
    this.loopLag.stop();
    this.#shared.idle.stop();
    this.#shared.strangers.stop();
  }

  #listen({ name, host, port, handler }: ListenerAddress): void {
    assert(!this.#listeners.has(name), `one listener is named ${name}`);
    const gate = this.#gateOf(handler);
    gate.addListener(name);
    const listener = this.#options.network.listen(host, port, (socket) =>
      this.#accept(gate, name, handler, socket),
    );
    this.#listeners.set(name, listener);
    // Of an earlier one of this name there may be connections left.
    const known = this.#listenerCounts.get(name);
    if (known === undefined) {
      this.#listenerCounts.set(name, { name, accepted: 0, open: 0, closed: noCloses() });
    }
    this.#logger.info(`listening on ${name}://${host}:${listener.port}`);
  }

  async #whenEmpty(isMeant: (connection: Connection) => boolean, timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const left = () => [...this.#connections.values()].filter((one) => isMeant(one.connection));
    const isEmpty = () => left().length === 0;
    if (await waitUntil(clock, [this.#someoneLeft], timeoutMs, isEmpty)) return;
    const late = left().map(({ connection }) => connection);
    this.#logger.warn(`${late.length} connections reset at the stop's deadline`);
    for (const { delay } of late.slice(0, LATE_TOLD_MAX)) this.#logger.warn(`late: ${delay}`);
    for (const connection of late) connection.terminate("stop");
    await waitUntil(clock, [this.#someoneLeft], TERMINATE_MS_MAX, isEmpty);
  }

  #stopListening(): void {
    for (const listener of this.#listeners.values()) listener.stop();
    this.#listeners.clear();
  }

  #accept(
    gate: ConnectionGate,
    listenerName: string,
    handler: RequestHandler,
    socket: Socket,
  ): SocketHandler {
    const arrival = new Arrival(socket, this.#options.clock, {
      admitted: () => this.#admit(gate, listenerName, handler, socket),
      refused: (address, reason) => {
        this.#metrics.connectionsTurnedAway.add();
        this.#refused.line(`${address} turned away on ${listenerName}: ${reason}`);
      },
    });
    if (this.#isStopping) arrival.refuse("the node stops", 0);
    else gate.arrive(listenerName, arrival);
    return arrival.handler;
  }

  #admit(
    gate: ConnectionGate,
    listenerName: string,
    handler: RequestHandler,
    socket: Socket,
  ): SocketHandler {
    const id = this.#nextConnectionId++;
    const connection = new Connection(id, listenerName, handler, socket, this.#shared);
    this.#connections.set(id, { connection, gate });
    this.#metrics.connectionsAccepted.add();
    const counts = this.#listenerCounts.get(listenerName)!;
    counts.accepted++;
    counts.open++;
    return connection;
  }

  #closed(connection: ClosedConnection): void {
    const { gate } = this.#connections.get(connection.id)!;
    this.#connections.delete(connection.id);
    const counts = this.#listenerCounts.get(connection.listenerName)!;
    counts.open--;
    counts.closed[connection.closedFor]++;
    gate.leave(connection.listenerName, connection.remoteAddress);
    this.#someoneLeft.move();
  }

  /** Of those who can be spared, the ones that were silent for longest. */
  #closeLeastActive(gate: ConnectionGate, count: number): void {
    const spared = [...this.#connections.values()]
      .filter((each) => each.gate === gate && !gate.isProtected(each.connection.listenerName))
      .sort((a, b) => a.connection.lastActiveMs - b.connection.lastActiveMs);
    for (const { connection } of spared.slice(0, count)) {
      this.#refused.line(`${connection.remoteAddress} closed: there are too many connections`);
      connection.terminate("crowded");
    }
  }

  #gateOf(handler: RequestHandler): ConnectionGate {
    const { clock, limits } = this.#options;
    const known = this.#gates.get(handler);
    if (known !== undefined) return known;
    const gate: ConnectionGate = new ConnectionGate(clock, limits, (count) =>
      this.#closeLeastActive(gate, count),
    );
    this.#gates.set(handler, gate);
    return gate;
  }

  /** The first bug is the one to tell of. */
  #fatal(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.fatal(error);
  }

  #addGauges(metrics: Metrics): void {
    const { memory } = this.#shared;
    const gauge = (name: string, help: string, read: () => number) =>
      metrics.gauge(`bunka_server_${name}`, help, read);
    gauge("connections", "Open connections", () => this.#connections.size);
    gauge("request_bytes", "Bytes of requests in memory", () => memory.bytesUsed);
    gauge("requests_queued", "Requests that wait for those before them", () => {
      return memory.requestsQueued;
    });
    gauge("connections_held", "Connections not read because memory is short", () => {
      return memory.waitingCount;
    });
  }
}

/** Kafka's word for clients that do not say. */
const UNKNOWN_SOFTWARE = "unknown";
/** Clients say what they like. */
const CLIENT_KINDS_MAX = 200;
/** From a reset to its event. */
const TERMINATE_MS_MAX = 1000;
