// Produce and fetch with @platformatic/kafka.
import { sha256, T0, until } from "../common/driver-kit.mjs";
import { errorOf, place, plain } from "./kit.mjs";

export function dataScenarios(kit) {
  return {
    "produce-consume": () => produceConsume(kit),
    codecs: () => codecs(kit),
    "large-values": () => largeValues(kit),
    "many-partitions": () => manyPartitions(kit),
    acks: () => acks(kit),
    idempotent: () => idempotent(kit),
    "fetch-from": () => fetchFrom(kit),
    "record-too-large": () => recordTooLarge(kit),
    "unknown-topic": () => unknownTopic(kit),
    "auto-create": () => autoCreate(kit),
  };
}

async function produceConsume(kit) {
  const topic = "p-produce";
  await kit.createTopic(topic, 2);
  const at = (i) => BigInt(T0 + i);
  const messages = [
    { topic, partition: 0, key: "k0", value: "v0", timestamp: at(0), headers: { h: "1", e: "" } },
    { topic, partition: 0, value: "no key", timestamp: at(1) },
    { topic, partition: 0, key: "tombstone", timestamp: at(2) },
    { topic, partition: 0, key: "", value: "", timestamp: at(3) },
    { topic, partition: 1, key: "ключ", value: "值 🐦", timestamp: at(4) },
    { topic, partition: 1, key: "later", value: "m", timestamp: at(5), headers: { h: "2" } },
  ];
  const sent = await kit.send(messages);
  const read = await kit.read(topic, messages.length);
  return { sent, read: read.map(plain) };
}

async function codecs(kit) {
  const outcome = {};
  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    const topic = `p-codec-${compression}`;
    await kit.createTopic(topic);
    const messages = Array.from({ length: 200 }, (_, i) => ({
      topic,
      partition: 0,
      key: `key-${i % 7}`,
      value: `value ${i} `.repeat(20),
      timestamp: BigInt(T0 + i),
    }));
    const sent = await kit.send(messages, { send: { compression } });
    const read = (await kit.read(topic, messages.length)).map(plain);
    const digest = sha256(JSON.stringify(read));
    outcome[compression] = { sent, count: read.length, digest };
  }
  return outcome;
}

async function largeValues(kit) {
  const topic = "p-large";
  await kit.createTopic(topic);
  const sizes = [100_000, 1_000_000, 1_048_400];
  for (const size of sizes) await kit.send([{ topic, partition: 0, value: "x".repeat(size) }]);
  return (await kit.read(topic, 3)).map(({ offset, value }) => `${offset}: ${value.length}`);
}

async function manyPartitions(kit) {
  const topic = "p-many";
  await kit.createTopic(topic, 50);
  const messages = Array.from({ length: 500 }, (_, i) => ({
    topic,
    partition: i % 50,
    value: `v${i}`,
  }));
  await kit.send(messages);
  const read = await kit.read(topic, messages.length);
  const ends = await kit.offsets(topic, 50, -1n);
  return {
    digest: sha256(JSON.stringify(read.map(place))),
    ends: ends.map((end) => Number(end.offset)),
  };
}

async function acks(kit) {
  const topic = "p-acks";
  await kit.createTopic(topic);
  const outcome = {};
  for (const level of [1, -1, 0]) {
    const messages = [{ topic, partition: 0, value: `acks ${level}` }];
    outcome[`acks ${level}`] = await kit.send(messages, { send: { acks: level } });
  }
  outcome.read = (await kit.read(topic, 3)).map(place);
  return outcome;
}

async function idempotent(kit) {
  const topic = "p-idempotent";
  await kit.createTopic(topic);
  const producer = kit.producer({ idempotent: true });
  const sent = [];
  try {
    for (let i = 0; i < 10; i++) {
      const messages = [0, 1, 2].map((j) => ({ topic, partition: 0, value: `${i}-${j}` }));
      const { offsets } = await producer.send({ messages });
      sent.push(...offsets.map((found) => Number(found.offset)));
    }
  } finally {
    await producer.close();
  }
  return { sent, read: (await kit.read(topic, 30)).map(place) };
}

async function fetchFrom(kit) {
  const topic = "p-fetch-from";
  await kit.createTopic(topic);
  const messages = Array.from({ length: 10 }, (_, i) => ({ topic, partition: 0, value: `v${i}` }));
  await kit.send(messages);
  const from = (offset, count, more = {}) =>
    errorOf(async () => {
      const mode = { mode: "manual", offsets: [{ topic, partition: 0, offset }], ...more };
      const read = await kit.read(topic, count, { groupId: `p-from-${offset}`, mode });
      return read.map(place);
    });
  const latest = await kit.member("p-latest", topic, { mode: { mode: "latest" } });
  // `latest` is resolved at some moment after the start: records go on until one arrives.
  await until("a new record", async () => {
    await kit.send([{ topic, partition: 0, value: "new" }]);
    return latest.seen.length > 0;
  });
  await latest.leave();
  return { five: (await from(5n, 5)).value.slice(0, 5), latest: latest.seen[0].value };
}

async function recordTooLarge(kit) {
  const topic = "p-too-large";
  await kit.createTopic(topic);
  const send = (size) =>
    errorOf(() => kit.send([{ topic, partition: 0, value: "x".repeat(size) }]));
  const over = await send(2_097_152);
  return { over, ends: await kit.offsets(topic, 1, -1n) };
}

async function unknownTopic(kit) {
  await kit.createTopic("p-one-partition");
  return {
    produce: await errorOf(() => kit.send([{ topic: "p-no-such-topic", value: "v" }])),
    badName: await errorOf(() => kit.send([{ topic: "p/slash", value: "v" }])),
    metadata: await errorOf(() => kit.admin.metadata({ topics: ["p-no-such-topic"] })),
    partition: await errorOf(() =>
      kit.send([{ topic: "p-one-partition", partition: 5, value: "v" }]),
    ),
  };
}

async function autoCreate(kit) {
  const messages = [{ topic: "p-auto", partition: 0, value: "first" }];
  const sent = await kit.send(messages, { producer: { autocreateTopics: true } });
  return { sent, read: (await kit.read("p-auto", 1)).map(place) };
}
