/**
 * What this node does for share groups as the leader of partitions (KIP-932): its share sessions,
 * its share partitions, and what requests do with both.
 *
 *   ShareFetch -> session -> share partitions of its partitions -> acquired records
 *   ShareAcknowledge -----> share partition -> written -> answer
 *   connection ends ------> session ends -> what its member had is free
 */
import type { World } from "../../base/world.ts";
import { Deadlines } from "../../coordinator/deadlines.ts";
import type { ShareStatePersister } from "../../coordinator/share/persister.ts";
import type { Partition } from "../../partition/partition.ts";
import type { TopicStats } from "../../partition/topic-stats.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { READ_COMMITTED } from "../../partition/fetch-read.ts";
import { groupValue } from "../settings/group-config.ts";
import type { SettingTexts, Settings } from "../settings/settings.ts";
import type { AcknowledgedBatch } from "./acknowledging.ts";
import { isFencing } from "./persister-error.ts";
import { type ShareError, shareError } from "./share-error.ts";
import {
  runShareFetch,
  type ShareFetchLimits,
  type ShareFetchTarget,
  type ShareRead,
} from "./share-fetch-operation.ts";
import { shareGroupLimits } from "./share-group-limits.ts";
import { SharePartition } from "./share-partition.ts";
import { ShareStats } from "./share-stats.ts";
import { SharePartitions } from "./share-partitions.ts";
import {
  type SessionConnection,
  type SessionPartition,
  type SharePartitionName,
  type ShareSession,
  ShareSessions,
} from "./share-sessions.ts";

export interface ShareFetchingOptions {
  readonly world: Pick<World, "clock" | "random">;
  readonly settings: Settings;
  /** Settings of one group. */
  readonly configsOf: (groupId: string) => SettingTexts;
  readonly persister: () => ShareStatePersister;
}

/** A partition that a session names, and the one here, if there is one. */
export interface AskedPartition {
  readonly name: SessionPartition;
  readonly partition: Partition | null;
  readonly errorCode: ErrorCode;
}

export class ShareFetching {
  readonly sessions: ShareSessions;
  readonly partitions: SharePartitions;
  readonly stats = new ShareStats();
  readonly #options: ShareFetchingOptions;
  readonly #deadlines: Deadlines;

  constructor(options: ShareFetchingOptions) {
    const { clock } = options.world;
    this.#options = options;
    this.#deadlines = new Deadlines(clock);
    this.partitions = new SharePartitions(clock);
    this.sessions = new ShareSessions({
      clock,
      sessionsMax: options.settings.get("group.share.max.share.sessions"),
      memberLeft: (session) => void this.#release(session),
      groupLeft: (groupId) => this.partitions.removeGroup(groupId),
    });
  }

  recordLockDurationMs(groupId: string): number {
    const { settings, configsOf } = this.#options;
    return groupValue(settings, configsOf(groupId), "share.record.lock.duration.ms");
  }

  /** As in a Fetch. */
  isolationLevel(groupId: string): number {
    const { settings, configsOf } = this.#options;
    const level = groupValue(settings, configsOf(groupId), "share.isolation.level");
    return level === "read_committed" ? READ_COMMITTED : 0;
  }

  /** In the order in which they are asked; with what each has, or why it has nothing. */
  async fetch(
    groupId: string,
    asked: readonly AskedPartition[],
    limits: ShareFetchLimits,
    connection: SessionConnection,
  ): Promise<{ readonly reads: ShareRead[]; readonly failed: ShareFetchTarget[] }> {
    const targets = asked.map((each) => this.#targetOf(groupId, each));
    for (const stats of topicsOf(asked)) stats.totalShareFetchRequests++;
    const found = targets.filter(({ error }) => error === null);
    const isIdle = found.length === 0 || limits.recordsMax === 0 || limits.maxBytes === 0;
    const { world } = this.#options;
    const reads = isIdle ? [] : await runShareFetch(world, found, limits, connection);
    const failing = asked.filter((_, index) => targets[index]!.error !== null);
    for (const stats of topicsOf(failing)) stats.failedShareFetchRequests++;
    return { reads, failed: targets.filter(({ error }) => error !== null) };
  }

  /** Null when all of it counts and is written. */
  async acknowledge(
    groupId: string,
    memberId: string,
    name: SharePartitionName,
    batches: readonly AcknowledgedBatch[],
  ): Promise<ShareError | null> {
    const sharePartition = this.partitions.find(groupId, name);
    if (sharePartition === null) {
      return shareError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, NOT_HOSTED);
    }
    const error = await sharePartition.acknowledge(memberId, batches);
    if (error === null) this.stats.acknowledged(batches);
    return this.#checked(sharePartition, error);
  }

  /** The session ends, and what its member has acquired is free. */
  async closeSession(session: ShareSession): Promise<void> {
    if (this.sessions.remove(session)) await this.#release(session);
  }

  /** Share groups were switched off. */
  forgetAll(): void {
    this.sessions.clear();
    this.partitions.clear();
  }

  stop(): void {
    this.forgetAll();
    this.#deadlines.close();
  }

  #targetOf(groupId: string, { name, partition, errorCode }: AskedPartition): ShareFetchTarget {
    if (partition === null) {
      return { name, sharePartition: null, error: shareError(errorCode, null) };
    }
    const leaderError = partition.leaderError();
    if (leaderError !== ErrorCode.NONE) {
      return { name, sharePartition: null, error: shareError(leaderError, null) };
    }
    const sharePartition = this.partitions.find(groupId, name) ?? this.#open(groupId, partition);
    const target: ShareFetchTarget = { name, sharePartition, error: null };
    if (sharePartition.isNew) {
      const { clock } = this.#options.world;
      const startMs = clock.monotonicMs();
      void sharePartition.initialize().then((error) => {
        this.stats.loadsUs.record((clock.monotonicMs() - startMs) * US_PER_MS);
        if (error === null) return;
        target.error = error;
        this.partitions.remove(sharePartition);
      });
    }
    return target;
  }

  #open(groupId: string, partition: Partition): SharePartition {
    const { settings, configsOf, world, persister } = this.#options;
    const own = (): SettingTexts => configsOf(groupId);
    const sharePartition = new SharePartition({
      key: { groupId, topicId: partition.topicId, partition: partition.index },
      partition,
      clock: world.clock,
      deadlines: this.#deadlines,
      persister: persister(),
      limits: shareGroupLimits(settings, own),
      offsetReset: () => groupValue(settings, own(), "share.auto.offset.reset") ?? "latest",
    });
    this.partitions.add(sharePartition);
    return sharePartition;
  }

  async #release(session: ShareSession): Promise<void> {
    const { groupId, memberId } = session;
    const releasing = session.partitions().map(async (name) => {
      const sharePartition = this.partitions.find(groupId, name);
      if (sharePartition === null) return;
      this.#checked(sharePartition, await sharePartition.releaseAcquired(memberId));
    });
    await Promise.all(releasing);
  }

  #checked(sharePartition: SharePartition, error: ShareError | null): ShareError | null {
    if (error !== null && isFencing(error)) this.partitions.remove(sharePartition);
    return error;
  }
}

/** Each topic counts once a request. */
function topicsOf(asked: readonly AskedPartition[]): Set<TopicStats> {
  return new Set(asked.flatMap(({ partition }) => partition?.stats ?? []));
}

const US_PER_MS = 1000;
const NOT_HOSTED = "This server does not host this topic-partition.";
