/**
 * Topics that come into being because somebody asked for them: those of clients when
 * `auto.create.topics.enable` allows it, Kafka's own when they are needed first, and the internal
 * ones of an application of Kafka Streams (KIP-1071).
 *
 * As in Kafka the asker is not kept waiting: it is told that there is no such topic and asks again.
 */
import type { Logger } from "../base/logger.ts";
import type { Clock } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import type { NewInternalTopic } from "../coordinator/group/streams-topics.ts";
import type { MutationPermits } from "../metadata/controller/command.ts";
import type {
  CreateTopicsRequest,
  CreateTopicsResponse,
} from "../metadata/controller/create-topics.ts";
import {
  CONSUMER_OFFSETS_TOPIC,
  SHARE_GROUP_STATE_TOPIC,
  TRANSACTION_STATE_TOPIC,
} from "../metadata/internal-topics.ts";
import { MetadataStoppedError } from "../metadata/metadata-errors.ts";
import { topicNameError } from "../metadata/topic-name.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import type { Asker } from "./envelope.ts";
import type { Settings } from "./settings/settings.ts";

export interface TopicCreationOptions {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly logger: Logger;
  /** CreateTopics. */
  readonly submit: (
    request: CreateTopicsRequest,
    asker: TopicAsker,
    permits: MutationPermits | null,
  ) => Promise<CreateTopicsResponse>;
}

/** For whom topics are made, as the log tells it. */
export interface TopicAsker {
  readonly remoteAddress: string;
  /** Left out where they are made in the name of this broker, whom nothing limits. */
  readonly client?: Pick<Asker, "user" | "clientId">;
}

type NewTopic = CreateTopicsRequest["topics"][number];

interface FailedTopic {
  readonly message: string;
  readonly untilMs: number;
}

export interface InternalCreation {
  readonly permits: MutationPermits | null;
  /** How long it is not tried again once it has failed. */
  readonly backoffMs: number;
}

const USE_DEFAULT = -1;
/** As many as Kafka remembers. */
const FAILED_COUNT_MAX = 1000;

export class TopicCreation {
  readonly #options: TopicCreationOptions;
  readonly #underWay = new Set<string>();
  /** Internal topics of applications, by name: the oldest is forgotten first. */
  readonly #failed = new Map<string, FailedTopic>();

  constructor(options: TopicCreationOptions) {
    this.#options = options;
  }

