/** `broker --nodes N`: a cluster of nodes on this host, each a process with a core to itself. */
import { randomUuid } from "../../base/uuid.ts";
import type { World } from "../../base/world.ts";
import { FormatError, formatStorage, randomDirectoryId } from "../../broker/format-storage.ts";
import { allDirectories, metadataDirectory } from "../../broker/settings/effective.ts";
import { loadSettings, settingsWithoutFile } from "../../broker/settings/load-settings.ts";
import type { Settings, SettingTexts } from "../../broker/settings/settings.ts";
import { SUPPORTED_FEATURES } from "../../broker/supported-features.ts";
import { MetaPropertiesError } from "../../log/meta-properties.ts";
import { defaultBootstrapRecords } from "../../metadata/activation.ts";
import { KRAFT_VERSIONS, voterSet, type VoterSet } from "../../raft/voter-set.ts";
import { UsageError } from "../arguments.ts";
import { CommandFailure, type CommandContext } from "../command.ts";
import {
  type ClusterFile,
  readClusterFile,
  refuseOthersData,
  writeClusterFile,
} from "./cluster-file.ts";
import { FreePorts } from "./free-ports.ts";
import {
  baseDirectories,
  controllerAddresses,
  isFirstVoter,
  type NodePlan,
  planNodes,
  refuseChosen,
} from "./node-plans.ts";
import { NodeEndedError, Supervisor } from "./supervisor.ts";

export interface NodesCommand {
  /** What stands behind --nodes. */
  readonly count: string;
  readonly file: string | undefined;
  /** What the file says; null where there is none. */
  readonly fileTexts: SettingTexts | null;
  readonly overrides: SettingTexts;
}

const NODES_MAX = 64;

export async function runNodes(command: NodesCommand, context: CommandContext): Promise<number> {
  const world = await context.world();
  const startedMs = world.clock.monotonicMs();
  const { console } = context;
  const count = countOf(command.count);
  const { plans, clusterId, directories } = await prepare(world, command, count);
  const supervisor = new Supervisor({
    clock: world.clock,
    leaveFirst: new Set(plans.filter(({ isController }) => !isController).map(({ id }) => id)),
    words: new Map(plans.map((plan) => [plan.id, wordsOf(command, plan)])),
    out: (line) => console.out(line),
    error: (line) => console.error(line),
  });
  const stopped = Promise.withResolvers<number>();
  let isStopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      // Who asks twice does not want to wait.
      if (isStopping) return supervisor.kill();
      isStopping = true;
      void supervisor.stop().then((isClean) => stopped.resolve(isClean ? 0 : 1));
    });
  }
  process.on("SIGUSR1", () => supervisor.tellMetrics());
  try {
    const listeners = await Promise.race([supervisor.start(), stopped.promise]);
    if (typeof listeners === "number") return listeners;
    const nodes = count === 1 ? "1 node" : `${count} nodes`;
    const ms = (world.clock.monotonicMs() - startedMs).toFixed(0);
    console.out(
      `Bunka is ready: ${listeners.join(",")} (${nodes}, cluster ${clusterId}, ` +
        `data in ${directories.join(",")}, ${ms} ms)`,
    );
  } catch (error) {
    if (!(error instanceof NodeEndedError)) throw error;
    await supervisor.stop();
    throw new CommandFailure(error.message);
  }
  return stopped.promise;
}

interface Prepared {
  readonly plans: readonly NodePlan[];
  readonly clusterId: string;
  /** The folders that have one for each node in them. */
  readonly directories: readonly string[];
}

/** Settings are looked at, and directories formatted, before the first process is started. */
async function prepare(world: World, command: NodesCommand, count: number): Promise<Prepared> {
  const { fileTexts, overrides } = command;
  refuseChosen(overrides);
  const given = new Map([...(fileTexts ?? []), ...overrides]);
  const complete = fileTexts === null ? settingsWithoutFile(overrides) : given;
  const texts = new Map([...complete, ["node.id", "1"], ["broker.id", "1"]]);
  const directories = baseDirectories(texts);
  for (const directory of directories) refuseOthersData(world.disk, directory, count);
  const ports = new FreePorts(world);
  try {
    const [first = ""] = directories;
    const known = readClusterFile(world.disk, first);
    const cluster = known ?? newCluster(world, texts, count, ports.take);
    const plans = planNodes(given, texts, count, cluster, ports.take);
    // All of them, so that nothing is written when one cannot be.
    const settings = plans.map((plan) => settingsOf(command, plan));
    if (known === null) await writeClusterFile(world.disk, first, cluster);
    for (const one of settings) await format(world, one, cluster);
    return { plans, clusterId: cluster.clusterId, directories };
  } finally {
    ports.giveBack();
  }
}

function newCluster(
  world: World,
  texts: SettingTexts,
  count: number,
  freePort: () => number,
): ClusterFile {
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const voters = ids.filter((id) => isFirstVoter(id, count));
  return {
    clusterId: randomUuid(world.random),
    firstVoters: new Map(voters.map((id) => [id, randomDirectoryId(world.random)])),
    ...controllerAddresses(texts, freePort),
  };
}

function settingsOf({ fileTexts, overrides }: NodesCommand, plan: NodePlan): Settings {
  const own = new Map([...overrides, ...plan.overrides]);
  const texts = fileTexts === null ? settingsWithoutFile(own) : new Map([...fileTexts, ...own]);
  return loadSettings(texts);
}

/** What is formatted already is left as it is. */
async function format(world: World, settings: Settings, cluster: ClusterFile): Promise<void> {
  const nodeId = settings.get("node.id");
  const plan = {
    clusterId: cluster.clusterId,
    nodeId,
    directories: allDirectories(settings),
    metadataDirectory: metadataDirectory(settings),
    records: defaultBootstrapRecords(SUPPORTED_FEATURES),
    kraftVersion: 1,
    voters: cluster.firstVoters.has(nodeId) ? votersOf(cluster) : null,
  };
  try {
    await formatStorage(world, plan, { ignoreFormatted: true, say: () => {} });
  } catch (error) {
    if (error instanceof FormatError || error instanceof MetaPropertiesError) {
      throw new CommandFailure(`node ${nodeId}: ${error.message}`);
    }
    throw error;
  }
}

function votersOf({ firstVoters, controllerHost, controllerPorts }: ClusterFile): VoterSet {
  return voterSet(
    [...firstVoters].map(([id, directoryId]) => ({
      id,
      directoryId,
      endpoints: [{ name: "CONTROLLER", host: controllerHost, port: controllerPorts[id - 1] ?? 0 }],
      ...KRAFT_VERSIONS,
    })),
  );
}

function wordsOf({ file, overrides }: NodesCommand, plan: NodePlan): string[] {
  const all = new Map([...overrides, ...plan.overrides]);
  const words = [...all].flatMap(([name, value]) => ["--override", `${name}=${value}`]);
  return file === undefined ? words : [file, ...words];
}

function countOf(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= NODES_MAX) return count;
  throw new UsageError(`--nodes takes a number from 1 to ${NODES_MAX}, not '${text}'`);
}
