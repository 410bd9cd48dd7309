import { describe, expect, test } from "bun:test";
import { produceHandler } from "../../src/api/00-produce.ts";
import { RequestContext } from "../../src/api/handler.ts";
import { Late, type Request, type Response } from "../../src/api/request.ts";
import { assert } from "../../src/base/assert.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { TransactionalWrite } from "../../src/coordinator/transaction/participants.ts";
import { decode, encode } from "../../src/protocol/compile.ts";
import { buildEndTransactionMarker } from "../../src/protocol/control-record.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import type { Value } from "../../src/protocol/schema.ts";
import { someContext } from "../server/parts.ts";
import { startBroker, type TestBroker } from "./broker-kit.ts";
import { makeTopic } from "./scenarios/prepare.ts";

const { NONE, CONCURRENT_TRANSACTIONS, NOT_ENOUGH_REPLICAS, INVALID_TXN_STATE } = ErrorCode;
const ID = 1000;

interface Sent {
  readonly version?: number;
  readonly sequence?: number;
  readonly epoch?: number;
  readonly partitions?: readonly number[];
  readonly isTransactional?: boolean;
}

type Answer = Value<typeof produce.response>["responses"][number]["partitionResponses"][number];

/** A broker whose transaction coordinator answers what the test wants, when it wants to. */
class Kit {
  readonly broker: TestBroker;
  readonly asked: string[] = [];
  /** One answer for each partition; the last of them again and again. */
  answers: ErrorCode[][] = [[NONE]];
  /** Runs before the coordinator answers. */
  meanwhile: () => void | Promise<unknown> = () => {};
  #correlationId = 0;

  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.broker = startBroker(settings);
    this.broker.wait(makeTopic(this.broker.asker, "t", 2));
  }

  /** What came at once, or the promise of it, and whether others must wait for that. */
  send(sent: Sent = {}): { result: Response | Promise<Response | null> | null; request: Request } {
    const { version = 12, sequence = 0, epoch = 0, partitions = [0] } = sent;
    const { isTransactional = true } = sent;
    const topicData = [
      {
        name: "t",
        partitionData: partitions.map((index) => ({
          index,
          records: buildBatch({
            records: [{ timestamp: 1_700_000_000_000, key: null, value: Buffer.from("v") }],
            producerId: ID,
            producerEpoch: epoch,
            baseSequence: sequence,
            isTransactional,
          }),
        })),
      },
    ];
    const transactionalId = isTransactional ? "x" : null;
    const asked = { transactionalId, acks: -1, timeoutMs: 1000, topicData };
    const request: Request = {
      apiKey: produce.key,
      apiVersion: version,
      correlationId: this.#correlationId++,
      clientId: "test",
      body: new Reader(Buffer.from(encode(produce.request, version, asked))),
      connection: someContext(),
      receivedMs: 0,
      size: 0,
      holdsBack: false,
      errorCounts: new Float64Array(192),
      variant: 0,
      isFollowed: false,
    };
    const context = new RequestContext(request, "broker");
    const result = produceHandler.respond(context, this.#node());
    assert(!(result instanceof Late), "a request that stands alone is answered at once");
    return { result, request };
  }

  answersOf(sent: Sent = {}): Answer[] {
    const { result } = this.send(sent);
    const response = this.broker.wait(Promise.resolve(result));
    const bytes = Buffer.concat(response!.parts.map((part) => part as Buffer));
    const { responses } = decode(produce.response, sent.version ?? 12, bytes);
    return responses[0]!.partitionResponses;
  }

  codesOf(sent: Sent = {}): number[] {
    return this.answersOf(sent).map(({ errorCode }) => errorCode);
  }

  mark(epoch: number, transactionVersion: number): void {
    const { broker } = this;
    const nowMs = broker.world.clock.wallMs();
    const bytes = buildEndTransactionMarker({
      isCommit: false,
      producerId: ID,
      producerEpoch: epoch,
      coordinatorEpoch: 0,
      timestamp: nowMs,
    });
    const partition = broker.node.partitions.find("t", 0)!;
    const options = { origin: "coordinator", nowMs, transactionVersion } as const;
    expect(partition.append(bytes, options).errorCode).toBe(NONE);
  }

  #node(): Broker {
    const { node } = this.broker;
    const verify = async ({ partitions }: TransactionalWrite, operation: string) => {
      this.asked.push(`${operation} ${partitions.map(({ partition }) => partition).join()}`);
      await this.meanwhile();
      const answer = this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!;
      return partitions.map((_, index) => answer[index] ?? answer[0]!);
    };
    return {
      world: node.world,
      settings: node.settings,
      quotas: node.quotas,
      partitions: node.partitions,
      gatheredAppends: node.gatheredAppends,
      image: node.image,
      transactionVerifier: { verify, whenEnded: () => new Promise<void>(() => {}) },
    } as unknown as Broker;
  }
}

