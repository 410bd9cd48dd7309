/**
 * Whoever speaks as a node and is none: frames of every API that nodes ask of each other, to both
 * listeners of three nodes. An answer or a closed connection; no node ends, nothing is lost.
 */
import { expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { Chance } from "../fuzz/chance.ts";
import { PEER_KEYS, type PeerFacts, peerRequest, type PeerRequest } from "../fuzz/peer-requests.ts";
import { batchOf } from "../log/log-fixture.ts";
import { connectTo } from "../sim/cluster/scripted.ts";
import { addressOf, CLUSTER_ID, type NodePlan, RoleCluster } from "./role-cluster.ts";

const SEEDS = Number(process.env["BUNKA_PEER_SEEDS"] ?? 2);
const REQUESTS = 400;
const IDS = [1, 2, 3];
const THREE: readonly NodePlan[] = IDS.map((id) => ({ id, roles: "broker,controller" }));
const PORTS = { broker: 9092, controller: 9093 };
const LATE_MS = 70_000;
/** Obeyed, as by Kafka: what leaders and brokers say of themselves, and what administrators ask. */
const OBEYED = [53, 54, 57, 58, 62, 63, 64, 70, 80, 81, 82];
const NOT_OBEYED = PEER_KEYS.filter((key) => !OBEYED.includes(key));

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`that know nothing change nothing, seed ${seed}`, () => {
    const { cluster, topicId } = started();
    const before = stateOf(cluster);
    storm(cluster, new Chance(seed), () => null);
    expect(stateOf(cluster)).toEqual(before);
    for (const id of IDS) {
      expect(cluster.node(id).lines.filter((line) => line.includes(" ERROR "))).toEqual([]);
    }
    expectWorking(cluster, topicId, 1);
  });

  test(`that know much end no node, seed ${seed}`, () => {
    const { cluster, topicId } = started();
    storm(cluster, new Chance(1000 + seed), () => factsOf(cluster, topicId));
  });

  test(`that lie about what they are disturb for a while, seed ${seed}`, () => {
    const { cluster, topicId } = started();
    storm(cluster, new Chance(2000 + seed), () => factsOf(cluster, topicId), NOT_OBEYED);
    const created = cluster.ask(1, createTopics, creation("after"));
    expect(created.topics[0]!.errorCode).toBe(ErrorCode.NONE);
    cluster.until(() => IDS.every((id) => cluster.image(id).topics.byName("after") !== null));
    cluster.until(() => partition(cluster).isr.length === 3);
  });
}

function started() {
  const cluster = new RoleCluster(THREE);
  cluster.start();
  const { topicId } = cluster.ask(1, createTopics, creation("t")).topics[0]!;
  cluster.until(() => partition(cluster).isr.length === 3);
  expectWorking(cluster, topicId, 0);
  return { cluster, topicId };
}

function creation(name: string) {
  const topic = { name, numPartitions: 1, replicationFactor: 3, assignments: [], configs: [] };
  return { topics: [topic], timeoutMs: 60_000, validateOnly: false };
}

function partition(cluster: RoleCluster) {
  return cluster.image(1).topics.byName("t")!.partitions[0]!;
}

/** Acknowledged by all, behind what was there. */
function expectWorking(cluster: RoleCluster, topicId: string, baseOffset: number): void {
  const partitionData = [{ index: 0, records: batchOf() }];
  const topicData = [{ topicId, name: "t", partitionData }];
  const request = { acks: -1, timeoutMs: 10_000, topicData };
  const { responses } = cluster.ask(partition(cluster).leader, produce, request);
  const answer = responses[0]!.partitionResponses[0]!;
  expect(answer).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset });
}

/** What no stranger may change. */
function stateOf(cluster: RoleCluster) {
  return IDS.map((id) => {
    const { metadata, image, partitions } = cluster.running(id).broker;
    const { epoch, leaderId, voters } = metadata.raft;
    const { isr, leader, leaderEpoch, partitionEpoch } = partition(cluster);
    const brokers = [...image.cluster.brokers.values()].map((each) => [
      each.id,
      each.epoch,
      each.fenced,
    ]);
    const ends = [...partitions].map(({ log }) => [log.logStartOffset, log.logEndOffset]);
    const quorum = { epoch, leaderId, voters: [...voters.keys()] };
    return { quorum, isr: [...isr], leader, leaderEpoch, partitionEpoch, brokers, ends };
  });
}

function factsOf(cluster: RoleCluster, topicId: string): PeerFacts {
  const numbers = new Set<number>();
  const ids = new Set([topicId]);
  for (const { running } of cluster.nodes.values()) {
    if (running === null) continue;
    const { metadata, image, partitions } = running.broker;
    const { epoch, endOffset, highWatermark } = metadata.raft;
    for (const number of [epoch, endOffset, highWatermark]) numbers.add(number);
    for (const { epoch: brokerEpoch, directories } of image.cluster.brokers.values()) {
      numbers.add(brokerEpoch);
      for (const directory of directories) ids.add(directory);
    }
    for (const { log, leaderEpoch } of partitions) {
      numbers.add(log.logEndOffset);
      numbers.add(leaderEpoch);
    }
  }
  const known = { numbers: [...numbers], ids: [...ids], names: ["t", "u", "g"] };
  return { clusterId: CLUSTER_ID, nodeIds: IDS, ...known };
}

function storm(
  cluster: RoleCluster,
  chance: Chance,
  facts: () => PeerFacts | null,
  keys: readonly number[] = PEER_KEYS,
): void {
  for (let count = 0; count < REQUESTS; count++) {
    const request = peerRequest(chance, facts(), keys);
    try {
      send(cluster, chance.pick(IDS), request);
      for (const id of IDS) {
        const { life } = cluster.node(id);
        if (life === null || life.hasFailed)
          throw new Error(`node ${id} ended`, { cause: life?.failure });
      }
    } catch (error) {
      throw new Error(said(request), { cause: error });
    }
  }
}

/** Answered or closed in time. */
function send(cluster: RoleCluster, id: number, { listener, frame }: PeerRequest): void {
  const { clock, network } = cluster.client;
  const connecting = connectTo(network, addressOf(id), PORTS[listener]);
  let isDone = false;
  const done = () => (isDone = true);
  void clock.await(connecting).exchange(frame).then(done, done);
  clock.advanceUntil(() => isDone, LATE_MS);
}

function said({ api, version, listener, value, isSpoilt }: PeerRequest): string {
  const shown = (_: string, part: unknown) => (typeof part === "bigint" ? String(part) : part);
  const text = JSON.stringify(value, shown).slice(0, 2000);
  return `${api.name} v${version} to ${listener}${isSpoilt ? ", spoilt" : ""}: ${text}`;
}
