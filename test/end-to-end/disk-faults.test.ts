/** Disks that are full or gone while the broker runs: a clear line, and never half a broker. */
import { afterAll, describe, expect } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { mountSmallDisk, unmount, whyNoSmallDisk } from "../compat/cluster/small-disk.ts";
import { BrokerProcess, killLeftovers, Scratch, tail } from "./broker-process.ts";
import {
  Connection,
  ConnectionLost,
  createTopic,
  LATEST,
  offsetFor,
  produceBatch,
} from "./client.ts";
import { faultTestIf } from "./faults.ts";
import { PartitionLedger } from "./ledger.ts";

afterAll(killLeftovers);

/** The broker went away in the middle of a request. */
const GONE = "gone";
const SIZE_MIB = 24;
const VALUE = "x".repeat(64 * 1024);
const BALLAST_SIZE = 4 * 1024 * 1024;

const NO_MOUNT = whyNoSmallDisk();

/** Writes until the broker refuses or goes away; resolves with the error. */
async function fill(
  connection: Connection,
  ledger: PartitionLedger,
): Promise<ErrorCode | typeof GONE> {
  const lane = ledger.lane("filler", false);
  for (;;) {
    const firstNumber = lane.nextNumber++;
    const record = {
      timestamp: 1,
      key: Buffer.from("filler"),
      value: Buffer.from(`${firstNumber}:${VALUE}`),
    };
    try {
      const { topic, partition } = ledger;
      const bytes = buildBatch({ records: [record] });
      const { errorCode, baseOffset } = await produceBatch(connection, topic, partition, bytes);
      if (errorCode !== ErrorCode.NONE) return errorCode;
      lane.acknowledged.push({ firstNumber, count: 1, baseOffset });
    } catch (error) {
      if (error instanceof ConnectionLost) return GONE;
      throw error;
    }
  }
}

describe("a full disk", () => {
  faultTestIf(
    NO_MOUNT,
    "of the only directory ends the broker; with space all is there",
    async () => {
      using scratch = new Scratch();
      const data = join(scratch.path, "data");
      mountSmallDisk(data, SIZE_MIB);
      try {
        writeFileSync(join(data, "ballast"), Buffer.alloc(BALLAST_SIZE));
        const broker = await BrokerProcess.start(data);
        using connection = await Connection.open(broker.port);
        await createTopic(connection, "topic");
        const ledger = new PartitionLedger("topic", 0);
        const refusal = await fill(connection, ledger);
        expect(refusal === GONE || refusal === ErrorCode.KAFKA_STORAGE_ERROR).toBe(true);
        const { exitCode, lines } = await broker.ended;
        expect(exitCode, tail(lines)).toBe(1);
        expect(lines.filter((line) => line.includes("ENOSPC")).length).toBeGreaterThan(0);
        rmSync(join(data, "ballast"));
        const again = await BrokerProcess.start(data);
        using reader = await Connection.open(again.port);
        await ledger.verify(reader);
        expect((await again.stop()).exitCode).toBe(0);
      } finally {
        await killLeftovers();
        unmount(data);
      }
    },
  );

  faultTestIf(NO_MOUNT, "of one directory of two leaves the other at work", async () => {
    using scratch = new Scratch();
    const [first, second] = [join(scratch.path, "first"), join(scratch.path, "second")];
    mountSmallDisk(second, SIZE_MIB);
    try {
      const broker = await BrokerProcess.start(`${first},${second}`, {
        "metadata.log.dir": first,
        "offsets.topic.num.partitions": "1",
      });
      using connection = await Connection.open(broker.port);
      await createTopic(connection, "topic", 2);
      const ledgers = [new PartitionLedger("topic", 0), new PartitionLedger("topic", 1)];
      const onSecond = existsSync(join(second, "topic-0")) ? 0 : 1;
      const full = ledgers[onSecond]!;
      const other = ledgers[1 - onSecond]!;
      expect(await fill(connection, full)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      await broker.line(/second is offline: .*ENOSPC/);
      const lane = other.lane("lane", false);
      const bytes = buildBatch({
        records: [{ timestamp: 1, key: Buffer.from("lane"), value: Buffer.from("0:") }],
      });
      lane.nextNumber = 1;
      const produced = await produceBatch(connection, "topic", other.partition, bytes);
      expect(produced.errorCode).toBe(ErrorCode.NONE);
      lane.acknowledged.push({ firstNumber: 0, count: 1, baseOffset: produced.baseOffset });
      await other.verify(connection);
      const refused = await produceBatch(connection, "topic", full.partition, bytes);
      expect(refused.errorCode).not.toBe(ErrorCode.NONE);
      expect((await broker.stop()).exitCode).toBe(0);
      // With space again, the directory comes back with all that was acknowledged.
      unmountAfterCopy(second, `${scratch.path}/copy`);
      const again = await BrokerProcess.start(`${first},${scratch.path}/copy`, {
        "metadata.log.dir": first,
      });
      using reader = await Connection.open(again.port);
      await full.verify(reader);
      expect((await offsetFor(reader, "topic", other.partition, LATEST)).offset).toBe(1);
      expect((await again.stop()).exitCode).toBe(0);
    } finally {
      await killLeftovers();
      unmount(second);
    }
  });
});

function unmountAfterCopy(from: string, to: string): void {
  Bun.spawnSync(["cp", "-a", from, to]);
  unmount(from);
}
