/** The broker under test: Apache Kafka from its Maven packages, or Bunka from this checkout. */
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { run } from "./process.ts";
import { CompatError } from "./outcome.ts";

export type TargetKind = "kafka" | "bunka";

export interface Target {
  readonly bootstrap: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  stop(): Promise<void>;
}

const REPOSITORY = resolve(import.meta.dir, "../../..");
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 30_000;
const CLUSTER_ID = "Y29tcGF0LWNsdXN0ZXIxMA";

/** The same settings for both; whatever is not named here is at Kafka's default. */
function properties(port: number, controllerPort: number, dataDirectory: string) {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.bootstrap.servers": `127.0.0.1:${controllerPort}`,
    "log.dirs": dataDirectory,
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    // The records of the scenarios carry timestamps of 2023: retention must let them be.
    "log.retention.ms": "-1",
    "group.initial.rebalance.delay.ms": "0",
  };
}

/** Starts a broker on free ports with an empty data directory under `workDirectory`. */
export async function startTarget(
  kind: TargetKind,
  kafkaLibraries: string,
  workDirectory: string,
  overrides: Readonly<Record<string, string>>,
): Promise<Target> {
  const dataDirectory = join(workDirectory, "data");
  mkdirSync(dataDirectory, { recursive: true });
  const [port, controllerPort] = freePorts();
  const settings = { ...properties(port, controllerPort, dataDirectory), ...overrides };
  const file = join(workDirectory, "server.properties");
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(file, lines.join(""));
  const java = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Xmx768m"];
  const classPath = ["-cp", `${kafkaLibraries}/*`];
  if (kind === "kafka") {
    const format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", file];
    await run([...java, ...classPath, ...format, "--standalone"]);
  }
  const command =
    kind === "kafka"
      ? [...java, ...classPath, "kafka.Kafka", file]
      : [process.execPath, join(REPOSITORY, "src/main.ts"), "broker", file];
  return await start(kind, command, port, workDirectory, dataDirectory);
}

async function start(
  kind: TargetKind,
  command: string[],
  port: number,
  workDirectory: string,
  dataDirectory: string,
): Promise<Target> {
  const logFile = join(workDirectory, "broker.log");
  const log = openSync(logFile, "a");
  const child = Bun.spawn(command, { cwd: REPOSITORY, stdin: "ignore", stdout: log, stderr: log });
  closeSync(log);
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await child.exited;
    clearTimeout(timer);
  };
  const end = Date.now() + START_DEADLINE_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > end) {
      await stop();
      const log = await Bun.file(logFile).text();
      throw new CompatError(`${kind} did not start:\n${log.slice(-2000)}`);
    }
    await Bun.sleep(20);
  }
  return { bootstrap: `127.0.0.1:${port}`, dataDirectory, logFile, stop };
}

/** Two ports that nobody listens on at this moment. */
function freePorts(): [number, number] {
  const nothing = { data(): void {} };
  const sockets = [0, 1].map(() => Bun.listen({ hostname: "127.0.0.1", port: 0, socket: nothing }));
  const [first, second] = sockets.map((socket) => socket.port);
  for (const socket of sockets) socket.stop(true);
  if (first === undefined || second === undefined) throw new CompatError("no free port");
  return [first, second];
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
