/**
 * A whole broker on a fake World, asked through its dispatchers: real bytes in and out, and no
 * socket between. Time stands still but for what a request waits for.
 */
import { Dispatcher } from "../../src/api/dispatcher.ts";
import {
  type ConnectionContext,
  Late,
  type Part,
  type Request,
  type Response,
} from "../../src/api/request.ts";
import { leveledLogger, LogLevels } from "../../src/base/log-levels.ts";
import { createLogger } from "../../src/base/logger.ts";
import { Signal } from "../../src/base/signal.ts";
import { BrokerNode } from "../../src/broker/broker-node.ts";
import { Settings } from "../../src/broker/settings/settings.ts";
import { decoderOf } from "../../src/protocol/compile.ts";
import { requestHeader } from "../../src/protocol/messages/header.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { Reader } from "../../src/protocol/reader.ts";
import type { ListenerKind } from "../../src/protocol/schema.ts";
import { testProperties } from "../compat/harness/properties.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { Asker, DATA, type Connection, type Line } from "./asker.ts";

export const BROKER_PORT = 9092;
export const CONTROLLER_PORT = 9093;

const DATA_DIRECTORY = "/data";

const SETTINGS = testProperties(BROKER_PORT, CONTROLLER_PORT, DATA_DIRECTORY);

export class TestBroker implements Line {
  readonly world: FakeWorld;
  readonly node: BrokerNode;
  readonly asker: Asker;
  /** Whole lines of the log. */
  readonly lines: string[];
  /** Why the node cannot go on, if it cannot. */
  readonly fatals: readonly unknown[];
  readonly ports = [BROKER_PORT, CONTROLLER_PORT];
  readonly dataDirectory = DATA_DIRECTORY;
  readonly #dispatchers: Record<ListenerKind, Dispatcher>;

  constructor(world: FakeWorld, node: BrokerNode, lines: string[], fatals: readonly unknown[]) {
    this.world = world;
    this.node = node;
    this.lines = lines;
    this.fatals = fatals;
    this.#dispatchers = {
      broker: new Dispatcher("broker"),
      controller: new Dispatcher("controller"),
    };
    for (const dispatcher of Object.values(this.#dispatchers)) dispatcher.open(node);
    this.asker = new Asker(this);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.world.clock.schedule(delayMs, resolve));
  }

  connect(listener: ListenerKind): Promise<Connection> {
    const dispatcher = this.#dispatchers[listener];
    const context = someConnection(listener === "broker" ? "PLAINTEXT" : "CONTROLLER");
    return Promise.resolve({
      exchange: (frame: Buffer) => this.#exchange(dispatcher, context, frame),
    });
  }

  /** Runs until the promise is settled, moving time as far as that needs. */
  wait<T>(promise: Promise<T>): T {
    return this.world.clock.await(promise);
  }

  stop(): void {
    this.wait(this.node.stop());
  }

  async #exchange(
    dispatcher: Dispatcher,
    connection: ConnectionContext,
    frame: Buffer,
  ): Promise<Buffer | null> {
    const [apiKey, apiVersion] = [frame.readInt16BE(0), frame.readInt16BE(2)];
    const headerVersion = dispatcher.requestHeaderVersion(apiKey, apiVersion);
    if (headerVersion < 0) return null;
    const body = new Reader(frame);
    const header = decoderOf(requestHeader, headerVersion)(body);
    const response = await answerOf(dispatcher, {
      apiKey,
      apiVersion,
      correlationId: header.correlationId,
      clientId: header.clientId ?? "",
      body,
      connection,
      size: frame.length,
      receivedMs: this.world.clock.monotonicMs(),
      holdsBack: false,
      errorCounts: new Float64Array(192),
      variant: 0,
      // Now one way, now the other: a client cannot tell.
      isFollowed: header.correlationId % 2 === 1,
    });
    if (response === null || response.isSilent === true) return null;
    const { flexibleHeader, parts } = response;
    const responseHeader = Buffer.alloc(flexibleHeader ? 5 : 4);
    responseHeader.writeInt32BE(header.correlationId);
    const bytes = Buffer.concat([responseHeader, ...parts.map(bytesOf)]);
    response.release?.();
    return bytes;
  }
}

/** As the server does: bad bytes close the connection. */
async function answerOf(dispatcher: Dispatcher, request: Request): Promise<Response | null> {
  try {
    const outcome = await dispatcher.handle(request);
    if (!(outcome instanceof Late)) return outcome;
    const { waits } = outcome;
    // As the server does, of two ways that are right one for each that cannot be told apart.
    if (waits?.isOver === false && request.correlationId % 4 !== 3) {
      await new Promise<void>((resolve) => waits.whenOver(resolve));
    }
    return outcome.complete();
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/** Opened and started. `overrides` are settings beside the usual ones. */
export function startBroker(
  overrides: Readonly<Record<string, string>> = {},
  world = fakeWorld(),
): TestBroker {
  const lines: string[] = [];
  const fatals: unknown[] = [];
  const logLevels = new LogLevels("INFO");
  const write = createLogger(world.clock, "debug", (line) => lines.push(line));
  const opened = BrokerNode.open({
    world,
    logger: leveledLogger(write, logLevels),
    logLevels,
    settings: new Settings(withData({ ...SETTINGS, ...overrides })),
    hostName: "127.0.0.1",
    fatal: (error) => fatals.push(error),
  });
  const node = world.clock.await(opened);
  const ports = new Map([
    ["PLAINTEXT", BROKER_PORT],
    ["CONTROLLER", CONTROLLER_PORT],
  ]);
  world.clock.await(node.startMetadata(ports).then(() => node.start()));
  return new TestBroker(world, node, lines, fatals);
}

function withData(settings: Readonly<Record<string, string>>): Map<string, string> {
  const texts = Object.entries(settings);
  return new Map(texts.map(([name, text]) => [name, text.replaceAll(DATA, DATA_DIRECTORY)]));
}

function someConnection(listenerName: string): ConnectionContext {
  return {
    id: 1,
    listenerName,
    remoteAddress: "127.0.0.1",
    remotePort: 40_000,
    clientSoftwareName: "",
    clientSoftwareVersion: "",
    isClosing: false,
    closing: new Signal(),
  };
}

function bytesOf(part: Part): Uint8Array {
  if (part instanceof Uint8Array) return part;
  const bytes = Buffer.alloc(part.size);
  part.file.read(bytes, 0, part.size, part.position);
  return bytes;
}
