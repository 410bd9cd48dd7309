/**
 * meta.properties: whose log directory this is.
 *
 *     version=1  cluster.id=...  node.id=1  directory.id=<uuid>     KRaft
 *     version=0  cluster.id=...  broker.id=1                        from the time of ZooKeeper
 *
 * All directories of a node agree on the cluster and the node; no two have the same id.
 */
import { PropertiesError, formatProperties, parseProperties } from "../base/properties.ts";
import { isUuid } from "../base/uuid.ts";
import type { Clock, Disk } from "../base/world.ts";

export const META_PROPERTIES = "meta.properties";

export interface MetaProperties {
  readonly version: 0 | 1;
  readonly clusterId: string | null;
  readonly nodeId: number | null;
  /** Null before KIP-858. */
  readonly directoryId: string | null;
}

/** A directory is not this node's, or says nothing that can be read; one line. */
export class MetaPropertiesError extends Error {}

/** Throws a `MetaPropertiesError`. */
export function parseMetaProperties(bytes: Uint8Array): MetaProperties {
  const properties = parsed(bytes);
  const version = properties.get("version")?.trim() ?? "0";
  if (!/^[+-]?\d{1,9}$/.test(version)) {
    throw new MetaPropertiesError(`Invalid meta.properties version string '${version}'`);
  }
  const number = Number(version);
  if (number !== 0 && number !== 1) {
    throw new MetaPropertiesError(`Unknown meta.properties version number ${number}`);
  }
  const nodeId = nodeIdOf(properties, number);
  const directoryId = properties.get("directory.id") ?? null;
  if (directoryId !== null && !isUuid(directoryId)) {
    throw new MetaPropertiesError(`Unable to read directory.id as a Uuid: ${directoryId}`);
  }
  const clusterId = properties.get("cluster.id") ?? null;
  if (number === 1 && clusterId === null) {
    throw new MetaPropertiesError("cluster.id was not found.");
  }
  return { version: number, clusterId, nodeId, directoryId };
}

/** Null when the directory, or the file in it, does not exist. */
export function readMetaProperties(disk: Disk, directory: string): MetaProperties | null {
  const path = `${directory}/${META_PROPERTIES}`;
  if (disk.status(directory)?.isDirectory === false) {
    throw new MetaPropertiesError(`${directory} is not a directory`);
  }
  return disk.status(path) === null ? null : parseMetaProperties(disk.readWhole(path));
}

/** Durable when it resolves. */
export async function writeMetaProperties(
  world: { readonly disk: Disk; readonly clock: Clock },
  directory: string,
  properties: MetaProperties,
): Promise<void> {
  const comments = ["", javaDate(world.clock.wallMs())];
  const text = formatProperties(entriesOf(properties), comments);
  const path = `${directory}/${META_PROPERTIES}`;
  await world.disk.replaceLater(path, Buffer.from(text, "latin1"));
}

/** As names and values; what is not there is left out. */
export function entriesOf(properties: MetaProperties): [string, string][] {
  const { version, clusterId, nodeId, directoryId } = properties;
  const entries: [string, string | null][] = [
    [version === 0 ? "broker.id" : "node.id", nodeId === null ? null : String(nodeId)],
    ["directory.id", directoryId],
    ["version", String(version)],
    ["cluster.id", clusterId],
  ];
  return entries.flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
}

/**
 * Throws a `MetaPropertiesError` when directories do not belong together, or to another node.
 * Null expects nothing.
 */
export function checkMetaProperties(
  directories: ReadonlyMap<string, MetaProperties>,
  expected: { readonly clusterId: string | null; readonly nodeId: number | null },
): void {
  let { clusterId, nodeId } = expected;
  const byId = new Map<string, string>();
  for (const [directory, properties] of directories) {
    const path = `${directory}/${META_PROPERTIES}`;
    clusterId ??= properties.clusterId;
    if (properties.clusterId !== null && properties.clusterId !== clusterId) {
      throw new MetaPropertiesError(
        `Invalid cluster.id in: ${path}. Expected ${clusterId}, but read ${properties.clusterId}`,
      );
    }
    nodeId ??= properties.nodeId;
    if (properties.nodeId !== null && properties.nodeId !== nodeId) {
      throw new MetaPropertiesError(
        `Stored node id ${properties.nodeId} doesn't match node id ${nodeId} in ${path}`,
      );
    }
    const id = properties.directoryId;
    if (id === null) continue;
    const other = byId.get(id);
    if (other !== undefined) {
      throw new MetaPropertiesError(`Duplicate directory.id ${id} in ${other} and ${directory}`);
    }
    byId.set(id, directory);
  }
}

function parsed(bytes: Uint8Array): Map<string, string> {
  try {
    return parseProperties(bytes);
  } catch (error) {
    if (error instanceof PropertiesError) throw new MetaPropertiesError(error.message);
    throw error;
  }
}

function nodeIdOf(properties: ReadonlyMap<string, string>, version: number): number | null {
  const name = version === 0 ? "broker.id" : "node.id";
  const text = properties.get(name);
  if (text === undefined) {
    if (version === 0) return null;
    throw new MetaPropertiesError(`Failed to find ${name}`);
  }
  if (/^[+-]?\d{1,10}$/.test(text)) return Number(text);
  throw new MetaPropertiesError(`Unable to read ${name} as a base-10 number.`);
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** As java.util.Date prints it, in UTC: "Sat Nov 21 01:01:17 UTC 2026". */
function javaDate(wallMs: number): string {
  const date = new Date(wallMs);
  const [, day = "", month = "", year = "", time = ""] = date.toUTCString().split(/[, ]+/);
  return `${DAYS[date.getUTCDay()]} ${month} ${day} ${time} UTC ${year}`;
}
