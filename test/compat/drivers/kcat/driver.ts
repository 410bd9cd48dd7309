/** kcat (librdkafka): the shared scenarios as far as a command-line client can follow them. */
import { runScenarios, sha256, until } from "../common/driver-kit.mjs";
import { compacted } from "./compacted.ts";
import { groupScenarios } from "./groups.ts";
import { Kcat, type KcatRecord, type KcatResult } from "./kcat.ts";

/** The suite starts kcat's broker with num.partitions=4, since kcat cannot create topics. */
const PARTITIONS = 4;

await runScenarios((bootstrap: string) => {
  const kcat = new Kcat(bootstrap);
  return {
    cluster: () => cluster(kcat),
    "auto-create": () => autoCreate(kcat),
    "produce-consume": () => produceConsume(kcat),
    codecs: () => codecs(kcat),
    "large-values": () => largeValues(kcat),
    "many-partitions": () => manyPartitions(kcat),
    acks: () => acks(kcat),
    idempotent: () => idempotent(kcat),
    offsets: () => offsets(kcat),
    "fetch-from": () => fetchFrom(kcat),
    "out-of-range": () => outOfRange(kcat),
    "record-too-large": () => recordTooLarge(kcat),
    "unknown-topic": () => unknownTopic(kcat),
    compaction: () => compacted(kcat),
    ...groupScenarios(kcat),
  };
});

async function cluster(kcat: Kcat) {
  const metadata = JSON.parse(await kcat.must(["-L", "-J"]));
  return {
    controllerid: metadata.controllerid,
    brokers: metadata.brokers.map((broker: { id: number; name: string }) => ({
      id: broker.id,
      host: broker.name.split(":")[0],
    })),
  };
}

async function autoCreate(kcat: Kcat) {
  await kcat.must(["-P", "-t", "kcat-auto", "-p", "0"], "first\n");
  const metadata = JSON.parse(await kcat.must(["-L", "-J", "-t", "kcat-auto"]));
  return { topics: metadata.topics, consumed: await kcat.consume("kcat-auto") };
}

async function produceConsume(kcat: Kcat) {
  const topic = "kcat-produce";
  const headers = ["-H", "h=1", "-H", "empty=", "-H", "h=again"];
  await kcat.produce(topic, "k0|v0\nключ|值 🐦\n", ["-p", "0", "-K", "|", ...headers]);
  await kcat.produce(topic, "|null key\ntombstone|\n|\n", ["-p", "0", "-K", "|", "-Z"]);
  await kcat.produce(topic, "|empty key\n", ["-p", "1", "-K", "|"]);
  await kcat.produce(topic, "no key\n", ["-p", "1"]);
  return await kcat.consume(topic);
}

function lines(count: number): string {
  return Array.from({ length: count }, (_, i) => `key-${i % 7}|${`value ${i} `.repeat(20)}\n`).join(
    "",
  );
}

function digest(records: readonly KcatRecord[]) {
  const places = records.map((record) => [record.offset, record.key, record.payload]);
  return { count: records.length, digest: sha256(JSON.stringify(places)) };
}

async function codecs(kcat: Kcat) {
  const outcome: Record<string, unknown> = {};
  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    const topic = `kcat-codec-${codec}`;
    await kcat.produce(topic, lines(200), ["-p", "0", "-K", "|", "-z", codec]);
    outcome[codec] = digest(await kcat.consume(topic));
  }
  return outcome;
}

async function largeValues(kcat: Kcat) {
  const topic = "kcat-large";
  for (const size of [100_000, 1_000_000, 1_048_400]) {
    const more = ["-p", "0", "-D", "|", "-X", "message.max.bytes=2000000"];
    await kcat.produce(topic, "x".repeat(size), more);
  }
  const records = await kcat.consume(topic);
  return records.map((record) => ({ offset: record.offset, size: record.payload?.length }));
}

async function manyPartitions(kcat: Kcat) {
  const topic = "kcat-many";
  await kcat.produce(topic, lines(500), ["-K", "|"]);
  const records = await kcat.consume(topic);
  const places = records.map((record) => [record.partition, record.key, record.payload]);
  // kcat's own partitioner: the same key lands in the same partition.
  return {
    count: records.length,
    digest: sha256(JSON.stringify(places)),
    perPartition: Array.from(
      { length: PARTITIONS },
      (_, i) => records.filter((record) => record.partition === i).length,
    ),
  };
}

