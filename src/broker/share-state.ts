/** The states of share partitions on this node: their coordinator, and the way to it. */
import type { Logger } from "../base/logger.ts";
import type { World } from "../base/world.ts";
import { LocalPersister } from "../coordinator/share/local-persister.ts";
import { ShareCoordinator } from "../coordinator/share/share-coordinator.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { SHARE_GROUP_STATE_TOPIC } from "../metadata/internal-topics.ts";
import type { Settings } from "./settings/settings.ts";
import { shareCoordinatorConfig } from "./share-coordinator-config.ts";
import type { TopicCreation } from "./topic-creation.ts";

interface Node {
  readonly world: World;
  readonly logger: Logger;
  readonly settings: Settings;
  readonly image: MetadataImage;
  readonly topicCreation: TopicCreation;
}

export class ShareStateKeeper {
  readonly coordinator: ShareCoordinator;
  readonly persister: LocalPersister;

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
