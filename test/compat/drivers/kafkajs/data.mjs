// Produce, fetch and offsets with kafkajs.
import kafkajs from "kafkajs";
import { sha256, T0, until } from "../common/driver-kit.mjs";
import { consume, createTopic, errorOf, sorted } from "./kit.mjs";
import { startConsumer, withAdmin, withProducer } from "./kit.mjs";

const { CompressionTypes } = kafkajs;

export function dataScenarios(kafka) {
  return {
    "produce-consume": () => produceConsume(kafka),
    codecs: () => codecs(kafka),
    "large-values": () => largeValues(kafka),
    "many-partitions": () => manyPartitions(kafka),
    acks: () => acks(kafka),
    idempotent: () => idempotent(kafka),
    offsets: () => offsets(kafka),
    "fetch-from": () => fetchFrom(kafka),
    "out-of-range": () => outOfRange(kafka),
    "record-too-large": () => recordTooLarge(kafka),
    "unknown-topic": () => unknownTopic(kafka),
    "auto-create": () => autoCreate(kafka),
  };
}

function plainResult({ partition, errorCode, baseOffset, logAppendTime, logStartOffset }) {
  return { partition, errorCode, baseOffset, logAppendTime, logStartOffset };
}

async function produceConsume(kafka) {
  const topic = "kjs-produce";
  await createTopic(kafka, topic, 2);
  const messages = [
    { partition: 0, key: "k0", value: "v0", timestamp: `${T0}`, headers: { h: "1", empty: "" } },
    { partition: 0, key: null, value: "no key", timestamp: `${T0 + 1}` },
    { partition: 0, key: "tombstone", value: null, timestamp: `${T0 + 2}` },
    { partition: 0, key: "", value: "", timestamp: `${T0 + 3}` },
    { partition: 1, key: "ключ", value: "值 🐦", timestamp: `${T0 + 4}` },
    { partition: 1, key: "many", value: "m", timestamp: `${T0 + 5}`, headers: { h: ["a", "b"] } },
    { partition: 1, key: null, value: null, timestamp: `${T0 + 6}` },
  ];
  const results = await withProducer(kafka, {}, (producer) => producer.send({ topic, messages }));
  return {
    results: results.map(plainResult).toSorted((a, b) => a.partition - b.partition),
    consumed: await consume(kafka, topic, messages.length),
  };
}

async function codecs(kafka) {
  const outcome = {};
  for (const name of ["None", "GZIP", "Snappy", "LZ4", "ZSTD"]) {
    const topic = `kjs-codec-${name.toLowerCase()}`;
    await createTopic(kafka, topic);
    const messages = Array.from({ length: 200 }, (_, i) => ({
      key: `key-${i % 7}`,
      value: `value ${i} `.repeat(20),
      timestamp: `${T0 + i}`,
      headers: { codec: name },
    }));
    const results = await withProducer(kafka, {}, (producer) =>
      producer.send({ topic, messages, compression: CompressionTypes[name] }),
    );
    const consumed = await consume(kafka, topic, messages.length);
    outcome[name] = {
      results: results.map(plainResult),
      count: consumed.length,
      digest: sha256(JSON.stringify(consumed)),
      last: consumed.at(-1),
    };
  }
  return outcome;
}

async function largeValues(kafka) {
  const topic = "kjs-large";
  await createTopic(kafka, topic);
  const sizes = [100_000, 1_000_000, 1_048_400];
  await withProducer(kafka, {}, async (producer) => {
    for (const size of sizes) {
      await producer.send({ topic, messages: [{ value: Buffer.alloc(size, size % 251) }] });
    }
  });
  const consumed = await consume(kafka, topic, sizes.length);
  return consumed.map((m) => ({ offset: m.offset, size: m.value.length, digest: sha256(m.value) }));
}

async function manyPartitions(kafka) {
  const topic = "kjs-many";
  await createTopic(kafka, topic, 50);
  const messages = Array.from({ length: 500 }, (_, i) => ({ partition: i % 50, value: `v${i}` }));
  await withProducer(kafka, {}, (producer) => producer.send({ topic, messages }));
  const consumed = await consume(kafka, topic, messages.length);
  const ends = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
  return {
    digest: sha256(JSON.stringify(consumed.map((m) => [m.partition, m.offset, m.value]))),
    partitions: new Set(consumed.map((m) => m.partition)).size,
    ends: ends.map((end) => `${end.partition}:${end.low}-${end.high}`).sort(),
  };
}

async function acks(kafka) {
  const topic = "kjs-acks";
  await createTopic(kafka, topic);
  const outcome = {};
  await withProducer(kafka, {}, async (producer) => {
    for (const level of [1, -1, 0]) {
      const results = await producer.send({
        topic,
        acks: level,
        messages: [{ value: `${level}` }],
      });
      outcome[`acks ${level}`] = (results ?? []).map(plainResult);
    }
  });
  const consumed = await consume(kafka, topic, 3);
  outcome.consumed = consumed.map((message) => message.value);
  return outcome;
}

