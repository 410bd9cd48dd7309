/** Starts a broker on an empty directory, and ends it. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tied } from "../kit/children.ts";
import { familyOf, hasProcessFigures } from "./process-figures.ts";
import type { Contender, ContenderOptions } from "./contender.ts";

export interface BrokerProgram {
  readonly name: string;
  /** Run to its end first, where the directory must be formatted. */
  readonly format?: (settingsFile: string) => readonly string[];
  readonly command: (settingsFile: string) => readonly string[];
  /** How many the command starts, as processes of its own; 1 where it is left out. */
  readonly nodes?: number;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const POLL_MS = 2;
const PORTS_MAX = 50_000;

export async function startBrokerProcess(
  program: BrokerProgram,
  { folder, settings, isRestart = false }: ContenderOptions,
): Promise<Contender> {
  if (!isRestart) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const nodes = program.nodes ?? 1;
  const [port, controllerPort] = [nodes === 1 ? freePort() : freePortsFrom(nodes), freePort()];
  const file = join(folder, "server.properties");
  const dataDirectory = join(folder, "data");
  const lines = [...settingsOf(port, controllerPort, dataDirectory), ...settings, ""];
  writeFileSync(file, lines.join("\n"));
  const environment = { ...process.env, ...program.environment };
  if (program.format !== undefined && !isRestart) {
    const { exitCode, stderr } = Bun.spawnSync([...program.format(file)], { env: environment });
    if (exitCode !== 0) throw new Error(`${program.name} was not formatted: ${stderr.toString()}`);
  }
  const log = openSync(join(folder, "broker.log"), "w");
  const startedMs = performance.now();
  const child = tied(
    Bun.spawn([...program.command(file)], {
      stdout: log,
      stderr: log,
      env: environment,
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
    }),
  );
  closeSync(log);
  while (!(await acceptAll(port, nodes))) {
    if (child.exitCode !== null) {
      const said = readFileSync(join(folder, "broker.log"), "utf8").slice(-2000);
      throw new Error(`${program.name} ended with ${child.exitCode}: ${said}`);
    }
    await Bun.sleep(POLL_MS);
  }
  return {
    name: program.name,
    host: "127.0.0.1",
    port,
    pids: !hasProcessFigures() ? [] : nodes === 1 ? [child.pid] : familyOf(child.pid),
    dataDirectory: nodes === 1 ? dataDirectory : null,
    isFloor: false,
    startedMs,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** The same for every broker. */
function settingsOf(port: number, controllerPort: number, data: string): string[] {
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
    "log.retention.check.interval.ms=10000",
  ];
}

export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
}

/** The first of so many free ports side by side. */
function freePortsFrom(count: number): number {
  for (;;) {
    const first = freePort();
    if (first + count < PORTS_MAX && areFree(first, count)) return first;
  }
}

function areFree(first: number, count: number): boolean {
  for (let port = first; port < first + count; port++) {
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    } catch {
      return false;
    }
  }
  return true;
}

async function acceptAll(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) {
    if (!(await accepts(port))) return false;
  }
  return true;
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