  /** Begins to create what can be created; resolves with what to tell the client meanwhile. */
  create(
    names: readonly string[],
    asker: TopicAsker,
    permits: MutationPermits | null = null,
  ): Promise<Map<string, ErrorCode>> {
    const errors = new Map<string, ErrorCode>();
    const topics: NewTopic[] = [];
    for (const name of new Set(names)) {
      const isLegal = topicNameError(name) === null;
      const error = isLegal
        ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        : ErrorCode.INVALID_TOPIC_EXCEPTION;
      errors.set(name, error);
      if (isLegal && !this.#underWay.has(name)) topics.push(this.#newTopic(name));
    }
    if (topics.length > 0) void this.#submit(topics, asker, permits);
    return Promise.resolve(errors);
  }

  /** Begins to create topics of an application, but for those that failed a short while ago. */
  createInternal(
    topics: readonly NewInternalTopic[],
    asker: TopicAsker,
    { permits, backoffMs }: InternalCreation,
  ): void {
    const failed = this.errorsOf(topics.map(({ name }) => name));
    const wanted = topics
      .filter(({ name }) => !failed.has(name) && !this.#underWay.has(name))
      .map(({ name, partitionCount, replicationFactor, configs }) => ({
        name,
        numPartitions: partitionCount,
        replicationFactor,
        assignments: [],
        configs: configs.map((config) => ({ ...config })),
      }));
    if (wanted.length === 0) return;
    const remember = (name: string, message: string) => this.#remember(name, message, backoffMs);
    void this.#submit(wanted, asker, permits, remember);
  }

  /** Why those that failed a short while ago are not there. */
  errorsOf(names: readonly string[]): Map<string, string> {
    const nowMs = this.#options.clock.monotonicMs();
    const errors = new Map<string, string>();
    for (const name of names) {
      const failed = this.#failed.get(name);
      if (failed !== undefined && failed.untilMs > nowMs) errors.set(name, failed.message);
    }
    return errors;
  }

  #remember(name: string, message: string, backoffMs: number): void {
    this.#failed.delete(name);
    const untilMs = this.#options.clock.monotonicMs() + backoffMs;
    this.#failed.set(name, { message, untilMs });
    for (const [oldest] of this.#failed) {
      if (this.#failed.size <= FAILED_COUNT_MAX) break;
      this.#failed.delete(oldest);
    }
  }

  async #submit(
    topics: NewTopic[],
    asker: TopicAsker,
    permits: MutationPermits | null,
    onFailed: (name: string, message: string) => void = () => undefined,
  ): Promise<void> {
    const { settings, logger, submit } = this.#options;
    for (const { name } of topics) this.#underWay.add(name);
    try {
      const timeoutMs = settings.get("request.timeout.ms");
      const response = await submit({ topics, timeoutMs, validateOnly: false }, asker, permits);
      for (const { name, errorCode, errorMessage } of response.topics) {
        const who = `topic ${name}, which ${asker.remoteAddress} asked for,`;
        if (errorCode === ErrorCode.NONE) {
          logger.info(`${who} was created`);
          continue;
        }
        // Others may have asked other brokers for it.
        const isThere = errorCode === ErrorCode.TOPIC_ALREADY_EXISTS;
        logger[isThere ? "info" : "warn"](
          `${who} was not created: ${errorName(errorCode)}: ${errorMessage}`,
        );
        onFailed(name, errorMessage || errorName(errorCode));
      }
    } catch (error) {
      // Whether they will be there is seen after the next start.
      if (error instanceof MetadataStoppedError) return;
      if (!(error instanceof NodeError)) throw error;
      logger.warn(`no topics were created: ${error.message}`);
      for (const { name } of topics) onFailed(name, error.message);
    } finally {
      for (const { name } of topics) this.#underWay.delete(name);
    }
  }

  #newTopic(name: string): NewTopic {
    const { settings } = this.#options;
    switch (name) {
      case CONSUMER_OFFSETS_TOPIC:
        return newTopic(
          name,
          settings.get("offsets.topic.num.partitions"),
          settings.get("offsets.topic.replication.factor"),
          {
            "cleanup.policy": "compact",
            "compression.type": "producer",
            "segment.bytes": settings.get("offsets.topic.segment.bytes"),
          },
        );
      case TRANSACTION_STATE_TOPIC:
        return newTopic(
          name,
          settings.get("transaction.state.log.num.partitions"),
          settings.get("transaction.state.log.replication.factor"),
          {
            "unclean.leader.election.enable": "false",
            "compression.type": "uncompressed",
            "cleanup.policy": "compact",
            "min.insync.replicas": settings.get("transaction.state.log.min.isr"),
            "segment.bytes": settings.get("transaction.state.log.segment.bytes"),
          },
        );
      case SHARE_GROUP_STATE_TOPIC:
        return newTopic(
          name,
          settings.get("share.coordinator.state.topic.num.partitions"),
          settings.get("share.coordinator.state.topic.replication.factor"),
          {
            "cleanup.policy": "delete",
            "compression.type": "producer",
            "segment.bytes": settings.get("share.coordinator.state.topic.segment.bytes"),
            "min.insync.replicas": settings.get("share.coordinator.state.topic.min.isr"),
            "retention.ms": -1,
          },
        );
      default:
        return newTopic(
          name,
          settings.isGiven("num.partitions") ? settings.get("num.partitions") : USE_DEFAULT,
          settings.isGiven("default.replication.factor")
            ? settings.get("default.replication.factor")
            : USE_DEFAULT,
          {},
        );
    }
  }
}

function newTopic(
  name: string,
  numPartitions: number,
  replicationFactor: number,
  configs: Readonly<Record<string, string | number>>,
): NewTopic {
  return {
    name,
    numPartitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) })),
  };
}
