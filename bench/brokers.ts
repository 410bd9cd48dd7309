/** The two brokers that are compared, each as a process of its own on an empty directory. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { installKafka, KAFKA_LIBRARIES } from "../test/compat/harness/install.ts";

export type BrokerKind = "bunka" | "kafka";

export interface BrokerProcess {
  readonly kind: BrokerKind;
  readonly pid: number;
  readonly port: number;
  /** From the start of the process until its port accepted a connection. */
  readonly startMs: number;
  stop(): Promise<void>;
}

const REPOSITORY = resolve(import.meta.dir, "..");
const CLUSTER_ID = "YmVuY2htYXJrLWNsdXN0ZQ";
const JAVA = ["java", "-Xmx1G", "-Xms1G", "-XX:+UseG1GC", "-cp", `${KAFKA_LIBRARIES}/*`];

/** `more` are lines of settings. */
export async function startBroker(
  kind: BrokerKind,
  folder: string,
  more: readonly string[] = [],
): Promise<BrokerProcess> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const [port, controllerPort] = [freePort(), freePort()];
  const file = join(folder, "server.properties");
  const lines = [propertiesOf(port, controllerPort, join(folder, "data")), ...more, ""];
  writeFileSync(file, lines.join("\n"));
  if (kind === "kafka") {
    await installKafka();
    const format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", file];
    Bun.spawnSync([...JAVA, ...format, "--standalone"]);
  }
  const command =
    kind === "kafka"
      ? [...JAVA, "kafka.Kafka", file]
      : [process.execPath, join(REPOSITORY, "src/main.ts"), "broker", file];
  const log = openSync(join(folder, "broker.log"), "w");
  const startedMs = performance.now();
  const child = Bun.spawn(command, { cwd: REPOSITORY, stdout: log, stderr: log });
  closeSync(log);
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${kind} ended: see ${folder}/broker.log`);
    await Bun.sleep(2);
  }
  return {
    kind,
    pid: child.pid,
    port,
    startMs: performance.now() - startedMs,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** User and system time of a process so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function residentMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

function propertiesOf(port: number, controllerPort: number, data: string): string {
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names=CONTROLLER",
    `controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}`,
    `log.dirs=${data}`,
    "num.partitions=8",
    "offsets.topic.replication.factor=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "log.segment.delete.delay.ms=500",
  ].join("\n");
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
}

async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    socket.terminate();
    return true;
  } catch {
    return false;
  }
}
