/** Metadata nodes that are a quorum: real files and real frames, on machines that a test owns. */
import { describe, expect, test } from "bun:test";
import { NotControllerError } from "../../../src/metadata/metadata-errors.ts";
import { registerBroker } from "../../../src/metadata/controller/register-broker.ts";
import { contentsOf, registration } from "../controller-harness.ts";
import { createTopic, writing } from "../node-harness.ts";
import { type Member, TestQuorum } from "./test-quorum.ts";

const THREE = { voters: [1, 2, 3] };
const NO_OP = { name: "NoOpRecord", version: 0, value: {} } as const;
const shapes = [
  ["static voters", THREE],
  ["dynamic voters", { ...THREE, isDynamic: true }],
] as const;

for (const [name, shape] of shapes) {
  describe(`a quorum of three with ${name}`, () => {
    test("elects one, which commits for all", () => {
      const quorum = new TestQuorum(shape);
      const leader = quorum.leader();
      const active = [...quorum.members.values()].filter(({ node }) => node?.isActiveController);
      expect(active).toEqual([leader]);
      addBroker(quorum, leader);
      quorum.run(leader, createTopic("a"));
      quorum.settle();
      for (const { running } of quorum.members.values()) {
        expect(running.image.topics.byName("a")).not.toBeNull();
        expect(running.activeController()).toEqual({
          id: leader.id,
          host: leader.address,
          port: 9093,
        });
        expect(contentsOf(running.image)).toEqual(contentsOf(leader.running.image));
      }
    });

    test("elects another when its leader dies, and loses nothing", () => {
      const quorum = new TestQuorum(shape);
      const first = quorum.leader();
      addBroker(quorum, first);
      quorum.run(first, createTopic("a"));
      const epoch = first.running.raft.epoch;
      const atMs = quorum.clock.monotonicMs();
      quorum.kill(first.id);
      const second = quorum.leader();
      // Its process is gone, as its machine says: nobody waits for a timeout.
      expect(quorum.clock.monotonicMs() - atMs).toBeLessThan(500);
      expect(second.id).not.toBe(first.id);
      expect(second.running.raft.epoch).toBeGreaterThan(epoch);
      expect(second.topics).toEqual(["a"]);
      quorum.run(second, createTopic("b"));
      quorum.start(first.id);
      quorum.settle();
      expect(quorum.member(first.id).topics).toEqual(["a", "b"]);
    });

    test("hands over at once when its leader stops", () => {
      const quorum = new TestQuorum(shape);
      const first = quorum.leader();
      quorum.settle();
      const atMs = quorum.clock.monotonicMs();
      quorum.stop(first.id);
      quorum.leader();
      // Neither an election timeout nor a fetch timeout has gone.
      expect(quorum.clock.monotonicMs() - atMs).toBeLessThan(1000);
    });

    test("loses nothing to a loss of power of all, whatever of the unsynced is there", () => {
      for (const keep of ["none", "random", "all"] as const) {
        const quorum = new TestQuorum({ ...shape, seed: keep.length });
        const leader = quorum.leader();
        addBroker(quorum, leader);
        quorum.run(leader, createTopic("a"));
        // Nobody waits for it: it may be there afterwards, or not.
        leader.running.submit(createTopic("perhaps")).catch(() => {});
        for (const id of shape.voters) quorum.powerLoss(id, keep);
        for (const id of shape.voters) quorum.start(id);
        const again = quorum.leader();
        expect(again.topics).toContain("a");
        quorum.run(again, createTopic("b"));
        quorum.settle();
        const [one, ...others] = [...quorum.members.values()];
        for (const each of others) expect(each.topics).toEqual(one!.topics);
      }
    });
  });
}

describe("a minority", () => {
  test("never commits, and its controller learns that it is none", () => {
    const quorum = new TestQuorum(THREE);
    const old = quorum.leader();
    addBroker(quorum, old);
    quorum.settle();
    quorum.isolate(old.id);
    const lost = outcomeOf(old.running.submit(createTopic("lost")));
    const elected = quorum.leader([old.id]);
    quorum.run(elected, createTopic("kept"));
    expect(old.topics).toEqual([]);
    quorum.clock.advanceUntil(() => !old.running.isActiveController);
    expect(quorum.clock.await(lost)).toBeInstanceOf(NotControllerError);
    expect(quorum.clock.await(outcomeOf(old.running.submit(createTopic("x"))))).toBeInstanceOf(
      NotControllerError,
    );
    quorum.rejoin(old.id);
    quorum.settle();
    // What it had appended alone is cut off.
    expect(old.topics).toEqual(["kept"]);
    expect(old.running.activeController()?.id).toBe(elected.id);
  });

  test("elects nobody, and disturbs nobody when it comes back", () => {
    const quorum = new TestQuorum(THREE);
    const leader = quorum.leader();
    quorum.settle();
    const { epoch } = leader.running.raft;
    const [lonely] = quorum.followers();
    quorum.isolate(lonely!.id);
    quorum.clock.advance(30_000);
    expect(lonely!.running.isActiveController).toBe(false);
    expect(lonely!.running.raft.epoch).toBe(epoch);
    quorum.rejoin(lonely!.id);
    quorum.clock.advance(5000);
    expect(leader.running.raft.epoch).toBe(epoch);
    expect(quorum.leader().id).toBe(leader.id);
    quorum.settle();
  });
});

