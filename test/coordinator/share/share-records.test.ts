import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ShareStateRecord,
  shareStateRecordCodec,
} from "../../../src/coordinator/share/share-records.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { readRecords } from "../../../src/protocol/record.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";
import { ShareDriver } from "./share-driver.ts";

/**
 * `__share_group_state-0` of Apache Kafka 4.3.1 after test/api/scenarios/share-state.ts: one share
 * partition whose batches are merged, which is fenced, begun anew, deleted, and begun once more.
 */
const KAFKA_LOG = readFileSync(join(import.meta.dir, "kafka-4.3.1-share-group-state.log"));

function decoded(key: Buffer, value: Buffer | null): ShareStateRecord {
  const record = shareStateRecordCodec.decode(key, value);
  if (typeof record === "string") throw new Error(`a record that is ${record}`);
  return record;
}

const RECORDS = FakeCoordinatorLog.of(KAFKA_LOG).batches.flatMap((batch) =>
  readRecords(batch, 0).map(({ key, value }) => ({ batch, key: key!, value })),
);

/** A coordinator that reads all before the first record that is looked for. */
async function before(isWanted: (record: ShareStateRecord) => boolean): Promise<ShareDriver> {
  const log = new FakeCoordinatorLog();
  for (const { batch, key, value } of RECORDS) {
    if (isWanted(decoded(key, value))) return ShareDriver.loaded({ log });
    log.write(batch);
  }
  throw new Error("there is no such record");
}

/** The key of the one partition, whose topic has an id of Kafka's choice. */
const KEY = decoded(RECORDS[0]!.key, RECORDS[0]!.value).key;

describe("records of Kafka's share coordinator", () => {
  test("are read, and written again byte for byte", () => {
    const seen = RECORDS.map(({ key, value }) => {
      const record = decoded(key, value);
      expect(shareStateRecordCodec.encode(record)).toEqual({ key, value });
      if (record.type === "update") return "update";
      return record.state === null ? "tombstone" : "snapshot";
    });
    expect(seen.filter((type) => type === "update").length).toBeGreaterThan(9);
    expect(seen.filter((type) => type === "snapshot")).toHaveLength(5);
    expect(seen.filter((type) => type === "tombstone")).toHaveLength(2);
  });

  test("come to the state that Kafka had: as it answered a ReadShareGroupState", async () => {
    const driver = await before(
      (record) => record.type === "snapshot" && record.state?.stateEpoch === 3,
    );
    const file = join(import.meta.dir, "../../api/recorded/share-state.json");
    const steps: { ask: string; response: { results: { partitions: object[] }[] } }[] = JSON.parse(
      readFileSync(file, "utf8"),
    );
    const step = steps.find(({ ask }) => ask.endsWith("of the leader still"))!;
    const { partition: _, ...answer } = {
      partition: 0,
      ...step.response.results[0]!.partitions[0],
    };
    expect(await driver.read(KEY)).toEqual(answer as Awaited<ReturnType<typeof driver.read>>);
  });

  test("come to nothing where the last says so", async () => {
    const driver = await before((record) => record.type === "snapshot" && record.state === null);
    expect(await driver.read(KEY)).toMatchObject({ startOffset: 10, stateEpoch: 5 });
    const last = await ShareDriver.loaded({ log: FakeCoordinatorLog.of(KAFKA_LOG) });
    expect(await last.answer(last.coordinator.summary(KEY))).toMatchObject({ startOffset: -1 });
  });

  test("of a later release are passed over, and broken ones are errors", () => {
    const { key, value } = RECORDS[0]!;
    const later = Buffer.concat([Buffer.from([0, 9]), key.subarray(2)]);
    expect(shareStateRecordCodec.decode(later, value)).toBe("unknown");
    expect(() => shareStateRecordCodec.decode(key.subarray(0, 9), value)).toThrow(ProtocolError);
    expect(() => shareStateRecordCodec.decode(key, value!.subarray(0, 9))).toThrow(ProtocolError);
  });
});
