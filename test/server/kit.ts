/** A server on a fake World, with handlers that do what a test's client asks for. */
import {
  Late,
  type Outcome,
  type Request,
  type RequestHandler,
  type Response,
  type Undertaking,
} from "../../src/api/request.ts";
import { createLogger } from "../../src/base/logger.ts";
import { Metrics } from "../../src/base/metrics.ts";
import { Signal, waitUntil } from "../../src/base/signal.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../src/server/limits.ts";
import { Server } from "../../src/server/server.ts";
import { Endpoint } from "../sim/endpoint.ts";
import type { NetworkConditions } from "../sim/fake-network.ts";
import { fakeWorld, type FakeWorld } from "../sim/fake-world.ts";

/** What a request's API key asks the handler to do. */
export const ECHO = 0;
/** Waits as many milliseconds as the body's first four bytes say. */
export const ECHO_LATER = 1;
export const ALONE_LATER = 2;
export const BAD = 3;
export const BAD_LATER = 4;
export const SILENT = 5;
export const LAST = 6;
export const THROTTLED = 7;
export const BUG = 8;
export const BUG_LATER = 9;
/** Until the connection is closing. */
export const UNTIL_CLOSING = 10;
/** As many bytes as the body's first four bytes say. */
export const BIG = 11;
/** Echoes, but not before the turn ends; with the body NONSENSE it finds bad bytes then. */
export const LATE = 12;
export const NONSENSE = 1000;
export const UNKNOWN = 99;

export const LISTENER = "PLAINTEXT";
export const PORT = 9092;
const HOST = "127.0.0.1";

export interface Arena {
  readonly world: FakeWorld;
  readonly server: Server;
  readonly lines: string[];
  readonly fatals: unknown[];
  readonly metrics: Metrics;
  readonly handler: TestHandler;
  connect(address?: string): Client;
}

export function makeArena(
  limits: Partial<ServerLimits> = {},
  conditions: Partial<NetworkConditions> = {},
  seed = 1,
): Arena {
  const world = fakeWorld(seed);
  world.wire.conditions = { ...world.wire.conditions, ...conditions };
  const lines: string[] = [];
  const fatals: unknown[] = [];
  const metrics = new Metrics();
  const handler = new TestHandler(world);
  const server = new Server({
    clock: world.clock,
    network: world.network,
    limits: Object.setPrototypeOf(limits, DEFAULT_LIMITS) as ServerLimits,
    logger: createLogger(world.clock, "debug", (line) => lines.push(line.slice(25))),
    metrics,
    fatal: (error) => fatals.push(error),
  });
  server.start([{ name: LISTENER, host: HOST, port: PORT, handler }]);
  const connect = (address = "10.0.0.1") => {
    const client = new Client(world);
    const socket = world.wire.host(address).connect(HOST, PORT, client);
    client.socket = world.clock.await(socket);
    return client;
  };
  return { world, server, lines, fatals, metrics, handler, connect };
}

export class TestUndertaking implements Undertaking {
  isOver = false;
  readonly #waiting: (() => void)[] = [];

  whenOver(callback: () => void): void {
    this.#waiting.push(callback);
  }

  end(): void {
    this.isOver = true;
    for (const callback of this.#waiting) callback();
  }
}

export class TestHandler implements RequestHandler {
  /** In the order in which they were started. */
  readonly started: number[] = [];
  /** Late ones, in the order in which they were completed. */
  readonly completed: number[] = [];
  /** What late ones wait for. */
  undertaking: TestUndertaking | null = null;
  running = 0;
  runningMax = 0;
  countsTime = false;
  /** Which answer was the last of each write, where time is counted. */
  readonly sentFor: number[] = [];
  readonly #world: FakeWorld;

  constructor(world: FakeWorld) {
    this.#world = world;
  }

  requestHeaderVersion(apiKey: number, apiVersion: number): number {
    if (apiKey === UNKNOWN) return -1;
    return apiVersion >= 2 ? 2 : 1;
  }

  mayOverlap(apiKey: number): boolean {
    return apiKey !== ALONE_LATER;
  }

