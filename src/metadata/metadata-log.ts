/** Opens `__cluster_metadata-0`. */
import type { Logger } from "../base/logger.ts";
import { METADATA_TOPIC_ID } from "../base/uuid.ts";
import type { World } from "../base/world.ts";
import type { LogHost } from "../log/log-host.ts";
import { openLog } from "../log/log-loader.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { refuseLostRecords } from "../raft/lost-records.ts";
import { RaftLog } from "../raft/raft-log.ts";
import {
  type MetadataSettings,
  type QuorumSettings,
  metadataLogConfig,
} from "./metadata-settings.ts";

export interface MetadataLogOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly host: LogHost;
  readonly metadataLogDir: string;
  readonly settings: MetadataSettings;
  readonly quorum: QuorumSettings;
}

/** Throws `LogStartupError`, `ProtocolError` or `DiskError`. */
export async function openMetadataLog(options: MetadataLogOptions): Promise<RaftLog> {
  const { world, host, settings, metadataLogDir, logger, quorum } = options;
  const directory = `${metadataLogDir}/${CLUSTER_METADATA_TOPIC}-0`;
  // An observer has told nobody that it has them, and gets them from the leader again.
  if (quorum.canBecomeVoter) await refuseLostRecords(world.disk, directory);
  const log = await openLog(host, {
    directory,
    topic: CLUSTER_METADATA_TOPIC,
    partition: 0,
    config: metadataLogConfig(settings),
    recoveryPoint: 0,
    logStartOffset: 0,
    // Kafka trusts no marker here either: every batch is checked.
    wasCleanlyStopped: false,
    isAlwaysFlushed: true,
  });
  if (!log.assignTopicId(METADATA_TOPIC_ID)) {
    throw new ProtocolError(`${log.directory} belongs to another topic: ${log.topicId}`);
  }
  return new RaftLog(world, log, logger, {
    retentionBytes: settings.metadataMaxRetentionBytes,
    retentionMs: settings.metadataMaxRetentionMs,
  });
}
