/** What the settings say to the share coordinator. */
import type { ShareConfig } from "../coordinator/share/share-config.ts";
import { compressionOfId } from "./settings/effective.ts";
import type { Settings } from "./settings/settings.ts";

/** Asks the settings anew each time, as some of them change while the node runs. */
export function shareCoordinatorConfig(settings: Settings): ShareConfig {
  return {
    get shareCoordinatorAppendLingerMs() {
      return settings.get("share.coordinator.append.linger.ms");
    },
    get shareCoordinatorColdPartitionSnapshotIntervalMs() {
      return settings.get("share.coordinator.cold.partition.snapshot.interval.ms");
    },
    get shareCoordinatorLoadBufferSize() {
      return settings.get("share.coordinator.load.buffer.size");
    },
    get shareCoordinatorSnapshotUpdateRecordsPerSnapshot() {
      return settings.get("share.coordinator.snapshot.update.records.per.snapshot");
    },
    get shareCoordinatorStateTopicCompressionCodec() {
      return compressionOfId(settings.get("share.coordinator.state.topic.compression.codec"));
    },
    get shareCoordinatorStateTopicPruneIntervalMs() {
      return settings.get("share.coordinator.state.topic.prune.interval.ms");
    },
    get shareCoordinatorWriteTimeoutMs() {
      return settings.get("share.coordinator.write.timeout.ms");
    },
  };
}