  handle(request: Request): Outcome | Promise<Response | null> {
    this.started.push(request.correlationId);
    switch (request.apiKey) {
      case ECHO:
        return echo(request);
      case BAD:
        throw new ProtocolError("bad bytes");
      case SILENT:
        return numberIn(request) === 0
          ? null
          : { flexibleHeader: false, parts: [], isSilent: true, throttleMs: numberIn(request) };
      case LAST:
        return { ...echo(request), closeReason: "it asked for it" };
      case THROTTLED:
        return { ...echo(request), throttleMs: numberIn(request) };
      case BUG:
        throw new Error("a bug");
      case BIG:
        return { flexibleHeader: false, parts: [Buffer.alloc(numberIn(request), 7)] };
      case LATE:
        return new Late(() => this.#completed(request), this.undertaking);
      default:
        return this.#later(request);
    }
  }

  #completed(request: Request): Response {
    this.completed.push(request.correlationId);
    if (numberIn(request) === NONSENSE) throw new ProtocolError("bad bytes, at the end");
    return echo(request);
  }

  sent(request: Request): void {
    this.sentFor.push(request.correlationId);
  }

  async #later(request: Request): Promise<Response> {
    this.running++;
    this.runningMax = Math.max(this.runningMax, this.running);
    const { clock } = this.#world;
    const { connection } = request;
    const isClosing = () => connection.isClosing;
    if (request.apiKey === UNTIL_CLOSING) {
      await waitUntil(clock, [connection.closing], Infinity, isClosing);
    } else {
      await waitUntil(clock, [], numberIn(request), () => false);
    }
    this.running--;
    if (request.apiKey === BAD_LATER) throw new ProtocolError("bad bytes, seen late");
    if (request.apiKey === BUG_LATER) throw new Error("a late bug");
    return echo(request);
  }
}

/** Keeps views of the frame up to the last byte, as handlers may. */
function echo({ apiVersion, body }: Request): Response {
  const view = body.bytes.subarray(body.position, body.position + body.remaining);
  return { flexibleHeader: apiVersion >= 2, parts: [view] };
}

function numberIn({ body }: Request): number {
  return body.bytes.readInt32BE(body.position);
}

export class Client extends Endpoint {
  readonly #world: FakeWorld;
  #parsed = 0;
  #responses: { correlationId: number; body: Buffer }[] = [];
  #pending = Buffer.alloc(0);

  constructor(world: FakeWorld) {
    super(new Signal());
    this.#world = world;
  }

  request(apiKey: number, correlationId: number, body: Buffer | number = 0): void {
    this.send(requestOf(apiKey, correlationId, body));
  }

  /** All whole responses so far. */
  responses(): { correlationId: number; body: Buffer }[] {
    this.#world.clock.settle();
    const news = this.chunks.slice(this.#parsed);
    this.#parsed = this.chunks.length;
    this.#pending = Buffer.concat([this.#pending, ...news]);
    while (this.#pending.length >= 4) {
      const end = 4 + this.#pending.readInt32BE(0);
      if (this.#pending.length < end) break;
      this.#responses.push({
        correlationId: this.#pending.readInt32BE(4),
        body: this.#pending.subarray(8, end),
      });
      this.#pending = this.#pending.subarray(end);
    }
    return this.#responses;
  }

  ids(): number[] {
    return this.responses().map(({ correlationId }) => correlationId);
  }
}

export function requestOf(apiKey: number, correlationId: number, body: Buffer | number): Buffer {
  const bytes = typeof body === "number" ? numberOf(body) : body;
  const request = Buffer.alloc(18 + bytes.length);
  request.writeInt32BE(14 + bytes.length, 0);
  request.writeInt16BE(apiKey, 4);
  request.writeInt16BE(1, 6);
  request.writeInt32BE(correlationId, 8);
  request.writeInt16BE(4, 12);
  request.write("test", 14);
  bytes.copy(request, 18);
  return request;
}

/** The number of a counter or a gauge. */
export function metricOf(metrics: Metrics, name: string): number {
  for (const metric of metrics.all()) {
    if (metric.name !== `bunka_server_${name.replace("_total", "")}`) continue;
    if ("read" in metric.value) return metric.value.read();
    return metric.value.count;
  }
  throw new Error(`no metric ${name}`);
}

function numberOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
