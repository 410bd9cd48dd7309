/**
 * Makes empty directories into log directories of a node, as Kafka's kafka-storage.sh does:
 *
 *     DIRECTORY/
 *       bootstrap.checkpoint                 the first records of the metadata, as a snapshot
 *       __cluster_metadata-0/00..0-00..0.checkpoint
 *                                            the first voters (kraft.version 1, metadata only)
 *       meta.properties                      written last: without it the directory counts as empty
 */
import { randomUuid } from "../base/uuid.ts";
import { type Clock, type Disk, DiskError, type Random } from "../base/world.ts";
import { LOG_SUFFIX, offsetOfFileName, parsePartitionDirectoryName } from "../log/log-names.ts";
import {
  META_PROPERTIES,
  MetaPropertiesError,
  checkMetaProperties,
  readMetaProperties,
  writeMetaProperties,
  type MetaProperties,
} from "../log/meta-properties.ts";
import { parentOf } from "../log/replace-file.ts";
import { defaultBootstrapRecords } from "../metadata/activation.ts";
import { writeBootstrapRecords } from "../metadata/bootstrap-file.ts";
import { isReservedDirectory } from "../metadata/directory-id.ts";
import {
  METADATA_VERSION,
  metadataVersionOf,
  type SupportedFeatures,
} from "../metadata/features.ts";
import { writeFirstVoters } from "../metadata/first-voters.ts";
import type { NewRecord } from "../metadata/record.ts";
import { KRAFT_VERSIONS, voterSet, type VoterSet } from "../raft/voter-set.ts";
import {
  allDirectories,
  isController,
  metadataDirectory,
  quorumVoters,
} from "./settings/effective.ts";
import { readListeners } from "./settings/listeners.ts";
import type { Settings } from "./settings/settings.ts";

export interface FormatPlan {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directories: readonly string[];
  readonly metadataDirectory: string;
  /** metadata.version, the other features, and what else a new cluster begins with. */
  readonly records: readonly NewRecord[];
  readonly kraftVersion: number;
  /** Null where the settings name the voters, or other nodes do. */
  readonly voters: VoterSet | null;
}

export interface FormatOptions {
  /** Directories that are formatted already are left as they are. */
  readonly ignoreFormatted: boolean;
  say(line: string): void;
}

/** Directories cannot be formatted; the message is one line. */
export class FormatError extends Error {}

type FormatWorld = { readonly disk: Disk; readonly clock: Clock; readonly random: Random };

/** Durable when it resolves. Throws a `FormatError` or a `MetaPropertiesError`. */
export async function formatStorage(
  world: FormatWorld,
  plan: FormatPlan,
  options: FormatOptions,
): Promise<void> {
  const { formatted, unreadable, empty } = inspect(world.disk, plan.directories);
  checkMetaProperties(formatted, plan);
  refuseLogsOfNobody(world.disk, empty);
  const [first] = formatted.keys();
  if (first !== undefined && !options.ignoreFormatted) {
    throw new FormatError(
      `Log directory ${first} is already formatted. Use --ignore-formatted to ignore this ` +
        "directory and format the others.",
    );
  }
  for (const directory of unreadable.keys()) {
    options.say(`I/O error trying to read log directory ${directory}. Ignoring...`);
  }
  if (empty.length === 0) {
    if (first === undefined) throw new FormatError("No available log directories to format.");
    options.say("All of the log directories are already formatted.");
    return;
  }
  options.say(`Bootstrap metadata: ${describeBootstrap(plan.records)}`);
  for (const directory of empty) {
    const release = metadataVersionOf(metadataLevelOf(plan.records))?.name;
    const kind = kindOf(plan, directory);
    options.say(`Formatting ${kind} ${directory} with ${METADATA_VERSION} ${release}.`);
    await formatDirectory(world, plan, directory);
  }
}

export interface Storage {
  readonly clusterId: string;
  /** Every log directory that can be read. */
  readonly directories: ReadonlyMap<string, MetaProperties>;
}

/**
 * What a broker starts on: directories that were formatted before, by whomever, and new ones,
 * which are formatted now. A node without any begins a cluster of its own.
 */
