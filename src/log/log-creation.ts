/** Making a log that was not there before, at once. */
import type { LogConfig } from "./log-config.ts";
import { LogFlush } from "./log-flush.ts";
import type { LogHost } from "./log-host.ts";
import { LogState } from "./log-state.ts";
import { Log } from "./log.ts";

export interface CreateLog {
  readonly directory: string;
  readonly topic: string;
  readonly partition: number;
  readonly config: LogConfig;
  readonly topicId: string | null;
}

/**
 * Throws `DiskError`. What a crash left in a directory of that name, before the partition counted
 * as made, is removed. Durable with the first flush.
 */
export function createLog(host: LogHost, options: CreateLog): Log {
  const { directory, topic, partition, config, topicId } = options;
  host.disk.removeTree(directory);
  host.disk.makeDirectory(directory);
  const found = { snapshots: [], hasEpochFile: false, isNew: true };
  const state = new LogState(host, directory, topic, partition, config, found);
  if (topicId !== null) state.setTopicId(topicId);
  const segment = state.segmentAt(0, 0);
  segment.createFiles(true);
  state.segments.add(segment);
  state.isChanged = true;
  return new Log(state, new LogFlush(state));
}
