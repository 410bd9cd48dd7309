// Helpers for the scenarios of @platformatic/kafka.
import { Admin, Consumer, Producer, stringDeserializers } from "@platformatic/kafka";
import { stringSerializers } from "@platformatic/kafka";
import { until } from "../common/driver-kit.mjs";

export class Kit {
  constructor(bootstrap) {
    this.options = {
      clientId: "compat",
      bootstrapBrokers: bootstrap.split(","),
      retries: 3,
      retryDelay: 100,
      metadataMaxAge: 0,
    };
    this.admin = new Admin(this.options);
  }

  producer(more = {}) {
    return new Producer({ ...this.options, serializers: stringSerializers, ...more });
  }

  consumer(groupId, more = {}) {
    return new Consumer({
      ...this.options,
      groupId,
      deserializers: stringDeserializers,
      sessionTimeout: 10_000,
      rebalanceTimeout: 10_000,
      heartbeatInterval: 200,
      maxWaitTime: 50,
      // The first group of a broker waits until __consumer_offsets is there.
      retries: 50,
      ...more,
    });
  }

  async send(messages, more = {}) {
    const producer = this.producer(more.producer);
    try {
      const result = await producer.send({ messages, ...more.send });
      return (result.offsets ?? []).map(({ partition, offset }) => `${partition}@${offset}`).sort();
    } finally {
      await producer.close();
    }
  }

  async createTopic(topic, partitions = 1) {
    await this.admin.createTopics({ topics: [topic], partitions, replicas: 1 });
    // Kafka shows a new topic in its metadata a moment before the partitions take records.
    await until(topic, () => this.offsets(topic, partitions, -2n).catch(() => null));
  }

  /** ListOffsets for all partitions of a topic. */
  async offsets(topic, partitions, timestamp) {
    const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp,
    }));
    const [found] = await this.admin.listOffsets({ topics: [{ name: topic, partitions: asked }] });
    return found.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
  }

  /** Starts a group member that keeps what it gets. */
  async member(groupId, topic, more = {}) {
    const consumer = this.consumer(groupId, more.consumer);
    const member = { consumer, seen: [], assignment: [], stream: undefined };
    consumer.on("consumer:group:join", () => {
      member.assignment = (consumer.assignments ?? [])
        .flatMap((assigned) => assigned.partitions)
        .toSorted((a, b) => a - b);
    });
    const mode = { mode: "committed", fallbackMode: "earliest", ...more.mode };
    member.stream = await consumer.consume({ topics: [topic], autocommit: false, ...mode });
    member.stream.on("data", (message) => member.seen.push(message));
    member.leave = async () => {
      await member.stream.close();
      await consumer.close(true);
    };
    return member;
  }

  /** Reads until there are `count` records. */
  async read(topic, count, more = {}) {
    const member = await this.member(more.groupId ?? `group-of-${topic}`, topic, more);
    try {
      await until(`${count} records of ${topic}`, () => member.seen.length >= count);
      return sorted(member.seen);
    } finally {
      await member.leave();
    }
  }
}

export function sorted(messages) {
  return messages.toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}

export function place(message) {
  return `${message.partition}@${message.offset}=${message.value}`;
}

export function plain(message) {
  return {
    place: `${message.partition}@${message.offset}`,
    key: message.key ?? null,
    value: message.value ?? null,
    timestamp: Number(message.timestamp),
    headers: message.headerEntries,
  };
}

/** The names of all Kafka errors inside the error, or its own code. */
export function errorNames(error) {
  const names = new Set();
  const visit = (inner) => {
    if (inner === undefined || inner === null) return;
    if (inner.apiId !== undefined) names.add(inner.apiId);
    for (const next of inner.errors ?? []) visit(next);
    visit(inner.cause);
  };
  visit(error);
  return names.size > 0 ? [...names].sort() : `${error.code}: ${error.message}`;
}

export async function errorOf(work) {
  try {
    return { value: (await work()) ?? null };
  } catch (error) {
    return { error: errorNames(error) };
  }
}
