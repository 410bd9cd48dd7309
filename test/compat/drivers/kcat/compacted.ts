/**
 * kcat reads a compacted topic: over the holes between offsets, from an offset that is gone, a
 * tombstone while there is one, and to an end behind which the log has nothing.
 */
import { incrementalAlterConfigs } from "../../../../src/protocol/messages/44-incremental-alter-configs.ts";
import { Connection, expectNone } from "../../../end-to-end/client.ts";
import { until } from "../common/driver-kit.mjs";
import type { Kcat, KcatRecord } from "./kcat.ts";

const TOPIC = "kcat-compacted";
const [TOPIC_RESOURCE, BROKER_RESOURCE] = [2, 4];
const SET = 0;
const NEVER = "1.0";
const ALWAYS = "0.001";
/** One record a batch, so that batches go as whole as keys do. */
const SINGLE = ["-p", "0", "-K", "|", "-X", "batch.num.messages=1"];

export async function compacted(kcat: Kcat) {
  await alter(kcat, BROKER_RESOURCE, "", { "log.cleaner.backoff.ms": "100" });
  await kcat.create(TOPIC);
  await alter(kcat, TOPIC_RESOURCE, TOPIC, {
    "cleanup.policy": "compact",
    "internal.segment.bytes": "4000",
    "delete.retention.ms": "0",
    "min.cleanable.dirty.ratio": NEVER,
  });
  const rounds = Array.from({ length: 30 }, (_, i) => `k${i % 7}|${i} ${"x".repeat(60)}\n`);
  await kcat.produce(TOPIC, rounds.join(""), SINGLE);
  await kcat.produce(TOPIC, "k1|\nk4|\nnever|\n", [...SINGLE, "-Z"]);
  await kcat.produce(TOPIC, rounds.slice(0, 6).join(""), [...SINGLE, "-z", "gzip"]);
  await roll(kcat);
  const before = (await kcat.consume(TOPIC)).length;
  await clean(kcat, isUnique);
  const first = await views(kcat);
  // The pass that found a tombstone said how long it stays: the next one takes it.
  await kcat.produce(TOPIC, "k2|again\n", SINGLE);
  await roll(kcat);
  await clean(kcat, (records) => isUnique(records) && records.every(isNoTombstone));
  return { before, first, second: await views(kcat) };
}

async function views(kcat: Kcat) {
  const from = async (offset: string, more: string[] = []) =>
    (await kcat.consume(TOPIC, offset, ["-p", "0", ...more])).map(shown);
  return {
    all: await from("beginning"),
    fromAHole: await from("3"),
    fromTheEpoch: await from("s@0"),
    lastThree: await from("-3"),
    twoOnly: await from("beginning", ["-c", "2"]),
    ends: await ends(kcat),
  };
}

function shown({ offset, key, payload }: KcatRecord): string {
  return `${offset} ${key} ${payload === null ? "tombstone" : payload.slice(0, 6).trim()}`;
}

async function ends(kcat: Kcat): Promise<string[]> {
  const asked = [-2, -1].flatMap((timestamp) => ["-t", `${TOPIC}:0:${timestamp}`]);
  return (await kcat.must(["-Q", ...asked])).trim().split("\n").sort();
}

/** The record is alone in the active segment: all before it may be cleaned. */
async function roll(kcat: Kcat): Promise<void> {
  await kcat.produce(TOPIC, `roll|${"r".repeat(3900)}\n`, SINGLE);
}

async function clean(kcat: Kcat, isClean: (records: KcatRecord[]) => boolean): Promise<void> {
  await alter(kcat, TOPIC_RESOURCE, TOPIC, { "min.cleanable.dirty.ratio": ALWAYS });
  await until("the topic is clean", async () => isClean(await kcat.consume(TOPIC)));
  await alter(kcat, TOPIC_RESOURCE, TOPIC, { "min.cleanable.dirty.ratio": NEVER });
}

function isUnique(records: readonly KcatRecord[]): boolean {
  const keys = records.map(({ key }) => key).filter((key) => key !== "roll");
  return new Set(keys).size === keys.length;
}

function isNoTombstone({ payload }: KcatRecord): boolean {
  return payload !== null;
}

async function alter(
  kcat: Kcat,
  resourceType: number,
  resourceName: string,
  changes: Readonly<Record<string, string>>,
): Promise<void> {
  // kcat has no way to change settings.
  using connection = await Connection.open(Number(kcat.bootstrap.split(":").at(-1)));
  const configs = Object.entries(changes).map(([name, value]) => {
    return { name, configOperation: SET, value };
  });
  const { responses } = await connection.request(incrementalAlterConfigs, 1, {
    resources: [{ resourceType, resourceName, configs }],
    validateOnly: false,
  });
  expectNone(`alter ${resourceName}`, responses[0]!.errorCode);
}
