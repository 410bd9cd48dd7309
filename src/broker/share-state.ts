/** The states of share partitions on this node: their coordinator, and the way to it. */
import type { Logger } from "../base/logger.ts";
import type { World } from "../base/world.ts";
import type { LatestOffset } from "../coordinator/group/share-offset-handler.ts";
import { LocalPersister } from "../coordinator/share/local-persister.ts";
import { ShareCoordinator } from "../coordinator/share/share-coordinator.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { SHARE_GROUP_STATE_TOPIC } from "../metadata/internal-topics.ts";
import { LATEST_TIMESTAMP } from "../log/timestamp-search.ts";
import type { Partitions } from "../partition/partitions.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { CONSUMER, listOffset } from "./list-offsets.ts";
import type { Settings } from "./settings/settings.ts";
import { shareCoordinatorConfig } from "./share-coordinator-config.ts";
import type { TopicCreation } from "./topic-creation.ts";

/** Where a partition ends for those who see what is committed. */
export async function latestOffset(
  partitions: Partitions,
  topicId: string,
  index: number,
): Promise<LatestOffset> {
  const partition = partitions.topicById(topicId)?.partition(index) ?? null;
  if (partition === null) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, offset: -1 };
  const query = { currentLeaderEpoch: -1, replicaId: CONSUMER, isolationLevel: 0 };
  return listOffset(partition, { ...query, timestamp: LATEST_TIMESTAMP });
}

interface Node {
  readonly world: World;
  readonly logger: Logger;
  readonly settings: Settings;
  readonly image: MetadataImage;
  readonly topicCreation: TopicCreation;
}

/** Many partitions may wait for the topic; where it cannot be made, that is told now and then. */
const ASK_EVERY_MS = 1_000;

export class ShareStateKeeper {
  readonly coordinator: ShareCoordinator;
  readonly persister: LocalPersister;
  #askedMs = -ASK_EVERY_MS;

  constructor(node: Node) {
    const { world, logger, settings, topicCreation } = node;
    const stateTopic = () => node.image.topics.byName(SHARE_GROUP_STATE_TOPIC);
    this.coordinator = new ShareCoordinator({
      clock: world.clock,
      logger: logger.child("share-state"),
      config: shareCoordinatorConfig(settings),
      hasPartition: (topicId, partition) =>
        node.image.topics.byId(topicId)?.partitions[partition] !== undefined,
      partitionCount: () =>
        stateTopic()?.partitions.length ??
        settings.get("share.coordinator.state.topic.num.partitions"),
    });
    this.persister = new LocalPersister({
      clock: world.clock,
      coordinator: () => this.coordinator,
      ensureTopic: () => {
        if (stateTopic() !== null) return true;
        const nowMs = world.clock.monotonicMs();
        if (nowMs < this.#askedMs + ASK_EVERY_MS) return false;
        this.#askedMs = nowMs;
        void topicCreation.create([SHARE_GROUP_STATE_TOPIC], { remoteAddress: "a share group" });
        return false;
      },
    });
  }

  stop(): void {
    this.persister.stop();
    this.coordinator.stop();
  }
}
