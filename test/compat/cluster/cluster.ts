/**
 * A cluster of real processes on this machine, each node an Apache Kafka or a Bunka, for the tests
 * to start, stop, kill, freeze and cut off, and to replace by the other kind on the same directory.
 *
 *   const cluster = await Cluster.make(folder, { kinds: ["kafka", "bunka", "bunka"] });
 *   await cluster.start();
 *   await cluster.node(2).kill();
 *   await cluster.node(2).start("bunka");
 *   await cluster.end();
 *
 * With `hasProxies` nodes and clients are told of proxies only: every way can be made bad.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomUuid } from "../../../src/base/uuid.ts";
import { realRandom } from "../../../src/base/real-random.ts";
import { run } from "../harness/process.ts";
import { CompatError } from "../harness/outcome.ts";
import { testProperties } from "../harness/properties.ts";
import {
  CLUSTER_ID,
  freePorts,
  JAVA,
  CLASS_PATH,
  launchOn,
  REPOSITORY,
  startOn,
} from "../harness/target.ts";
import type { Place, Target, TargetKind } from "../harness/target.ts";
import { type Fault, FaultProxy, type Source } from "./fault-proxy.ts";
import { mountSmallDisk, unmount } from "./small-disk.ts";
import { ownerOf } from "./socket-owner.ts";

export type Role = "both" | "broker" | "controller";

export type DiskKind = "only" | "second" | "folder";

export interface ClusterOptions {
  /** One for each node, from node 1 on. */
  readonly kinds: readonly TargetKind[];
  /** The same; all are both unless given. */
  readonly roles?: readonly Role[];
  readonly settings?: Readonly<Record<string, string>>;
  /** Of one node alone, by its id. */
  readonly ownSettings?: (id: number) => Readonly<Record<string, string>>;
  readonly hasProxies?: boolean;
  /** controller.quorum.voters in place of voters in the log. */
  readonly isStatic?: boolean;
  /**
   * A small one for each broker: for all that it keeps, or as a second log directory. A "folder" is
   * such a second one without a disk of its own.
   */
  readonly disk?: DiskKind;
  /** Who makes the directories; Bunka's command takes less time. */
  readonly formattedBy?: TargetKind;
  /** What its features are of; the newest unless given. */
  readonly releaseVersion?: string;
}

/** What is quicker than by default, where tests wait for nodes to be missed. */
export const QUICK_CLUSTER: Readonly<Record<string, string>> = {
  "broker.session.timeout.ms": "3000",
  "broker.heartbeat.interval.ms": "500",
  "offsets.topic.num.partitions": "3",
  "transaction.state.log.num.partitions": "3",
  "share.coordinator.state.topic.num.partitions": "3",
};

const DISK_MIB = 32;

export class ClusterNode {
  kind: TargetKind;
  readonly id: number;
  readonly role: Role;
  readonly controllerPort: number;
  readonly clientProxy: FaultProxy | null;
  readonly controllerProxy: FaultProxy | null;
  #target: Target | null = null;

  constructor(
    seat: Seat,
    readonly place: Place,
    readonly smallDisk: string | null,
  ) {
    this.kind = seat.kind;
    this.id = seat.id;
    this.role = seat.role;
    this.controllerPort = seat.controllerPort;
    this.clientProxy = seat.clientProxy;
    this.controllerProxy = seat.controllerProxy;
  }

  get address(): string {
    return `127.0.0.1:${this.clientProxy?.port ?? this.place.port}`;
  }

  get isRunning(): boolean {
    return this.#target !== null;
  }

  get pid(): number {
    return this.running.pid;
  }

  /** Its log directories. */
  get directories(): readonly string[] {
    const { dataDirectory } = this.place;
    const isSecond = this.smallDisk !== null && this.smallDisk !== dataDirectory;
    return isSecond ? [dataDirectory, this.smallDisk] : [dataDirectory];
  }

