/** `broker`: runs a node until it is told to stop, as kafka-server-start.sh does. */
import { hostname } from "node:os";
import {
  LOG_LEVEL_NAMES,
  leveledLogger,
  type LogLevelName,
  LogLevels,
} from "../base/log-levels.ts";
import { createLogger } from "../base/logger.ts";
import { writeToConsole } from "../base/real-console.ts";
import { NetworkError } from "../base/world.ts";
import { FormatError } from "../broker/format-storage.ts";
import { logDirectories } from "../broker/settings/effective.ts";
import { loadSettings, settingsWithoutFile } from "../broker/settings/load-settings.ts";
import { unknownNames, withoutEffect } from "../broker/settings/not-yet.ts";
import type { Settings } from "../broker/settings/settings.ts";
import { LogStartupError } from "../log/log-startup-error.ts";
import { MetaPropertiesError } from "../log/meta-properties.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { QuorumError } from "../raft/raft-node.ts";
import { type Node, startNode } from "../server/node.ts";
import { type CommandLine, HELP, helpLines, parseArguments, UsageError } from "./arguments.ts";
import { CommandFailure, type CommandContext } from "./command.ts";
import { STOPS_WITH_INPUT } from "./nodes/child-node.ts";
import { parseOverrides, readSettingsFile } from "./settings-file.ts";

const OVERRIDE = {
  long: "--override",
  value: "NAME=VALUE",
  isRepeated: true,
  about: "A setting that goes before the one in the file. May be given many times.",
} as const;

const NODES = {
  long: "--nodes",
  value: "N",
  about:
    "A cluster of N nodes on this host, each a process with ports and a folder of its own: 9092, " +
    "9093 ... and ./data/1, 2 ... One that dies is started again.",
} as const;

const LINE: CommandLine = { flags: [OVERRIDE, NODES], positionals: ["[FILE.properties]"] };
const ABOUT =
  "Run a broker until it is told to stop (SIGTERM, SIGINT). Without a file it listens on " +
  "127.0.0.1:9092 and keeps its data in ./data.";

export async function runBroker(
  words: readonly string[],
  context: CommandContext,
): Promise<number> {
  const given = parseArguments(words, LINE);
  const { console } = context;
  if (given.has(HELP)) {
    for (const line of helpLines("bunka broker", ABOUT, LINE)) console.out(line);
    return 0;
  }
  const world = await context.world();
  const startedMs = world.clock.monotonicMs();
  const overrides = parseOverrides(given.values(OVERRIDE));
  const [file] = given.positionals;
  const fileTexts = file === undefined ? null : readSettingsFile(world.disk, file);
  const count = given.value(NODES);
  if (count !== null) {
    const { runNodes } = await import("./nodes/run-nodes.ts");
    return runNodes({ count, file, fileTexts, overrides }, context);
  }
  const texts =
    fileTexts === null ? settingsWithoutFile(overrides) : new Map([...fileTexts, ...overrides]);
  const settings = loadSettings(texts);
  const logLevels = new LogLevels(logLevel());
  const lines = createLogger(world.clock, "debug", writeToConsole);
  const logger = leveledLogger(lines, logLevels);
  for (const name of unknownNames(texts)) logger.warn(`unknown setting ${name} is ignored`);
  for (const [reason, names] of withoutEffect(texts)) {
    logger.warn(`settings without effect, for ${reason}: ${names.join(", ")}`);
  }
  const ended = Promise.withResolvers<number>();
  const fatal = (error: unknown): void => {
    logger.error(`the node must stop: ${describe(error)}`);
    ended.resolve(1);
  };
  process.on("uncaughtException", fatal);
  process.on("unhandledRejection", fatal);
  const started = start({ world, settings, logger, logLevels, hostName: hostname(), fatal });
  const node = await Promise.race([started, ended.promise]);
  // A bug on the way to the ready line: nothing may be left to wait for.
  if (typeof node === "number") return node;
  const stop = () => void node.stop().then(() => ended.resolve(0), fatal);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  if (process.env[STOPS_WITH_INPUT] !== undefined) process.stdin.on("end", stop).resume();
  process.on("SIGUSR1", () => console.out(node.metrics.table()));
  console.out(readyLine(node, settings, world.clock.monotonicMs() - startedMs));
  return ended.promise;
}

async function start(options: Parameters<typeof startNode>[0]): Promise<Node> {
  try {
    return await startNode(options);
  } catch (error) {
    if (EXPECTED.some((kind) => error instanceof kind)) {
      throw new CommandFailure((error as Error).message);
    }
    throw error;
  }
}

/** What a person can mend: each message says in one line what is wrong and where. */
const EXPECTED = [
  LogStartupError,
  FormatError,
  MetaPropertiesError,
  NetworkError,
  ProtocolError,
  QuorumError,
];

function readyLine(node: Node, settings: Settings, ms: number): string {
  const { broker, controller } = node.broker.listeners;
  const listeners = (broker.length > 0 ? broker : controller).map(
    ({ name, host }) => `${name}://${host ?? "0.0.0.0"}:${node.port(name)}`,
  );
  const directories = logDirectories(settings).join(",");
  return (
    `Bunka is ready: ${listeners.join(",")} (node ${node.broker.nodeId}, cluster ` +
    `${node.broker.clusterId}, data in ${directories}, ${ms.toFixed(0)} ms)`
  );
}

function logLevel(): LogLevelName {
  const text = process.env["BUNKA_LOG_LEVEL"] ?? "WARN";
  const level = LOG_LEVEL_NAMES.find((name) => name === text.toUpperCase());
  if (level !== undefined) return level;
  throw new UsageError(`BUNKA_LOG_LEVEL is one of ${LOG_LEVEL_NAMES.join(", ")}, not '${text}'`);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
