/** Moves between log directories that are throttled, changed, given up, or fail. */
import { describe, expect, test } from "bun:test";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { deleteRecords } from "../../src/protocol/messages/21-delete-records.ts";
import { alterReplicaLogDirs } from "../../src/protocol/messages/34-alter-replica-log-dirs.ts";
import { describeLogDirs } from "../../src/protocol/messages/35-describe-log-dirs.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { append, makeTopic } from "../api/scenarios/prepare.ts";
import { fakeWorld } from "../sim/fake-world.ts";

const TIME = 1_700_000_000_000;
const BATCHES = 20;
const THROTTLE = "replica.alter.log.dirs.io.max.bytes.per.second";

class Mover {
  readonly broker: TestBroker;
  readonly source: string;
  readonly others: string[];

  constructor(directories = ["/a", "/b", "/c"], world = fakeWorld()) {
    this.broker = startBroker(
      { "log.dirs": directories.join(","), "replica.fetch.max.bytes": "100" },
      world,
    );
    const { asker } = this.broker;
    this.broker.wait(makeTopic(asker, "t"));
    for (let count = 0; count < BATCHES; count++) {
      this.broker.wait(append(asker, "t", 0, { timestamps: [TIME] }));
    }
    this.source = this.places()[0]!.path;
    this.others = directories.filter((path) => path !== this.source);
  }

  move(path: string): number {
    const dirs = [{ path, topics: [{ name: "t", partitions: [0] }] }];
    const response = this.broker.wait(this.broker.asker.quietly(alterReplicaLogDirs, 2, { dirs }));
    return response.results[0]!.partitions[0]!.errorCode;
  }

  throttle(bytesPerSecond: number): void {
    const configs = [{ name: THROTTLE, configOperation: 0, value: String(bytesPerSecond) }];
    this.broker.wait(
      this.broker.asker.quietly(incrementalAlterConfigs, 1, {
        resources: [{ resourceType: 4, resourceName: "1", configs }],
        validateOnly: false,
      }),
    );
  }

  places() {
    const { broker } = this;
    const { results } = broker.wait(broker.asker.quietly(describeLogDirs, 4, { topics: null }));
    return results.flatMap(({ logDir, topics }) =>
      topics.flatMap(({ partitions }) =>
        partitions.map(({ isFutureKey, offsetLag }) => ({
          path: logDir,
          isFutureKey,
          offsetLag,
        })),
      ),
    );
  }

  /** In one place alone. */
  isIn(path: string): boolean {
    const [place, ...more] = this.places();
    return place?.path === path && !place.isFutureKey && more.length === 0;
  }

  advance(byMs: number): void {
    this.broker.world.clock.advance(byMs);
  }

  get log() {
    return this.broker.node.partitions.find("t", 0)!.log;
  }
}