describe("the first records of a transaction", () => {
  test("wait for its coordinator, and hold back what comes behind; no others do", () => {
    const kit = new Kit();
    const plain = kit.send({ isTransactional: false, partitions: [1] });
    expect(plain.result).not.toBeInstanceOf(Promise);
    const first = kit.send();
    expect(first.result).toBeInstanceOf(Promise);
    expect(first.request.holdsBack).toBe(true);
    kit.broker.wait(Promise.resolve(first.result));
    const second = kit.send({ sequence: 1 });
    expect(second.result).not.toBeInstanceOf(Promise);
    expect(second.request.holdsBack).toBe(false);
    expect(kit.asked).toEqual(["add 0"]);
    expect(kit.codesOf({ sequence: 2, partitions: [0, 1] })).toEqual([NONE, 45]);
    expect(kit.asked).toEqual(["add 0", "add 1"]);
  });

  test.each([
    [10, "verify 0"],
    [11, "verifyAbortable 0"],
    [12, "add 0"],
  ])("are asked about as version %i says", (version, asked) => {
    const kit = new Kit();
    expect(kit.codesOf({ version })).toEqual([NONE]);
    expect(kit.asked).toEqual([asked]);
  });

  test("are asked about only where they are added, with verification switched off", () => {
    const kit = new Kit({ "transaction.partition.verification.enable": "false" });
    expect(kit.codesOf({ version: 11 })).toEqual([NONE]);
    expect(kit.asked).toEqual([]);
    expect(kit.codesOf({ version: 12, partitions: [1] })).toEqual([NONE]);
    expect(kit.asked).toEqual(["add 1"]);
  });

  test("are appended where the coordinator says yes, whatever it says of others", () => {
    const kit = new Kit();
    kit.answers = [[NONE, ErrorCode.TRANSACTION_ABORTABLE]];
    expect(kit.codesOf({ partitions: [0, 1] })).toEqual([NONE, ErrorCode.TRANSACTION_ABORTABLE]);
    expect(kit.broker.node.partitions.find("t", 0)!.log.logEndOffset).toBe(1);
    expect(kit.broker.node.partitions.find("t", 1)!.log.logEndOffset).toBe(0);
  });

  test("come too late behind a marker that came between", () => {
    const kit = new Kit();
    kit.meanwhile = () => kit.mark(0, 1);
    expect(kit.codesOf({ version: 11 })).toEqual([INVALID_TXN_STATE]);
    kit.meanwhile = () => {};
    expect(kit.codesOf({ version: 11 })).toEqual([NONE]);
  });

  test("find out that their topic is gone", () => {
    const kit = new Kit();
    const topics = [{ name: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAA" }];
    kit.meanwhile = () => kit.broker.asker.quietly(deleteTopics, 6, { topics, timeoutMs: 1000 });
    expect(kit.codesOf()).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
  });

  test("of an old epoch are refused without a question", () => {
    const kit = new Kit();
    expect(kit.codesOf({ epoch: 3 })).toEqual([NONE]);
    expect(kit.codesOf({ epoch: 2 })).toEqual([ErrorCode.INVALID_PRODUCER_EPOCH]);
    expect(kit.asked.length).toBe(1);
  });
});

describe("what the coordinator says is told to producers", () => {
  const unable = (name: string) =>
    `Unable to verify the partition has been added to the transaction. Underlying error: ${name}`;

  test.each<[ErrorCode, number, ErrorCode, string | null]>([
    [INVALID_TXN_STATE, 9, INVALID_TXN_STATE, "Partition was not added to the transaction"],
    [ErrorCode.TRANSACTION_ABORTABLE, 11, ErrorCode.TRANSACTION_ABORTABLE, null],
    [ErrorCode.INVALID_PRODUCER_EPOCH, 12, ErrorCode.INVALID_PRODUCER_EPOCH, null],
    [CONCURRENT_TRANSACTIONS, 11, NOT_ENOUGH_REPLICAS, unable("CONCURRENT_TRANSACTIONS")],
    [CONCURRENT_TRANSACTIONS, 12, CONCURRENT_TRANSACTIONS, null],
    [ErrorCode.NOT_COORDINATOR, 12, NOT_ENOUGH_REPLICAS, unable("NOT_COORDINATOR")],
    [ErrorCode.NETWORK_EXCEPTION, 9, NOT_ENOUGH_REPLICAS, unable("NETWORK_EXCEPTION")],
    [
      ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
      12,
      NOT_ENOUGH_REPLICAS,
      unable("COORDINATOR_LOAD_IN_PROGRESS"),
    ],
    [
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
      10,
      NOT_ENOUGH_REPLICAS,
      unable("COORDINATOR_NOT_AVAILABLE"),
    ],
  ])("%i, in version %i", (said, version, errorCode, errorMessage) => {
    const kit = new Kit();
    kit.answers = [[said]];
    const [answer] = kit.answersOf({ version });
    expect(answer).toMatchObject({ errorCode, errorMessage, baseOffset: -1, logStartOffset: -1 });
  });

  test("that the transaction before is still ending is waited for, but not for long", () => {
    const kit = new Kit();
    const { clock } = kit.broker.world;
    kit.answers = [[CONCURRENT_TRANSACTIONS], [CONCURRENT_TRANSACTIONS], [NONE]];
    const startMs = clock.monotonicMs();
    expect(kit.codesOf({ epoch: 1 })).toEqual([NONE]);
    expect(clock.monotonicMs() - startMs).toBe(40);
    expect(kit.asked.length).toBe(3);
    kit.answers = [[CONCURRENT_TRANSACTIONS]];
    expect(kit.codesOf({ epoch: 1, partitions: [1] })).toEqual([CONCURRENT_TRANSACTIONS]);
    expect(clock.monotonicMs() - startMs).toBe(140);
    // Others have retries of their own.
    kit.asked.length = 0;
    expect(kit.codesOf({ version: 11, epoch: 1, partitions: [1] })).toEqual([NOT_ENOUGH_REPLICAS]);
    expect(kit.asked).toEqual(["verifyAbortable 1"]);
  });

  test("after one of them failed, nothing overtakes it", () => {
    const kit = new Kit();
    kit.answers = [[ErrorCode.NOT_COORDINATOR], [NONE]];
    expect(kit.codesOf({ version: 11, sequence: 0 })).toEqual([NOT_ENOUGH_REPLICAS]);
    const outOfOrder = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
    expect(kit.codesOf({ version: 11, sequence: 1 })).toEqual([outOfOrder]);
    expect(kit.codesOf({ version: 11, sequence: 0 })).toEqual([NONE]);
    expect(kit.codesOf({ version: 11, sequence: 1 })).toEqual([NONE]);
  });
});