describe("a node that was away for long", () => {
  const settings = {
    metadataLogMaxRecordBytesBetweenSnapshots: 2000,
    metadataMaxRetentionBytes: 0,
  };

  test("gets a snapshot, and its listeners one difference", () => {
    const quorum = new TestQuorum({ ...THREE, settings });
    const leader = quorum.leader();
    addBroker(quorum, leader);
    quorum.run(leader, createTopic("old", 2));
    quorum.settle();
    const [late] = quorum.followers();
    quorum.kill(late!.id);
    quorum.run(leader, createTopic("new", 3));
    for (let count = 0; count < 100; count++) quorum.run(leader, writing(NO_OP));
    quorum.clock.await(leader.running.whenSnapshotIsWritten());
    const { startOffset } = leader.running.raft.log;
    expect(startOffset).toBeGreaterThan(0);
    quorum.start(late!.id);
    const created: string[] = [];
    let calls = 0;
    late!.running.subscribe((delta, image) => {
      calls++;
      for (const id of delta.createdTopics) created.push(image.topics.byId(id)!.name);
    });
    expect(calls).toBe(1);
    quorum.settle();
    expect(late!.topics).toEqual(["new", "old"]);
    expect(created.sort()).toEqual(["new", "old"]);
    expect(late!.running.raft.log.startOffset).toBeGreaterThanOrEqual(startOffset);
    expect(contentsOf(late!.running.image)).toEqual(contentsOf(leader.running.image));
    // It has it on its disk, too.
    quorum.powerLoss(late!.id, "none");
    quorum.start(late!.id);
    expect(late!.topics).toContain("new");
  });

  test("takes no snapshot that is not whole, and keeps what it has", () => {
    const quiet = { ...settings, metadataMaxIdleIntervalMs: 0 };
    const quorum = new TestQuorum({ ...THREE, settings: quiet });
    const leader = quorum.leader();
    quorum.settle();
    const [late] = quorum.followers();
    quorum.kill(late!.id);
    const write = (): void => {
      for (let count = 0; count < 100; count++) quorum.run(leader, writing(NO_OP));
      quorum.clock.await(leader.running.whenSnapshotIsWritten());
    };
    write();
    const { log } = leader.running.raft;
    cutInHalf(leader, log.snapshotPath(log.latestSnapshot!));
    quorum.start(late!.id);
    const { endOffset } = late!.running.raft;
    quorum.clock.advance(5000);
    expect(late!.failure).toBeNull();
    expect(late!.running.raft.endOffset).toBe(endOffset);
    expect(late!.errors.join()).toContain("is not whole");
    // The next one is.
    write();
    quorum.settle();
    expect(late!.running.raft.endOffset).toBeGreaterThan(endOffset);
  });

  test("followers make snapshots of their own", () => {
    const quorum = new TestQuorum({ ...THREE, settings });
    const leader = quorum.leader();
    for (let count = 0; count < 100; count++) quorum.run(leader, writing(NO_OP));
    quorum.settle();
    for (const { running } of quorum.members.values()) {
      quorum.clock.await(running.whenSnapshotIsWritten());
      expect(running.raft.log.latestSnapshot?.endOffset).toBeGreaterThan(10);
    }
  });
});

describe("an observer", () => {
  test("has the image, is told of, and never votes", () => {
    const quorum = new TestQuorum({ ...THREE, brokers: [7] });
    const leader = quorum.leader();
    const broker = quorum.member(7);
    quorum.clock.await(broker.running.whenCaughtUp());
    expect(broker.running.image.metadataVersion).toBeGreaterThan(0);
    expect(broker.running.raft.state).toBe("observer");
    addBroker(quorum, leader);
    quorum.run(leader, createTopic("a"));
    quorum.settle();
    expect(broker.topics).toEqual(["a"]);
    const described = leader.running.raft.describe();
    expect(described?.observers.map(({ key }) => key.id)).toEqual([7]);
    for (const id of THREE.voters) quorum.kill(id);
    quorum.clock.advance(60_000);
    expect(broker.running.isActiveController).toBe(false);
    for (const id of THREE.voters) quorum.start(id);
    quorum.run(quorum.leader(), createTopic("b"));
    quorum.settle();
    expect(broker.topics).toEqual(["a", "b"]);
  });
});

function addBroker(quorum: TestQuorum, { world, running }: Member): void {
  const request = registration(world, 9, ["CC7wURaHn9LdAh44tk7sHQ"]);
  const { brokerEpoch } = quorum.clock.await(running.submit(registerBroker(request, true)));
  const unfence = { id: 9, epoch: brokerEpoch };
  const record = { name: "UnfenceBrokerRecord", version: 0, value: unfence } as const;
  quorum.clock.await(running.submit(writing(record)));
}

function cutInHalf({ world }: Member, path: string): void {
  const bytes = world.disk.readWhole(path);
  world.disk.remove(path);
  const file = world.disk.open(path, "create");
  file.write(bytes, 0, Math.floor(bytes.length / 2), 0);
  file.close();
}

function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}
