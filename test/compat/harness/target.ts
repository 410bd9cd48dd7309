/** The broker under test: Apache Kafka from its Maven packages, or Bunka from this checkout. */
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { tied } from "../../../bench/kit/children.ts";
import { JAVA_CLASSES, KAFKA_LIBRARIES } from "./install.ts";
import { run } from "./process.ts";
import { testProperties } from "./properties.ts";
import { CompatError } from "./outcome.ts";

export type TargetKind = "kafka" | "bunka";

export interface Target {
  readonly bootstrap: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly pid: number;
  readonly exited: Promise<number>;
  /** By SIGTERM; gives the exit code. */
  stop(): Promise<number | null>;
  /** By SIGKILL. */
  kill(): Promise<void>;
}

/** Stands for the data directory in settings. */
export const DATA = "DATA";

export const REPOSITORY = resolve(import.meta.dir, "../../..");
const START_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 30_000;
export const CLUSTER_ID = "Y29tcGF0LWNsdXN0ZXIxMA";

/** Where a broker keeps its data and listens, whichever of the two it is. */
export interface Place {
  readonly port: number;
  readonly workDirectory: string;
  readonly dataDirectory: string;
  readonly propertiesFile: string;
}

/** Starts a broker on free ports with an empty data directory under `workDirectory`. */
export async function startTarget(
  kind: TargetKind,
  workDirectory: string,
  overrides: Readonly<Record<string, string>>,
): Promise<Target> {
  const place = makePlace(workDirectory, overrides);
  if (kind === "kafka") await formatByKafka(place);
  return await startOn(kind, place);
}

/**
 * A target that is started again whenever it was killed; the file holds the number of the process
 * that answers now.
 */
export async function startReviving(
  kind: TargetKind,
  workDirectory: string,
  overrides: Readonly<Record<string, string>>,
  pidFile: string,
): Promise<Target> {
  const place = makePlace(workDirectory, overrides);
  if (kind === "kafka") await formatByKafka(place);
  let isStopping = false;
  let current = await startOn(kind, place);
  const revive = async (): Promise<void> => {
    while (!isStopping) {
      writeFileSync(pidFile, `${current.pid}`);
      await current.exited;
      if (!isStopping) current = await startOn(kind, place);
    }
  };
  const revived = revive();
  const stop = async (): Promise<number | null> => {
    isStopping = true;
    const code = await current.stop();
    await revived;
    await current.stop();
    return code;
  };
  return { ...current, stop };
}

/** Chooses the ports, says where DATA is, and writes server.properties. */
export function makePlace(
  workDirectory: string,
  overrides: Readonly<Record<string, string>>,
  base: (
    port: number,
    controllerPort: number,
    data: string,
  ) => Record<string, string> = testProperties,
): Place {
  const dataDirectory = join(workDirectory, "data");
  mkdirSync(dataDirectory, { recursive: true });
  const [port = 0, controllerPort = 0] = freePorts(2);
  const given = { ...base(port, controllerPort, dataDirectory), ...overrides };
  const settings = Object.entries(given).map(([key, value]) => [
    key,
    value.replaceAll(DATA, dataDirectory),
  ]);
  const propertiesFile = join(workDirectory, "server.properties");
  const lines = settings.map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(propertiesFile, lines.join(""));
  return { port, workDirectory, dataDirectory, propertiesFile };
}

/** Ready soon rather than fast; whoever measures says otherwise. */
const JAVA_FLAGS =
  process.env["BUNKA_JAVA_FLAGS"] ?? "-Xshare:auto -XX:TieredStopAtLevel=1 -Xmx768m";
export const JAVA = ["java", ...JAVA_FLAGS.split(" ")];
/** Classes of the drivers that a broker may be told to load. */
export const CLASS_PATH = ["-cp", `${KAFKA_LIBRARIES}/*:${JAVA_CLASSES}`];

export async function formatByKafka(place: Place): Promise<void> {
  const format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID];
  await run([...JAVA, ...CLASS_PATH, ...format, "-c", place.propertiesFile, "--standalone"]);
}

/** Sources as they are, or dist/program/main.js, which starts sooner. */
const BUNKA = process.env["BUNKA_PROGRAM"] ?? "src/main.ts";

/** Starts a broker on what lies in the place, and waits until it answers. */
export async function startOn(
  kind: TargetKind,
  place: Place,
  options: readonly string[] = [],
): Promise<Target> {
  const target = launchOn(kind, place, options);
  const exited = target.exited.then(() => true);
  const end = Date.now() + START_DEADLINE_MS;
  while (!(await answers(place.port))) {
    const hasEnded = await Promise.race([exited, Bun.sleep(20).then(() => false)]);
    if (hasEnded || Date.now() > end) {
      await target.stop();
      const log = await Bun.file(target.logFile).text();
      throw new CompatError(`${kind} did not start:\n${log.slice(-2000)}`);
    }
  }
  return target;
}

/** A process that begins to start; its log goes on in the same file. */
export function launchOn(kind: TargetKind, place: Place, options: readonly string[] = []): Target {
  const { port, dataDirectory, propertiesFile } = place;
  const command =
    kind === "kafka"
      ? [...JAVA, ...CLASS_PATH, "kafka.Kafka", propertiesFile, ...options]
      : [process.execPath, join(REPOSITORY, BUNKA), "broker", propertiesFile, ...options];
  const logFile = join(place.workDirectory, "broker.log");
  const log = openSync(logFile, "a");
  const streams = { stdin: "ignore", stdout: log, stderr: log } as const;
  const child = tied(Bun.spawn(command, { cwd: REPOSITORY, ...streams }));
  closeSync(log);
  const stop = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await child.exited;
    clearTimeout(timer);
    return child.exitCode;
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const bootstrap = `127.0.0.1:${port}`;
  return { bootstrap, dataDirectory, logFile, pid: child.pid, exited: child.exited, stop, kill };
}

/** Below those that Linux takes for connections: there a port may be gone before it is needed. */
const PORT_MIN = 12_000;
const PORT_MAX = 32_000;

/** Ports that nobody listens on at this moment. */
export function freePorts(count: number): number[] {
  const nothing = { data(): void {} };
  const sockets: { readonly port: number; stop(closes: boolean): void }[] = [];
  while (sockets.length < count) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    try {
      sockets.push(Bun.listen({ hostname: "127.0.0.1", port, socket: nothing }));
    } catch {
      // Somebody has it.
    }
  }
  const ports = sockets.map((socket) => socket.port);
  for (const socket of sockets) socket.stop(true);
  return ports;
}

/** Whether the broker answers an ApiVersions request (version 0) without an error. */
async function answers(port: number): Promise<boolean> {
  const request = Uint8Array.of(0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff);
  const { promise, resolve: settle } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => settle(false), 2000);
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_socket, data) => settle(data.length >= 10 && data[8] === 0 && data[9] === 0),
        close: () => settle(false),
        error: () => settle(false),
      },
    });
    socket.write(request);
    const answered = await promise;
    socket.end();
    return answered;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