async function idempotent(kafka) {
  const topic = "kjs-idempotent";
  await createTopic(kafka, topic);
  const results = await withProducer(
    kafka,
    { idempotent: true, maxInFlightRequests: 1 },
    async (producer) => {
      const all = [];
      for (let batch = 0; batch < 10; batch++) {
        const messages = [0, 1, 2].map((i) => ({ value: `${batch}-${i}` }));
        all.push(...(await producer.send({ topic, messages })));
      }
      return all;
    },
  );
  const consumed = await consume(kafka, topic, 30);
  return { results: results.map(plainResult), values: consumed.map((m) => m.value).join(" ") };
}

async function stamped(kafka, topic) {
  await createTopic(kafka, topic);
  await withProducer(kafka, {}, async (producer) => {
    for (let i = 0; i < 10; i++) {
      const messages = [{ value: `v${i}`, timestamp: `${T0 + i * 1000}` }];
      await producer.send({ topic, messages });
    }
  });
}

async function offsets(kafka) {
  const topic = "kjs-offsets";
  await stamped(kafka, topic);
  return withAdmin(kafka, async (admin) => ({
    lowAndHigh: await admin.fetchTopicOffsets(topic),
    first: await admin.fetchTopicOffsetsByTimestamp(topic, T0 - 1),
    exact: await admin.fetchTopicOffsetsByTimestamp(topic, T0 + 3000),
    between: await admin.fetchTopicOffsetsByTimestamp(topic, T0 + 3001),
    behind: await admin.fetchTopicOffsetsByTimestamp(topic, T0 + 100_000),
    unknown: await errorOf(() => admin.fetchTopicOffsets("kjs-no-such-topic")),
  }));
}

async function fetchFrom(kafka) {
  const topic = "kjs-fetch-from";
  await stamped(kafka, topic);
  const from = async (groupId, offset, count) => {
    const options = {
      groupId,
      autoCommit: false,
      afterRun: (consumer) => consumer.seek({ topic, partition: 0, offset }),
    };
    const consumed = await consume(kafka, topic, count, options);
    return consumed.filter((message) => message.offset >= Number(offset)).map((m) => m.value);
  };
  const latest = await startConsumer(kafka, topic, { groupId: "kjs-latest", fromBeginning: false });
  try {
    await until("assignment", () => latest.assignments.length > 0);
    // kafkajs resolves `latest` at its first fetch, so records go on until one of them arrives.
    await withProducer(kafka, {}, async (producer) => {
      await until("a new record", async () => {
        await producer.send({ topic, messages: [{ value: "new" }] });
        return latest.seen.length > 0;
      });
    });
  } finally {
    await latest.consumer.disconnect();
  }
  return {
    fromFive: (await from("kjs-from-5", "5", 5)).slice(0, 5),
    fromNine: (await from("kjs-from-9", "9", 1)).slice(0, 1),
    latest: sorted(latest.seen)[0].value,
  };
}

async function outOfRange(kafka) {
  const topic = "kjs-out-of-range";
  await stamped(kafka, topic);
  const consumed = await consume(kafka, topic, 10, {
    autoCommit: false,
    afterRun: (consumer) => consumer.seek({ topic, partition: 0, offset: "1000" }),
  });
  return { resetTo: consumed[0].offset, count: new Set(consumed.map((m) => m.offset)).size };
}

async function recordTooLarge(kafka) {
  const topic = "kjs-too-large";
  await createTopic(kafka, topic);
  const send = (size) =>
    withProducer(kafka, { retry: { retries: 0 } }, (producer) =>
      errorOf(async () => {
        await producer.send({ topic, messages: [{ value: Buffer.alloc(size) }] });
      }),
    );
  const outcome = { over: await send(1_048_600), twice: await send(2_097_152) };
  outcome.after = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
  return outcome;
}

async function unknownTopic(kafka) {
  const topic = "kjs-no-such-topic";
  const options = { retry: { retries: 1, initialRetryTime: 10 } };
  return {
    produce: await withProducer(kafka, options, (producer) =>
      errorOf(() => producer.send({ topic, messages: [{ value: "v" }] })),
    ),
    describe: await withAdmin(kafka, (admin) =>
      errorOf(() => admin.fetchTopicMetadata({ topics: [topic] })),
    ),
    badName: await withAdmin(kafka, (admin) =>
      errorOf(() => admin.fetchTopicMetadata({ topics: ["kjs/slash"] })),
    ),
    unknownPartition: await withProducer(kafka, options, async (producer) => {
      await createTopic(kafka, "kjs-one-partition");
      const message = { value: "v", partition: 5 };
      return errorOf(() => producer.send({ topic: "kjs-one-partition", messages: [message] }));
    }),
  };
}

async function autoCreate(kafka) {
  const topic = "kjs-auto-created";
  const messages = [{ value: "first" }];
  const results = await withProducer(kafka, { allowAutoTopicCreation: true }, (producer) =>
    producer.send({ topic, messages }),
  );
  const consumed = await consume(kafka, topic, 1);
  return { results: results.map(plainResult), values: consumed.map((message) => message.value) };
}