describe("a move", () => {
  test("takes the time that its throttle asks for, and shows how far it is", () => {
    const mover = new Mover();
    mover.throttle(100);
    const { size } = mover.log;
    const startMs = mover.broker.world.clock.monotonicMs();
    expect(mover.move(mover.others[0]!)).toBe(ErrorCode.NONE);
    mover.advance(5000);
    const future = mover.places().find(({ isFutureKey }) => isFutureKey)!;
    expect(future.path).toBe(mover.others[0]!);
    expect(future.offsetLag).toBeGreaterThan(0);
    expect(future.offsetLag).toBeLessThan(BATCHES);
    while (!mover.isIn(mover.others[0]!)) mover.advance(100);
    const tookMs = mover.broker.world.clock.monotonicMs() - startMs;
    // The first second's worth may pass at once.
    expect(tookMs).toBeGreaterThan((size / 100 - 3) * 1000);
    expect(tookMs).toBeLessThan((size / 100 + 6) * 1000);
    mover.broker.stop();
  });

  test("is over once the copy is served: what it took the place of is told of no more", () => {
    const mover = new Mover();
    const { world, node } = mover.broker;
    const first = mover.log;
    world.disk.later = (callback) => void world.clock.schedule(1000, callback);
    mover.move(mover.others[0]!);
    world.clock.advanceUntil(() => mover.log !== first);
    expect(mover.isIn(mover.others[0]!)).toBe(true);
    const isLeft = node.logs.directories.some(({ logs }) => logs.has(first));
    expect(isLeft).toBe(true);
    mover.broker.stop();
  });

  test("stands still at a rate of nothing, and goes on with a new one", () => {
    const mover = new Mover();
    mover.throttle(0);
    mover.move(mover.others[0]!);
    mover.advance(60_000);
    expect(mover.places()).toHaveLength(2);
    mover.throttle(1_000_000);
    mover.advance(3000);
    expect(mover.isIn(mover.others[0]!)).toBe(true);
    mover.broker.stop();
  });

  test("to another place, or back, gives up the first", () => {
    const mover = new Mover();
    const [first, second] = mover.others;
    mover.throttle(200);
    mover.move(first!);
    mover.advance(3000);
    expect(mover.move(second!)).toBe(ErrorCode.NONE);
    expect(mover.places().filter(({ isFutureKey }) => isFutureKey)).toMatchObject([
      { path: second! },
    ]);
    mover.advance(1000);
    expect(mover.move(mover.source)).toBe(ErrorCode.NONE);
    expect(mover.isIn(mover.source)).toBe(true);
    mover.advance(120_000);
    for (const path of mover.others) {
      expect(mover.broker.world.disk.list(path).filter((name) => name.startsWith("t"))).toEqual([]);
    }
    mover.broker.stop();
  });

  test("takes along where the log begins", () => {
    const mover = new Mover();
    mover.throttle(300);
    mover.move(mover.others[0]!);
    mover.advance(2000);
    const topics = [{ name: "t", partitions: [{ partitionIndex: 0, offset: 15 }] }];
    mover.broker.wait(mover.broker.asker.quietly(deleteRecords, 2, { topics, timeoutMs: 1000 }));
    mover.throttle(1_000_000);
    mover.advance(3000);
    expect(mover.isIn(mover.others[0]!)).toBe(true);
    expect(mover.log).toMatchObject({ logStartOffset: 15, logEndOffset: BATCHES });
    expect(mover.log.highWatermark).toBe(BATCHES);
    mover.broker.stop();
  });

  test("ends with its topic, and nothing of either log is left", () => {
    const mover = new Mover();
    mover.throttle(200);
    mover.move(mover.others[0]!);
    mover.advance(2000);
    const topics = [{ name: "t", topicId: ZERO_UUID }];
    mover.broker.wait(mover.broker.asker.quietly(deleteTopics, 6, { topics, timeoutMs: 1000 }));
    expect(mover.places()).toEqual([]);
    mover.advance(120_000);
    for (const path of ["/a", "/b", "/c"]) {
      expect(mover.broker.world.disk.list(path).filter((name) => name.startsWith("t"))).toEqual([]);
    }
    mover.broker.stop();
  });

  test("to a disk that fails leaves the partition where it was", () => {
    const mover = new Mover();
    mover.throttle(200);
    mover.move(mover.others[0]!);
    mover.advance(2000);
    const [target] = mover.others;
    mover.broker.world.disk.inject({
      operation: "write",
      path: new RegExp(`^${target}/t-0`),
      code: "EIO",
    });
    mover.throttle(1_000_000);
    mover.advance(5000);
    expect(mover.places().filter(({ isFutureKey }) => !isFutureKey)).toMatchObject([
      { path: mover.source },
    ]);
    mover.broker.wait(append(mover.broker.asker, "t", 0, { timestamps: [TIME] }));
    expect(mover.log.logEndOffset).toBe(BATCHES + 1);
    // With a directory offline nobody can tell what is in it.
    expect(mover.move(mover.others[1]!)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(mover.move(target!)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    mover.broker.stop();
  });
});

test("directories named from where the process was started are told from the root, as in Kafka", () => {
  const mover = new Mover(["a", "./b"]);
  const paths = ["/home/a", "/home/./b"];
  expect(paths).toContain(mover.source);
  const target = paths.find((path) => path !== mover.source)!;
  expect(mover.move("./b")).toBe(ErrorCode.LOG_DIR_NOT_FOUND);
  expect(mover.move(target)).toBe(ErrorCode.NONE);
  mover.advance(3000);
  expect(mover.isIn(target)).toBe(true);
  expect(mover.broker.world.disk.list(target.replace("/home/", ""))).toContain("t-0");
  mover.broker.stop();
});

test("a hostile list of partitions is remembered only in part", () => {
  const mover = new Mover(["/a", "/b"]);
  const partitions = Array.from({ length: 50_000 }, (_, index) => index);
  const dirs = [{ path: "/b", topics: [{ name: "absent", partitions }] }];
  const response = mover.broker.wait(mover.broker.asker.quietly(alterReplicaLogDirs, 2, { dirs }));
  const errors = new Set(response.results[0]!.partitions.map(({ errorCode }) => errorCode));
  expect(errors).toEqual(new Set([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]));
  mover.broker.stop();
});