  get running(): Target {
    if (this.#target === null) throw new CompatError(`node ${this.id} is not running`);
    return this.#target;
  }

  get log(): string {
    return readFileSync(join(this.place.workDirectory, "broker.log"), "utf8");
  }

  /** Resolves when it answers. */
  async start(kind = this.kind): Promise<void> {
    this.kind = kind;
    this.#target = await startOn(kind, this.place);
  }

  /** It is killed on its way. */
  async startInVain(lastsMs: number): Promise<void> {
    const target = launchOn(this.kind, this.place);
    await Bun.sleep(lastsMs);
    await target.kill();
  }

  /** Whether it ends by itself within that time. */
  async endsWithin(delayMs: number): Promise<boolean> {
    const ended = this.running.exited.then(() => true);
    const hasEnded = await Promise.race([ended, Bun.sleep(delayMs).then(() => false)]);
    if (hasEnded) this.#target = null;
    return hasEnded;
  }

  /** By SIGTERM; Kafka ends by a signal with 143, as every JVM does. */
  async stop(): Promise<void> {
    const code = await this.running.stop();
    this.#target = null;
    const wanted = this.kind === "kafka" ? 143 : 0;
    if (code !== wanted) throw new CompatError(`node ${this.id} ended with ${code}`);
  }

  async kill(): Promise<void> {
    await this.running.kill();
    this.#target = null;
  }

  /** It goes on to exist, but does nothing: a long pause. */
  freeze(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  thaw(): void {
    process.kill(this.pid, "SIGCONT");
  }
}

export class Cluster {
  readonly #format: (node: ClusterNode, words: readonly string[]) => Promise<void>;

  static async make(folder: string, options: ClusterOptions): Promise<Cluster> {
    const { kinds, roles = [], isStatic = false } = options;
    const ports = freePorts(kinds.length * 2);
    const pids = () =>
      cluster.nodes.filter((node) => node.isRunning).map(({ id, pid }) => [id, pid] as const);
    const whoIs = (port: number): Source => {
      const owners = pids();
      const owner = ownerOf(
        port,
        owners.map(([, pid]) => pid),
      );
      return owners.find(([, pid]) => pid === owner)?.[0] ?? null;
    };
    const seats = await Promise.all(
      kinds.map(async (kind, index): Promise<Seat> => {
        const port = ports[index * 2] ?? 0;
        const controllerPort = ports[index * 2 + 1] ?? 0;
        const proxies =
          options.hasProxies === true
            ? [await FaultProxy.listen(port, whoIs), await FaultProxy.listen(controllerPort, whoIs)]
            : [];
        return {
          id: index + 1,
          kind,
          role: roles[index] ?? "both",
          port,
          controllerPort,
          directoryId: randomUuid(realRandom()),
          clientProxy: proxies[0] ?? null,
          controllerProxy: proxies[1] ?? null,
        };
      }),
    );
    const nodes = seats.map((seat) => {
      const place = placeOf(folder, seat, seats, options);
      const smallDisk = smallDiskOf(place.workDirectory, seat.role, options.disk);
      return new ClusterNode(seat, place, smallDisk);
    });
    const { formattedBy = "bunka", releaseVersion } = options;
    const release = releaseVersion === undefined ? [] : ["--release-version", releaseVersion];
    const cluster: Cluster = new Cluster(nodes, ({ place }, words) =>
      format(place, formattedBy, seats, isStatic, [...words, ...release]),
    );
    for (const node of nodes) await cluster.#format(node, []);
    return cluster;
  }

  private constructor(
    readonly nodes: readonly ClusterNode[],
    format: (node: ClusterNode, words: readonly string[]) => Promise<void>,
  ) {
    this.#format = format;
  }

  /** A directory of it that is empty by now. */
  formatAgain(node: ClusterNode): Promise<void> {
    return this.#format(node, ["--ignore-formatted"]);
  }

  node(id: number): ClusterNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new CompatError(`there is no node ${id}`);
    return node;
  }

  get brokers(): readonly ClusterNode[] {
    return this.nodes.filter(({ role }) => role !== "controller");
  }

  get bootstrap(): string {
    return this.brokers.map(({ address }) => address).join(",");
  }

  /** Resolves when all that are not running do, and answer. */
  async start(): Promise<void> {
    await Promise.all(this.nodes.filter((node) => !node.isRunning).map((node) => node.start()));
  }

  /** Cleanly, all at once. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.filter((node) => node.isRunning).map((node) => node.stop()));
  }

  /** The way from one node (or, as null, from clients) to another. */
  spoil(from: Source, to: number, fault: Fault): void {
    const { clientProxy, controllerProxy } = this.node(to);
    clientProxy?.spoil(from, fault);
    controllerProxy?.spoil(from, fault);
  }

  /** All ways between one node and the other nodes; clients still reach it. */
  isolate(id: number, fault: Fault): void {
    for (const other of this.nodes) {
      if (other.id === id) continue;
      this.spoil(other.id, id, fault);
      this.spoil(id, other.id, fault);
    }
  }

  heal(): void {
    for (const { clientProxy, controllerProxy } of this.nodes) {
      clientProxy?.heal();
      controllerProxy?.heal();
    }
  }

  /** Whatever became of them. */
  async end(): Promise<void> {
    this.heal();
    await Promise.all(this.nodes.map((node) => (node.isRunning ? node.kill() : null)));
    for (const { clientProxy, controllerProxy } of this.nodes) {
      clientProxy?.close();
      controllerProxy?.close();
    }
    for (const { smallDisk } of this.nodes) if (smallDisk !== null) unmount(smallDisk);
  }
}

/** With what `storage format` is told beside the cluster's id and the settings. */
export async function formatPlace(
  place: Place,
  by: TargetKind,
  words: readonly string[],
): Promise<void> {
  const all = ["format", "-t", CLUSTER_ID, "-c", place.propertiesFile, ...words];
  const command =
    by === "kafka"
      ? [...JAVA, ...CLASS_PATH, "kafka.tools.StorageTool", ...all]
      : [process.execPath, join(REPOSITORY, "src/main.ts"), "storage", ...all];
  await run(command);
}

interface Seat {
  readonly id: number;
  readonly kind: TargetKind;
  readonly role: Role;
  readonly port: number;
  readonly controllerPort: number;
  readonly directoryId: string;
  readonly clientProxy: FaultProxy | null;
  readonly controllerProxy: FaultProxy | null;
}

function placeOf(
  folder: string,
  seat: Seat,
  seats: readonly Seat[],
  { settings = {}, ownSettings, isStatic = false, disk }: ClusterOptions,
): Place {
  const { id, role, port, controllerPort } = seat;
  const workDirectory = join(folder, `node-${id}`);
  const dataDirectory = join(workDirectory, "data");
  mkdirSync(dataDirectory, { recursive: true });
  const smallDisk = smallDiskOf(workDirectory, role, disk);
  if (disk === "folder" && smallDisk !== null) mkdirSync(smallDisk);
  else if (smallDisk !== null && !mountSmallDisk(smallDisk, DISK_MIB)) {
    throw new CompatError("this process may not mount a tmpfs");
  }
  const controllers = seats.filter((other) => other.role !== "broker");
  const voters = controllers.map((other) => `${other.id}@127.0.0.1:${toldController(other)}`);
  const servers = controllers.map((other) => `127.0.0.1:${toldController(other)}`);
  const { "controller.quorum.bootstrap.servers": _, ...base } = testProperties(
    port,
    controllerPort,
    dataDirectory,
  );
  const own = listenersOf(seat);
  const given: Record<string, string> = {
    ...base,
    "node.id": String(id),
    "process.roles": role === "both" ? "broker,controller" : role,
    listeners: own.map(([name, real]) => `${name}://127.0.0.1:${real}`).join(","),
    "advertised.listeners": own.map(([name, , told]) => `${name}://127.0.0.1:${told}`).join(","),
    ...(isStatic
      ? { "controller.quorum.voters": voters.join(",") }
      : { "controller.quorum.bootstrap.servers": servers.join(",") }),
    ...(disk === "second" || disk === "folder"
      ? {
          "log.dirs": [dataDirectory, ...(smallDisk === null ? [] : [smallDisk])].join(","),
          "metadata.log.dir": dataDirectory,
        }
      : {}),
    ...replicated(seats.filter((other) => other.role !== "controller").length),
    ...settings,
    ...ownSettings?.(id),
  };
  const propertiesFile = join(workDirectory, "server.properties");
  writeFileSync(
    propertiesFile,
    Object.entries(given)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  return {
    port: role === "controller" ? controllerPort : port,
    workDirectory,
    dataDirectory,
    propertiesFile,
  };
}

/** Brokers alone have one. */
function smallDiskOf(workDirectory: string, role: Role, disk: DiskKind | undefined): string | null {
  if (disk === undefined || role === "controller") return null;
  return join(workDirectory, disk === "only" ? "data" : "second");
}

/** Name, real port and the port that others are told. */
function listenersOf(seat: Seat): [name: string, real: number, told: number][] {
  const { role, port, controllerPort, clientProxy } = seat;
  const both: [string, number, number][] = [
    ["PLAINTEXT", port, clientProxy?.port ?? port],
    ["CONTROLLER", controllerPort, toldController(seat)],
  ];
  return both.filter(
    ([name]) => role === "both" || (name === "CONTROLLER") === (role === "controller"),
  );
}

function toldController({ controllerProxy, controllerPort }: Seat): number {
  return controllerProxy?.port ?? controllerPort;
}

function replicated(brokerCount: number): Record<string, string> {
  const factor = String(Math.min(brokerCount, 3));
  const minIsr = String(Math.min(brokerCount, 2));
  return {
    "default.replication.factor": factor,
    "min.insync.replicas": minIsr,
    "offsets.topic.replication.factor": factor,
    "transaction.state.log.replication.factor": factor,
    "transaction.state.log.min.isr": minIsr,
    "share.coordinator.state.topic.replication.factor": factor,
    "share.coordinator.state.topic.min.isr": minIsr,
  };
}

async function format(
  place: Place,
  by: TargetKind,
  seats: readonly Seat[],
  isStatic: boolean,
  options: readonly string[],
): Promise<void> {
  const controllers = seats
    .filter(({ role }) => role !== "broker")
    .map((seat) => `${seat.id}@127.0.0.1:${toldController(seat)}:${seat.directoryId}`);
  const words = isStatic ? [] : ["--initial-controllers", controllers.join(",")];
  await formatPlace(place, by, [...words, ...options]);
}
