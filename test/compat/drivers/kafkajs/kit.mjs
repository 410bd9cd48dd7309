// Helpers for the kafkajs scenarios.
import { text, until } from "../common/driver-kit.mjs";

export async function withAdmin(kafka, work) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

export async function withProducer(kafka, options, work) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...options });
  await producer.connect();
  try {
    return await work(producer);
  } finally {
    await producer.disconnect();
  }
}

export async function createTopic(kafka, topic, numPartitions = 1, configEntries = []) {
  await withAdmin(kafka, async (admin) => {
    // Its own waiting gives up when a topic comes a moment later to the metadata.
    const topics = [{ topic, numPartitions, configEntries }];
    await admin.createTopics({ topics, waitForLeaders: false });
    // Kafka shows a new topic in its metadata a moment before the partitions take records.
    await until(`${topic} is there`, () => admin.fetchTopicOffsets(topic).catch(() => null));
  });
}

/** The error's Kafka name, wherever kafkajs keeps it. */
export function errorName(error) {
  if (error.partitions !== undefined) {
    return error.partitions.map(
      ({ partition, error: inner }) => `${partition}:${inner.type ?? inner.name}`,
    );
  }
  if (error.errors !== undefined) {
    return error.errors.map((inner) => `${inner.topic ?? ""}:${inner.type}`).sort();
  }
  return error.type ?? error.cause?.type ?? error.cause?.cause?.type ?? `${error.name}`;
}

export async function errorOf(work) {
  try {
    const value = await work();
    return { value: value ?? null };
  } catch (error) {
    return { error: errorName(error) };
  }
}

/** Starts a consumer that keeps what it gets; `seen` grows as records arrive. */
export async function startConsumer(kafka, topic, options = {}) {
  const consumer = kafka.consumer({
    groupId: options.groupId ?? `group-of-${topic}`,
    sessionTimeout: 10_000,
    heartbeatInterval: 200,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false,
    // The first group of a broker waits until __consumer_offsets is there.
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 100 },
    ...options.consumer,
  });
  const started = { consumer, seen: [], assignments: [], crashed: null };
  consumer.on(consumer.events.GROUP_JOIN, (event) => {
    started.assignments.push(event.payload.memberAssignment[topic] ?? []);
  });
  consumer.on(consumer.events.CRASH, (event) => {
    // After most crashes kafkajs starts the consumer again by itself.
    if (!event.payload.restart) started.crashed = event.payload.error;
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: options.fromBeginning ?? true });
  await consumer.run({
    autoCommit: options.autoCommit ?? true,
    partitionsConsumedConcurrently: 1,
    eachMessage: async ({ partition, message }) => {
      started.seen.push(plainMessage(partition, message));
    },
  });
  await options.afterRun?.(consumer);
  return started;
}

/** Consumes `count` records of the topic and gives them in order of partition and offset. */
export async function consume(kafka, topic, count, options = {}) {
  const started = await startConsumer(kafka, topic, options);
  try {
    await until(`${count} records of ${topic}`, () => {
      if (started.crashed !== null) throw started.crashed;
      return started.seen.length >= count;
    });
    return sorted(started.seen);
  } finally {
    await started.consumer.disconnect();
  }
}

export function sorted(messages) {
  return messages.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function plainMessage(partition, message) {
  return {
    partition,
    offset: Number(message.offset),
    key: text(message.key),
    value: text(message.value),
    timestamp: Number(message.timestamp),
    headers: Object.entries(message.headers ?? {}).map(([key, value]) => [key, headerText(value)]),
  };
}

function headerText(value) {
  return Array.isArray(value) ? value.map(text) : text(value);
}
