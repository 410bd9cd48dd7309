import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { AlterPartitionQueue } from "../../src/broker/alter-partition-queue.ts";
import { NodeError } from "../../src/client/node-error.ts";
import type {
  AlterPartitionRequest,
  AlterPartitionResponse,
} from "../../src/metadata/controller/alter-partition.ts";
import { MetadataStoppedError } from "../../src/metadata/metadata-errors.ts";
import type { IsrAnswer } from "../../src/partition/isr-changes.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const TOPIC = "AAAAAAAAAAAAAAAAAAAAAA";

describe("a queue of AlterPartition", () => {
  test("asks for all of a turn together, and for one thing at a time", () => {
    const { queue, clock, asked, answers } = setUp();
    propose(queue, answers, 0);
    propose(queue, answers, 1);
    clock.settle();
    expect(asked.map(partitionsOf)).toEqual([[0, 1]]);
    expect(asked[0]!.request).toMatchObject({ brokerId: 1, brokerEpoch: 9 });
    propose(queue, answers, 2);
    clock.advance(10_000);
    expect(asked.length).toBe(1);
    answer(asked[0]!, [fine(0), fine(1)]);
    clock.settle();
    expect(answers).toEqual(["0: 0", "1: 0"]);
    expect(partitionsOf(asked[1]!)).toEqual([2]);
    expect(queue.length).toBe(1);
  });

  test("asks again a little later when there was no answer, or one about no partition", () => {
    const { queue, clock, asked, answers } = setUp();
    propose(queue, answers, 0);
    clock.settle();
    asked[0]!.reject(new NodeError("timedOut", "nobody there"));
    clock.advance(49);
    expect(asked.length).toBe(1);
    clock.advance(1);
    answer(asked[1]!, [], ErrorCode.STALE_BROKER_EPOCH);
    clock.advance(50);
    expect(asked.map(partitionsOf)).toEqual([[0], [0], [0]]);
    answer(asked[2]!, []);
    clock.advance(50);
    answer(asked[3]!, [fine(0)]);
    clock.settle();
    expect(answers).toEqual(["0: 0"]);
  });

  test("tells a refusal, and gives it time before it is asked once more", () => {
    const { queue, clock, asked, answers } = setUp();
    propose(queue, answers, 0);
    clock.settle();
    answer(asked[0]!, [{ ...fine(0), errorCode: ErrorCode.INELIGIBLE_REPLICA }]);
    clock.settle();
    expect(answers).toEqual([`0: ${ErrorCode.INELIGIBLE_REPLICA}`]);
    propose(queue, answers, 0);
    clock.advance(49);
    expect(asked.length).toBe(1);
    clock.advance(1);
    expect(asked.length).toBe(2);
  });

  test("forgets what was proposed before something newer was", () => {
    const { queue, clock, asked, answers } = setUp();
    propose(queue, answers, 0, 1);
    clock.settle();
    propose(queue, answers, 0, 2);
    clock.settle();
    expect(answers).toEqual([`0: ${ErrorCode.INVALID_UPDATE_VERSION}`]);
    answer(asked[0]!, [fine(0)]);
    clock.settle();
    expect(asked[1]!.request.topics[0]!.partitions[0]!.partitionEpoch).toBe(2);
    answer(asked[1]!, [fine(0)]);
    clock.settle();
    expect(answers.at(-1)).toBe("0: 0");
    expect(queue.length).toBe(0);
  });

  test("says no more when the node stops", () => {
    const { queue, clock, asked, answers } = setUp();
    propose(queue, answers, 0);
    clock.settle();
    asked[0]!.reject(new MetadataStoppedError("stopped"));
    clock.advance(10_000);
    expect([answers.length, asked.length]).toEqual([0, 1]);
  });
});

interface Asked {
  readonly request: AlterPartitionRequest;
  readonly resolve: (response: AlterPartitionResponse) => void;
  readonly reject: (error: unknown) => void;
}

type Result = AlterPartitionResponse["topics"][number]["partitions"][number];

function setUp() {
  const clock = new FakeClock();
  const asked: Asked[] = [];
  const queue = new AlterPartitionQueue({
    clock,
    logger: silentLogger,
    nodeId: 1,
    brokerEpoch: () => 9,
    ask: (request) => {
      const { promise, resolve, reject } = Promise.withResolvers<AlterPartitionResponse>();
      asked.push({ request, resolve, reject });
      return promise;
    },
  });
  const answers: string[] = [];
  return { clock, queue, asked, answers };
}

function propose(
  queue: AlterPartitionQueue,
  answers: string[],
  partition: number,
  partitionEpoch = 3,
): void {
  const isr = [{ brokerId: 1, brokerEpoch: 9 }];
  const rest = { leaderEpoch: 0, partitionEpoch, leaderRecoveryState: 0, isr };
  void queue.propose({ topicId: TOPIC, partition, ...rest }).then(({ errorCode }: IsrAnswer) => {
    answers.push(`${partition}: ${errorCode}`);
  });
}

function fine(partitionIndex: number): Result {
  const state = { leaderId: 1, leaderEpoch: 0, isr: [1], leaderRecoveryState: 0 };
  return { partitionIndex, errorCode: 0, ...state, partitionEpoch: 4 };
}

function answer({ resolve }: Asked, partitions: Result[], errorCode: number = ErrorCode.NONE) {
  const topics = partitions.length === 0 ? [] : [{ topicId: TOPIC, partitions }];
  resolve({ throttleTimeMs: 0, errorCode, topics });
}

function partitionsOf({ request }: Asked): number[] {
  return request.topics.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex }) => partitionIndex),
  );
}
