/**
 * A quorum under random faults, from a seed: machines that lose their power, processes that are
 * killed or frozen, a network that is slow and cut. What was acknowledged is in every image at the
 * end, at its place; nothing is there twice; and all images are the same.
 */
import { describe, expect, test } from "bun:test";
import { FakeRandom } from "../../sim/fake-random.ts";
import { CLUSTER_ID, contentsOf } from "../controller-harness.ts";
import { writing } from "../node-harness.ts";
import { TestQuorum, voterOf } from "./test-quorum.ts";

const SEEDS = Number(process.env["BUNKA_QUORUM_SEEDS"] ?? 12);
const FIRST = Number(process.env["BUNKA_QUORUM_SEED"] ?? 1);
/** That have found something. */
const KEPT = [5099];
const STEPS = 60;
const TIMEOUT_MS = 60_000;

describe("a quorum in trouble", () => {
  const seeds = Array.from({ length: SEEDS }, (_, index) => FIRST + index);
  for (const seed of [...seeds, ...KEPT]) {
    // BUNKA_QUORUM_SEED=n BUNKA_QUORUM_SEEDS=1 bun test test/metadata/quorum/quorum-faults.test.ts
    test(`keeps what it acknowledged, seed ${seed}`, () => run(seed), TIMEOUT_MS);
  }
});

function run(seed: number): void {
  const random = new FakeRandom(seed);
  const isDynamic = random.chance(0.5);
  const quorum = new TestQuorum({
    voters: [1, 2, 3],
    others: [4],
    brokers: [5],
    isDynamic,
    seed,
    settings: { metadataLogMaxRecordBytesBetweenSnapshots: 1500, metadataMaxRetentionBytes: 3000 },
  });
  quorum.wire.conditions = { ...quorum.wire.conditions, delayMsMax: random.below(30) };
  const acknowledged = new Map<string, string>();
  let writes = 0;
  const write = (): void => {
    const member = quorum.member(random.between(1, 3));
    if (member.node === null) return;
    const [name, value] = [`key-${writes % 20}-${writes}`, `${writes++}`];
    const config = { resourceType: 4, resourceName: "", name, value };
    const record = { name: "ConfigRecord", version: 0, value: config } as const;
    member.node.submit(writing(record)).then(
      () => acknowledged.set(name, value),
      () => {},
    );
  };
  for (let count = 0; count < STEPS; count++) {
    for (let each = random.below(6); each > 0; each--) write();
    trouble(quorum, random);
    quorum.clock.advance(random.below(1500));
    for (const { id, failure } of quorum.members.values()) {
      expect(`${id}: ${String(failure)}`).toBe(`${id}: null`);
    }
  }
  for (const id of quorum.members.keys()) {
    quorum.thaw(id);
    quorum.rejoin(id);
    if (quorum.member(id).node === null) quorum.start(id);
  }
  // However bad it was: now it goes on.
  quorum.clock.await(writeOnce(quorum));
  quorum.settle();
  const images = [...quorum.members.values()].map(({ running }) => running.image);
  for (const [name, value] of acknowledged) {
    for (const { configs } of images) expect(configs.get(4, "", name)).toBe(value);
  }
  const contents = images.map((image) => JSON.stringify(contentsOf(image)));
  expect(new Set(contents).size).toBe(1);
}

/** Who leads at first may be one that has not heard yet that it leads no more. */
async function writeOnce(quorum: TestQuorum): Promise<void> {
  const record = { name: "NoOpRecord", version: 0, value: {} } as const;
  for (;;) {
    const leader = [...quorum.members.values()].find(({ node }) => node?.isActiveController);
    const written = leader?.node?.submit(writing(record)).then(
      () => true,
      () => false,
    );
    if ((await written) === true) return;
    await new Promise<void>((resolve) => quorum.clock.schedule(100, resolve));
  }
}

function trouble(quorum: TestQuorum, random: FakeRandom): void {
  const id = random.between(1, 5);
  const member = quorum.member(id);
  if (member.node === null) {
    if (random.chance(0.7)) quorum.start(id);
    return;
  }
  if (member.world.clock.isFrozen) {
    if (random.chance(0.6)) quorum.thaw(id);
    return;
  }
  switch (random.below(10)) {
    case 0:
      return quorum.kill(id);
    case 1:
      return quorum.powerLoss(id, random.chance(0.5) ? "none" : "random");
    case 2:
      return quorum.isolate(id);
    case 3:
    case 4:
      return quorum.rejoin(id);
    case 5: {
      const other = quorum.member(random.between(1, 5));
      return quorum.wire.cut(member.address, other.address, random.chance(0.5));
    }
    case 6:
      return quorum.freeze(id);
    case 7:
      return changeVoters(quorum, random);
    case 8:
      return quorum.stop(id);
    default:
      return;
  }
}

/** The fourth comes and goes, or whoever was taken out comes back; refused most of the time. */
function changeVoters(quorum: TestQuorum, random: FakeRandom): void {
  const asked = quorum.member(random.between(1, 4));
  const { id, directoryId: voterDirectoryId } = quorum.member(random.between(1, 4));
  const about = { clusterId: CLUSTER_ID, voterId: id, voterDirectoryId } as const;
  const request = random.chance(0.5)
    ? ({ kind: "removeVoter", ...about } as const)
    : ({
        kind: "addVoter",
        ...about,
        timeoutMs: 1000,
        endpoints: voterOf(id).endpoints,
        ackWhenCommitted: true,
      } as const);
  void asked.node?.raft.ask(request);
}
