import { expect, test } from "bun:test";
import { PartitionCoordinatorLog } from "../../src/broker/coordinator-log.ts";
import type { Partition } from "../../src/partition/partition.ts";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { awaitCoordinator } from "../api/scenarios/groups.ts";
import { SHARE_GROUP_SETTINGS } from "../api/scenarios/share-groups.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { afterKill } from "../sim/fake-world.ts";

test("what was gathered while enough replicas were in sync is not refused any more", () => {
  const broker = startBroker();
  broker.wait(makeTopic(broker.asker, "t", 1));
  const partition = broker.node.partitions.find("t", 0)!;
  let isEnough = true;
  const watched: Partition = Object.create(partition, {
    log: { get: () => partition.log },
    leaderError: { value: () => partition.leaderError() },
    append: { value: partition.append.bind(partition) },
    flushed: { value: partition.flushed.bind(partition) },
    whenCommitted: { value: partition.whenCommitted.bind(partition) },
    minIsrError: { value: () => (isEnough ? ErrorCode.NONE : ErrorCode.NOT_ENOUGH_REPLICAS) },
  });
  const log = new PartitionCoordinatorLog(watched, broker.world.clock);
  expect(log.refusal()).toBe(ErrorCode.NONE);
  isEnough = false;
  expect(log.refusal()).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
  const value = Buffer.from("v");
  const appended = log.append(buildBatch({ records: [{ timestamp: 1, key: value, value }] }));
  expect(appended).toBeInstanceOf(Promise);
  broker.wait(Promise.resolve(appended));
  expect(log.logEndOffset).toBe(1);
});

test("is read in whole batches, however little is asked for at once", async () => {
  const broker = startBroker();
  broker.wait(makeTopic(broker.asker, "t", 1));
  const log = new PartitionCoordinatorLog(broker.node.partitions.find("t", 0)!, broker.world.clock);
  const value = Buffer.alloc(100);
  const batch = buildBatch({ records: [{ timestamp: 1, key: value, value }] });
  for (let count = 0; count < 3; count++) {
    broker.wait(Promise.resolve(log.append(Buffer.from(batch))));
  }
  const sizes = [1, batch.length, batch.length + 70, 3 * batch.length - 1].map(
    (sizeMax) => broker.wait(log.read(0, sizeMax)).length / batch.length,
  );
  expect(sizes).toEqual([1, 1, 1, 2]);
});

test("a coordinator whose log is larger than what is read at once is loaded after a crash", () => {
  const settings = {
    ...SHARE_GROUP_SETTINGS,
    "offsets.load.buffer.size": "1000",
  };
  const broker = startBroker(settings);
  broker.wait(makeTopic(broker.asker, "t", 1));
  broker.wait(awaitCoordinator(broker.asker));
  const commit = async (at: TestBroker, groupId: string) => {
    const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: "" }];
    const topics = [{ name: "t", partitions }];
    const answer = await at.asker.quietly(offsetCommit, 8, { groupId, memberId: "", topics });
    expect(answer.topics[0]!.partitions[0]!.errorCode).toBe(ErrorCode.NONE);
  };
  for (let group = 0; group < 40; group++) broker.wait(commit(broker, `group ${group}`));
  const again = startBroker(settings, afterKill(broker.world));
  const committed = async () => {
    const groups = [{ groupId: "group 39", topics: null }];
    const answer = await again.asker.quietly(offsetFetch, 8, { groups });
    return answer.groups[0]!;
  };
  again.wait(again.asker.until(async () => (await committed()).errorCode === ErrorCode.NONE));
  expect(again.wait(committed()).topics[0]!.partitions[0]!.committedOffset).toBe(7);
});