export async function openStorage(
  world: FormatWorld,
  settings: Settings,
  supported: SupportedFeatures,
  say: (line: string) => void,
): Promise<Storage> {
  const directories = allDirectories(settings);
  const before = inspect(world.disk, directories);
  refuseUnreadable(before, metadataDirectory(settings));
  const nodeId = settings.get("node.id");
  checkMetaProperties(before.formatted, { clusterId: null, nodeId });
  await identify(world, before.formatted, nodeId);
  const metadata = metadataDirectory(settings);
  const [known] = before.formatted.entries();
  if (known !== undefined && before.empty.includes(metadata)) {
    throw new FormatError(
      `The directory of the metadata, ${metadata}, is empty, but ${known[0]} is in use: ` +
        "where has the metadata gone?",
    );
  }
  if (known === undefined && !mayBeginCluster(settings)) {
    throw new FormatError(
      `No ${META_PROPERTIES} found in ${metadata}: format it with the id of its cluster ` +
        "(bunka storage format)",
    );
  }
  const clusterId = known?.[1].clusterId ?? randomUuid(world.random);
  if (before.empty.length > 0) {
    const isStatic = quorumVoters(settings).length > 0;
    const plan: FormatPlan = {
      clusterId,
      nodeId,
      directories,
      metadataDirectory: metadata,
      records: defaultBootstrapRecords(supported),
      kraftVersion: isStatic ? 0 : 1,
      voters: isStatic ? null : standaloneVoters(settings, randomDirectoryId(world.random)),
    };
    await formatStorage(world, plan, { ignoreFormatted: true, say });
  }
  return { clusterId, directories: inspect(world.disk, directories).formatted };
}

/** Not where other nodes belong to the cluster: who formats them says which it is. */
function mayBeginCluster(settings: Settings): boolean {
  const servers = settings.get("controller.quorum.bootstrap.servers");
  return isController(settings) && quorumVoters(settings).length <= 1 && servers.length <= 1;
}

/** Directories that Kafka formatted before 3.7 have no id of their own: they get one, as there. */
async function identify(
  world: FormatWorld,
  formatted: ReadonlyMap<string, MetaProperties>,
  nodeId: number,
): Promise<void> {
  for (const [directory, properties] of formatted) {
    const { clusterId } = properties;
    if (clusterId === null) {
      throw new MetaPropertiesError(`${directory}/${META_PROPERTIES}: cluster.id was not found.`);
    }
    if (properties.directoryId !== null) continue;
    const directoryId = randomDirectoryId(world.random);
    await writeMetaProperties(world, directory, { version: 1, clusterId, nodeId, directoryId });
  }
}

/** A quorum of this node alone. */
export function standaloneVoters(settings: Settings, directoryId: string): VoterSet {
  const [listener] = readListeners(settings).advertisedController;
  if (!isController(settings) || listener === undefined) {
    throw new FormatError("You can only use --standalone on a controller.");
  }
  const { name, host, port } = listener;
  return voterSet([
    {
      id: settings.get("node.id"),
      directoryId,
      endpoints: [{ name, host: host ?? "localhost", port }],
      ...KRAFT_VERSIONS,
    },
  ]);
}

export function randomDirectoryId(random: Random): string {
  for (;;) {
    const id = randomUuid(random);
    if (!isReservedDirectory(id)) return id;
  }
}

interface Inspection {
  readonly formatted: ReadonlyMap<string, MetaProperties>;
  /** Of which meta.properties cannot be read, and why. */
  readonly unreadable: ReadonlyMap<string, MetaPropertiesError | DiskError>;
  readonly empty: readonly string[];
}

function inspect(disk: Disk, directories: readonly string[]): Inspection {
  const formatted = new Map<string, MetaProperties>();
  const unreadable = new Map<string, MetaPropertiesError | DiskError>();
  const empty: string[] = [];
  for (const directory of directories) {
    try {
      const properties = readMetaProperties(disk, directory);
      if (properties === null) empty.push(directory);
      else formatted.set(directory, properties);
    } catch (error) {
      if (!(error instanceof MetaPropertiesError || error instanceof DiskError)) throw error;
      unreadable.set(directory, error);
    }
  }
  return { formatted, unreadable, empty };
}

