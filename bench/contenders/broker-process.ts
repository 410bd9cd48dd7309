/** Starts a broker on an empty directory, or several as one cluster, and ends them. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { realRandom } from "../../src/base/real-random.ts";
import { randomUuid } from "../../src/base/uuid.ts";
import { tied } from "../kit/children.ts";
import { LoopProbe } from "../kit/loop-probe.ts";
import { familyOf, hasProcessFigures } from "./process-figures.ts";
import type { Contender, ContenderOptions } from "./contender.ts";

export interface BrokerProgram {
  readonly name: string;
  /** Run to its end first, where the directory must be formatted; `voters` of a cluster. */
  readonly format?: (settingsFile: string, voters: string | null) => readonly string[];
  readonly command: (settingsFile: string) => readonly string[];
  /** How many the command starts, as processes of its own; 1 where it is left out. */
  readonly nodes?: number;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The command preloads the probe of the loop. */
  readonly isProbed?: boolean;
}

const POLL_MS = 2;

export async function startBrokerProcess(
  program: BrokerProgram,
  { folder, settings, isRestart = false }: ContenderOptions,
): Promise<Contender> {
  if (!isRestart) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const nodes = program.nodes ?? 1;
  const [port, controllerPort] = [freePort(nodes), freePort(nodes)];
  const file = join(folder, "server.properties");
  const data = join(folder, "data");
  writeSettings(file, [...settingsOf({ id: 1, port, controllerPort, data }), ...settings]);
  if (!isRestart) format(program, file, null);
  const startedMs = performance.now();
  const isProbed = program.isProbed === true;
  const probe = isProbed ? new LoopProbe((message) => child.send(message)) : null;
  const child: Child = spawn(program, folder, file, probe);
  await untilAccepted(program, child, folder, port, nodes);
  return {
    name: program.name,
    host: "127.0.0.1",
    port,
    pids: !hasProcessFigures() ? [] : nodes === 1 ? [child.pid] : familyOf(child.pid),
    dataDirectories:
      nodes === 1 ? [data] : Array.from({ length: nodes }, (_, index) => `${data}/${index + 1}`),
    isFloor: false,
    startedMs,
    loop: probe,
    stop: () => stop(child),
  };
}

/** So many processes of a program that starts one, each a broker and a voter of the quorum. */
export async function startBrokerProcesses(
  program: BrokerProgram,
  nodes: number,
  { folder, settings, isRestart = false }: ContenderOptions,
): Promise<Contender> {
  if (!isRestart) rmSync(folder, { recursive: true, force: true });
  const seats = Array.from({ length: nodes }, (_, index) => {
    const own = join(folder, `${index + 1}`);
    const controllerPort = freePort();
    const directoryId = randomUuid(realRandom());
    const voter = `${index + 1}@127.0.0.1:${controllerPort}:${directoryId}`;
    const file = join(own, "server.properties");
    return {
      id: index + 1,
      port: freePort(),
      controllerPort,
      folder: own,
      data: join(own, "data"),
      file,
      voter,
    };
  });
  const servers = seats.map(({ controllerPort }) => `127.0.0.1:${controllerPort}`).join();
  for (const seat of seats) {
    mkdirSync(seat.folder, { recursive: true });
    const bootstrap = `controller.quorum.bootstrap.servers=${servers}`;
    writeSettings(seat.file, [...settingsOf(seat), bootstrap, ...settings]);
    if (!isRestart) format(program, seat.file, seats.map(({ voter }) => voter).join());
  }
  const startedMs = performance.now();
  const children = seats.map((seat) => spawn(program, seat.folder, seat.file));
  for (const [index, seat] of seats.entries()) {
    await untilAccepted(program, children[index]!, seat.folder, seat.port, 1);
  }
  return {
    name: program.name,
    host: "127.0.0.1",
    port: seats[0]!.port,
    pids: hasProcessFigures() ? children.map(({ pid }) => pid) : [],
    dataDirectories: seats.map(({ data }) => data),
    isFloor: false,
    startedMs,
    async stop() {
      // Kafka's last ones would wait long for a controller that is no more.
      await Promise.all(children.map(stop));
    },
  };
}

type Child = ReturnType<typeof spawn>;

function spawn(
  program: BrokerProgram,
  folder: string,
  file: string,
  probe: LoopProbe | null = null,
) {
  const log = openSync(join(folder, "broker.log"), "w");
  const child = tied(
    Bun.spawn([...program.command(file)], {
      stdout: log,
      stderr: log,
      env: { ...process.env, ...program.environment },
      ...(program.cwd === undefined ? {} : { cwd: program.cwd }),
      ...(probe === null ? {} : { ipc: (message: unknown) => probe.told(message) }),
    }),
  );
  closeSync(log);
  return child;
}

const STOPPED_WITHIN_MS = 10_000;

async function stop(child: Child): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOPPED_WITHIN_MS);
  await child.exited;
  clearTimeout(timer);
}

function format(program: BrokerProgram, file: string, voters: string | null): void {
  if (program.format === undefined) return;
  const env = { ...process.env, ...program.environment };
  const { exitCode, stderr } = Bun.spawnSync([...program.format(file, voters)], { env });
  if (exitCode !== 0) throw new Error(`${program.name} was not formatted: ${stderr.toString()}`);
}

async function untilAccepted(
  program: BrokerProgram,
  child: Child,
  folder: string,
  port: number,
  count: number,
): Promise<void> {
  while (!(await acceptAll(port, count))) {
    if (child.exitCode !== null) {
      const said = readFileSync(join(folder, "broker.log"), "utf8").slice(-2000);
      throw new Error(`${program.name} ended with ${child.exitCode}: ${said}`);
    }
    await Bun.sleep(POLL_MS);
  }
}

function writeSettings(file: string, lines: readonly string[]): void {
  writeFileSync(file, [...lines, ""].join("\n"));
}

interface Seat {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  readonly data: string;
}

/** The same for every broker. */
function settingsOf({ id, port, controllerPort, data }: Seat): string[] {
  return [
    "process.roles=broker,controller",
    `node.id=${id}`,
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

/** Below those that Linux takes for connections: there a port may be gone before it is needed. */
const PORT_MIN = 12_000;
const PORT_MAX = 32_000;

/** The first of so many free ports side by side. */
export function freePort(count = 1): number {
  for (;;) {
    const first = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (areFree(first, count)) return first;
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
