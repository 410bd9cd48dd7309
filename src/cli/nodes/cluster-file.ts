/**
 * What the nodes of one host have in common, written before the first of them is formatted, so that
 * a start that was cut short is finished as it was begun:
 *
 *     LOG_DIR/nodes.properties     cluster.id=...
 *                                  initial.controllers=1@127.0.0.1:19092:<directory>,...
 *                                  controller.ports=19092,19093,19094
 *     LOG_DIR/1, 2, 3 ...          the log directories of the nodes
 *
 * The voters of the quorum are in its log, with their ports: those stay, whatever ports the
 * listeners for clients have later.
 */
import { formatProperties, parseProperties, PropertiesError } from "../../base/properties.ts";
import { isUuid } from "../../base/uuid.ts";
import type { Disk } from "../../base/world.ts";
import { META_PROPERTIES } from "../../log/meta-properties.ts";
import { CommandFailure } from "../command.ts";

export interface ClusterFile {
  readonly clusterId: string;
  /** The nodes that vote from the first start on, with the ids of their directories. */
  readonly firstVoters: ReadonlyMap<number, string>;
  readonly controllerHost: string;
  /** Of nodes that are controllers, now or once there are enough; that of node 1 first. */
  readonly controllerPorts: readonly number[];
}

const NAME = "nodes.properties";
const VOTER = /^(\d{1,9})@(.*):(\d{1,5}):([^:]*)$/;

/** Null where no cluster was begun. */
export function readClusterFile(disk: Disk, directory: string): ClusterFile | null {
  const path = `${directory}/${NAME}`;
  if (disk.status(path) === null) return null;
  const texts = parsed(disk, path);
  const clusterId = texts.get("cluster.id") ?? "";
  const voters = (texts.get("initial.controllers") ?? "").split(",").map((text) => {
    const [, id = "", host = "", , directoryId = ""] = VOTER.exec(text) ?? [];
    if (!isUuid(directoryId)) throw new CommandFailure(`${path}: no controller is '${text}'`);
    return { id: Number(id), host, directoryId };
  });
  const controllerPorts = (texts.get("controller.ports") ?? "").split(",").map(Number);
  if (clusterId === "" || !controllerPorts.every((port) => port > 0 && port < 65_536)) {
    throw new CommandFailure(`${path}: cluster.id or controller.ports is missing or wrong`);
  }
  return {
    clusterId,
    firstVoters: new Map(voters.map(({ id, directoryId }) => [id, directoryId])),
    controllerHost: voters[0]?.host ?? "",
    controllerPorts,
  };
}

/** Durable when it resolves. */
export async function writeClusterFile(
  disk: Disk,
  directory: string,
  { clusterId, firstVoters, controllerHost, controllerPorts }: ClusterFile,
): Promise<void> {
  const voters = [...firstVoters].map(
    ([id, directoryId]) => `${id}@${controllerHost}:${controllerPorts[id - 1]}:${directoryId}`,
  );
  const text = formatProperties(
    [
      ["cluster.id", clusterId],
      ["initial.controllers", voters.join(",")],
      ["controller.ports", controllerPorts.join(",")],
    ],
    [" The nodes of one host, by `bunka broker --nodes N`: do not edit."],
  );
  disk.makeDirectory(directory);
  await disk.replaceLater(`${directory}/${NAME}`, Buffer.from(text, "latin1"));
}

/** A folder of other data, or of more nodes than are asked for, is left alone. */
export function refuseOthersData(disk: Disk, directory: string, count: number): void {
  if (disk.status(directory)?.isDirectory !== true) return;
  const names = disk.list(directory);
  if (names.includes(META_PROPERTIES)) {
    throw new CommandFailure(
      `${directory} holds the data of a node of its own: give --nodes another folder by log.dirs`,
    );
  }
  const ids = names.filter((name) => /^[1-9]\d{0,8}$/.test(name)).map(Number);
  const isNode = (id: number) => disk.status(`${directory}/${id}/${META_PROPERTIES}`) !== null;
  const extra = ids.sort((one, other) => one - other).find((id) => id > count && isNode(id));
  if (extra === undefined) return;
  throw new CommandFailure(
    `${directory}/${extra} holds the data of node ${extra}, which --nodes ${count} would leave ` +
      "out: start all nodes that there are, or move its folder away once it holds nothing any more",
  );
}

function parsed(disk: Disk, path: string): Map<string, string> {
  try {
    return parseProperties(disk.readWhole(path));
  } catch (error) {
    if (error instanceof PropertiesError) throw new CommandFailure(`${path}: ${error.message}`);
    throw error;
  }
}