async function acks(kcat: Kcat) {
  const topic = "kcat-acks";
  for (const level of ["1", "all", "0"]) {
    await kcat.produce(topic, `acks ${level}\n`, ["-p", "0", "-X", `acks=${level}`]);
  }
  // Nothing tells when a record sent with acks=0 has arrived, but reading it.
  const records = await until("three records", async () => {
    const found = await kcat.consume(topic);
    return found.length === 3 && found;
  });
  return records.map((record: KcatRecord) => `${record.offset} ${record.payload}`);
}

async function idempotent(kcat: Kcat) {
  const topic = "kcat-idempotent";
  const settings = ["-X", "enable.idempotence=true", "-X", "batch.num.messages=10"];
  await kcat.produce(topic, lines(200), ["-p", "0", "-K", "|", ...settings]);
  return digest(await kcat.consume(topic));
}

async function ten(kcat: Kcat, topic: string) {
  const input = Array.from({ length: 10 }, (_, i) => `v${i}\n`).join("");
  await kcat.produce(topic, input, ["-p", "0"]);
}

async function offsets(kcat: Kcat) {
  const topic = "kcat-offsets";
  await ten(kcat, topic);
  const query = async (partition: number, timestamp: number) =>
    plainQuery(await kcat.run(["-Q", "-t", `${topic}:${partition}:${timestamp}`]));
  return {
    latest: await query(0, -1),
    earliest: await query(0, -2),
    fromTheEpoch: await query(0, 0),
    inTheFuture: await query(0, 32_503_680_000_000),
    emptyLatest: await query(1, -1),
    emptyByTime: await query(1, 0),
    unknownPartition: await query(99, -1),
  };
}

function plainQuery(result: KcatResult) {
  return { code: result.code, stdout: result.stdout.trim(), stderr: plainError(result.stderr) };
}

/** librdkafka's own words, less what differs from run to run: times, ports, its thread names. */
export function plainError(stderr: string): string[] {
  return stderr
    .split("\n")
    .filter((line) => /error|fail|terminat/i.test(line))
    .map((line) => line.replace(/^%\d\|[\d.]+\|/, "").replace(/127\.0\.0\.1:\d+/g, "ADDRESS"))
    .map((line) => line.replace(/rdkafka#\w+-\d+/g, "CLIENT").replace(/after \d+ms/, "after ms"));
}

async function fetchFrom(kcat: Kcat) {
  const topic = "kcat-fetch-from";
  await ten(kcat, topic);
  const values = async (offset: string, more: string[] = []) =>
    (await kcat.consume(topic, offset, ["-p", "0", ...more])).map((record) => record.payload);
  return {
    five: await values("5"),
    lastThree: await values("-3"),
    end: await values("end"),
    theEnd: await values("10"),
    fromTheEpoch: await values("s@0"),
    twoOnly: await values("beginning", ["-c", "2"]),
  };
}

async function outOfRange(kcat: Kcat) {
  const topic = "kcat-out-of-range";
  await ten(kcat, topic);
  const from = ["-C", "-t", topic, "-p", "0", "-o", "1000", "-e"];
  const reset = async (how: string) =>
    plainQuery(await kcat.run([...from, "-X", `topic.auto.offset.reset=${how}`]));
  return { error: await reset("error"), earliest: await reset("earliest") };
}

async function recordTooLarge(kcat: Kcat) {
  const settings = ["-D", "|", "-X", "message.max.bytes=4000000"];
  await kcat.create("kcat-too-large");
  const send = async (size: number, codec: string) => {
    const args = ["-P", "-t", "kcat-too-large", "-p", "0", "-z", codec, ...settings];
    const result = await kcat.run(args, "x".repeat(size));
    return { code: result.code, stderr: plainError(result.stderr) };
  };
  return {
    over: await send(2_000_000, "none"),
    overButCompressed: await send(2_000_000, "gzip"),
    consumed: (await kcat.consume("kcat-too-large")).map((record) => record.payload?.length),
  };
}

async function unknownTopic(kcat: Kcat) {
  const consume = async (topic: string, more: string[] = []) => {
    const settings = ["-X", "allow.auto.create.topics=false", "-e", ...more];
    const result = await kcat.run(["-C", "-t", topic, ...settings]);
    return { code: result.code, stderr: plainError(result.stderr) };
  };
  const badName = await kcat.run(["-L", "-J", "-t", "kcat/slash"]);
  return {
    consume: await consume("kcat-no-such-topic"),
    consumePartition: await consume("kcat-auto", ["-p", "99"]),
    badName: JSON.parse(badName.stdout).topics,
  };
}
