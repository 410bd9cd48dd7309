/** One replica of the partition on a machine of its own: its disk, its lives, what it has heard. */
import type { LogManager } from "../../../src/log/log-manager.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../../src/log/log-config.ts";
import type { ClusterImage } from "../../../src/metadata/cluster-image.ts";
import type { IsrAnswer, IsrProposal } from "../../../src/partition/isr-changes.ts";
import { Partition } from "../../../src/partition/partition.ts";
import type { PartitionHost } from "../../../src/partition/partition-host.ts";
import { deadWorlds, managerBeforeLoad } from "../../log/manager-fixture.ts";
import type { Keep } from "../../sim/fake-disk-nodes.ts";
import { afterKill, afterPowerLoss, type FakeWorld } from "../../sim/fake-world.ts";
import { type MetadataChange, MIN_ISR, TOPIC_ID } from "./fake-controller.ts";

export const LAG_MAX_MS = 10_000;

const CONFIG: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  segmentBytes: 1200,
  indexIntervalBytes: 200,
  minInsyncReplicas: MIN_ISR,
  fileDeleteDelayMs: 500,
};

export interface PendingProposal {
  readonly sender: ReplicaNode;
  readonly life: number;
  readonly proposal: IsrProposal;
  readonly answer: (answer: IsrAnswer) => void;
}

export class ReplicaNode {
  readonly id: number;
  world: FakeWorld;
  logs: LogManager | null = null;
  partition: Partition | null = null;
  /** Counts starts: what belongs to an earlier one is void. */
  life = 0;
  brokerEpoch = -1;
  /** Decided by the controller, not heard of yet. */
  readonly unheard: MetadataChange[] = [];
  /** Number of the fetch that is under way; 0 for none. */
  fetchUnderWay = 0;
  /** Of its last fetch, for beginFollowing. */
  followedEpoch = -1;
  /** Its power went, and it was not started since. */
  hasLost = false;
  #cluster: ClusterImage | null = null;
  readonly #proposals: PendingProposal[];

  constructor(id: number, world: FakeWorld, proposals: PendingProposal[]) {
    this.id = id;
    this.world = world;
    this.#proposals = proposals;
  }

  get isUp(): boolean {
    return this.logs !== null;
  }

  /** It has read its logs; which state it is in it hears first of all. */
  start(change: MetadataChange): void {
    this.life++;
    this.hasLost = false;
    this.unheard.length = 0;
    this.fetchUnderWay = 0;
    this.followedEpoch = -1;
    const { manager, load } = managerBeforeLoad(this.world, { config: CONFIG });
    void load;
    this.world.clock.settle();
    this.logs = manager;
    this.brokerEpoch = change.cluster.broker(this.id)!.epoch;
    const log = manager.getOrCreate("topic", 0, { topicId: TOPIC_ID })!;
    this.#cluster = change.cluster;
    this.partition = new Partition({
      topic: "topic",
      topicId: TOPIC_ID,
      index: 0,
      log,
      registration: change.registration,
      host: this.#host(),
    });
    this.partition.start();
  }

  /** Takes the oldest news. */
  hear(): void {
    const change = this.unheard.shift();
    if (change === undefined || this.partition === null) return;
    this.#cluster = change.cluster;
    this.partition.update(change.registration);
  }

  /** Null: the process alone dies. */
  crash(keep: Keep | null): void {
    deadWorlds.add(this.world);
    this.world = keep === null ? afterKill(this.world) : afterPowerLoss(this.world, keep);
    this.hasLost ||= keep !== null;
    this.logs = null;
    this.partition = null;
    this.unheard.length = 0;
  }

  #host(): PartitionHost {
    const { life, world } = this;
    return {
      nodeId: this.id,
      clock: world.clock,
      logs: this.logs!,
      cluster: () => this.#cluster!,
      brokerEpoch: () => this.brokerEpoch,
      replicaLagTimeMaxMs: () => LAG_MAX_MS,
      isrChanges: {
        propose: (proposal) => {
          return new Promise((answer) => {
            this.#proposals.push({ sender: this, life, proposal, answer });
          });
        },
      },
    };
  }
}
