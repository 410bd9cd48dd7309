/**
 * `partition.metadata`: which topic of that name a partition's directory belongs to.
 *
 *   version: 0
 *   topic_id: <uuid>
 */
import { isUuid, ZERO_UUID } from "../base/uuid.ts";
import { type Disk, DiskError } from "../base/world.ts";

export const PARTITION_METADATA_FILE = "partition.metadata";

/** Null when there is none, or when a crash left it torn: the topic id is assigned anew then. */
export function readTopicId(disk: Disk, directory: string): string | null {
  try {
    const text = disk.readWhole(`${directory}/${PARTITION_METADATA_FILE}`).toString("latin1");
    const match = /^version:\s*0\s*\ntopic_id:\s*(\S+)\s*$/.exec(text);
    const topicId = match?.[1] ?? "";
    return isUuid(topicId) && topicId !== ZERO_UUID ? topicId : null;
  } catch (error) {
    if (error instanceof DiskError && error.code === "ENOENT") return null;
    throw error;
  }
}

export async function syncTopicId(disk: Disk, directory: string): Promise<void> {
  const file = disk.open(`${directory}/${PARTITION_METADATA_FILE}`, "write");
  try {
    await file.sync();
  } finally {
    file.close();
  }
}

/** At once; it is synced with the log's names, before anything of the log counts as durable. */
export function writeTopicId(disk: Disk, directory: string, topicId: string): void {
  const bytes = Buffer.from(`version: 0\ntopic_id: ${topicId}`, "latin1");
  const path = `${directory}/${PARTITION_METADATA_FILE}`;
  const file = disk.open(path, "create");
  try {
    file.truncate(0);
    file.write(bytes, 0, bytes.length, 0);
  } finally {
    file.close();
  }
}