/** Of the others the log manager says whether the node may start without them. */
function refuseUnreadable({ unreadable }: Inspection, metadata: string): void {
  const error = unreadable.get(metadata);
  if (error === undefined) return;
  if (error instanceof DiskError) throw error;
  throw new MetaPropertiesError(`${metadata}/${META_PROPERTIES}: ${error.message}`);
}

/** Without meta.properties nobody knows whose they are, so nobody may go on with them. */
function refuseLogsOfNobody(disk: Disk, directories: readonly string[]): void {
  for (const directory of directories) {
    const log = logIn(disk, directory);
    if (log === null) continue;
    throw new FormatError(
      `${directory} has no ${META_PROPERTIES}, but a log in ${log}: it belongs to some cluster`,
    );
  }
}

/** What a crash in the middle of formatting leaves has no segments. */
function logIn(disk: Disk, directory: string): string | null {
  if (disk.status(directory) === null) return null;
  const hasSegment = (name: string): boolean => {
    const path = `${directory}/${name}`;
    if (parsePartitionDirectoryName(name) === null) return false;
    if (disk.status(path)?.isDirectory !== true) return false;
    return disk.list(path).some((file) => {
      return offsetOfFileName(file) >= 0 && file.endsWith(LOG_SUFFIX);
    });
  };
  return disk.list(directory).find(hasSegment) ?? null;
}

async function formatDirectory(
  world: FormatWorld,
  plan: FormatPlan,
  directory: string,
): Promise<void> {
  const isMetadata = directory === plan.metadataDirectory;
  const voter = isMetadata ? plan.voters?.get(plan.nodeId) : undefined;
  // The order of these does not matter, so long as all are on the disk before meta.properties is.
  const whenMade = makeDurableDirectory(world.disk, directory);
  const writes = [writeBootstrapRecords(world, directory, plan.records)];
  if (isMetadata && plan.voters !== null) {
    writes.push(writeFirstVoters(world, directory, plan.kraftVersion, plan.voters));
  }
  await Promise.all([whenMade, ...writes]);
  await writeMetaProperties(world, directory, {
    version: 1,
    clusterId: plan.clusterId,
    nodeId: plan.nodeId,
    directoryId: voter?.directoryId ?? randomDirectoryId(world.random),
  });
}

/** A new directory survives a loss of power only when each directory above it knows of it. */
async function makeDurableDirectory(disk: Disk, directory: string): Promise<void> {
  const missing: string[] = [];
  for (let path = directory; disk.status(path) === null; path = parentOf(path)) {
    missing.push(path);
    if (parentOf(path) === path) break;
  }
  disk.makeDirectory(directory);
  for (const path of missing.reverse()) await disk.syncDirectory(parentOf(path));
}

function kindOf(plan: FormatPlan, directory: string): string {
  if (directory !== plan.metadataDirectory) return "data directory";
  if (plan.voters === null) return "metadata directory";
  const isVoter = plan.voters.has(plan.nodeId);
  return isVoter ? "dynamic metadata voter directory" : "dynamic metadata directory";
}

function metadataLevelOf(records: readonly NewRecord[]): number {
  for (const record of records) {
    if (record.name === "FeatureLevelRecord" && record.value.name === METADATA_VERSION) {
      return record.value.featureLevel;
    }
  }
  return 0;
}

/** As Kafka's tool prints it, but for keys, which are nobody's business. */
function describeBootstrap(records: readonly NewRecord[]): string {
  const shown = records.map((record) => {
    const text =
      record.name === "FeatureLevelRecord"
        ? `(name='${record.value.name}', featureLevel=${record.value.featureLevel})`
        : "";
    return `ApiMessageAndVersion(${record.name}${text} at version ${record.version})`;
  });
  const level = metadataLevelOf(records);
  return (
    `BootstrapMetadata(records=[${shown.join(", ")}], metadataVersionLevel=${level}, ` +
    "source=format command)"
  );
}
