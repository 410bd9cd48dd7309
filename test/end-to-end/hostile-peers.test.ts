/**
 * Three nodes as processes, and somebody who speaks to both of their listeners as if it was a node:
 * frames of the APIs between nodes, with values from chance, spoilt, cut short, or nothing but noise.
 * Each costs its connection at most.
 */
import { expect } from "bun:test";
import { Cluster, QUICK_CLUSTER } from "../compat/cluster/cluster.ts";
import { peerRequest } from "../fuzz/peer-requests.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { apiVersions } from "../../src/protocol/messages/18-api-versions.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { describeQuorum } from "../../src/protocol/messages/55-describe-quorum.ts";
import { batchOf } from "../log/log-fixture.ts";
import { Scratch } from "./broker-process.ts";
import { Connection, framed, produceBatch } from "./client.ts";
import { countOf, faultTest, newChance } from "./faults.ts";

const ANSWER_MS_MAX = 70_000;
const AT_ONCE = 20;

faultTest("whoever speaks as a node and is none costs its own connections only", async () => {
  using scratch = new Scratch();
  const chance = newChance("peers");
  const cluster = await Cluster.make(scratch.path, {
    kinds: ["bunka", "bunka", "bunka"],
    settings: QUICK_CLUSTER,
  });
  try {
    await cluster.start();
    const places = cluster.nodes.map(({ place }) => place.port);
    using good = await Connection.open(places[0]!);
    const assignments = [{ partitionIndex: 0, brokerIds: [1, 2, 3] }];
    const topic = { name: "t", numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
    const created = await good.request(createTopics, 7, { topics: [topic], timeoutMs: 30_000 });
    expect(created.topics[0]!.errorCode).toBe(ErrorCode.NONE);
    const before = await quorumOf(good);
    const rounds = countOf("BUNKA_PEER_ROUNDS", { short: 15, all: 100, long: 1000 });
    for (let round = 0; round < rounds; round++) {
      await Promise.all(
        Array.from({ length: AT_ONCE }, () => {
          const { listener, frame } = peerRequest(chance, null);
          const node = chance.pick(cluster.nodes);
          const port = listener === "broker" ? node.place.port : node.controllerPort;
          return expectReaction(port, spoilt(frame));
        }),
      );
      expect((await good.request(apiVersions, 0, {})).errorCode).toBe(ErrorCode.NONE);
    }
    expect(await quorumOf(good)).toEqual(before);
    const { errorCode, baseOffset } = await produceBatch(good, "t", 0, batchOf());
    expect([errorCode, baseOffset]).toEqual([ErrorCode.NONE, 0]);
    for (const { id, log } of cluster.nodes) {
      expect([id, log.split("\n").filter((line) => / ERROR |must stop/.test(line))]).toEqual([
        id,
        [],
      ]);
    }
    for (const node of cluster.nodes) await node.stop();
  } finally {
    await cluster.end();
  }

  /** As it is, cut short, or noise. */
  function spoilt(frame: Buffer): Buffer {
    if (chance.oneIn(6)) return framed(frame.subarray(0, chance.below(frame.length)));
    if (chance.oneIn(8)) return framed(chance.bytes(1 + chance.below(300)));
    return framed(frame);
  }
});

/** An answer, or a connection that ends: never silence. */
async function expectReaction(port: number, bytes: Buffer): Promise<void> {
  using client = await Connection.open(port);
  client.send(bytes);
  client.finish();
  const late = Bun.sleep(ANSWER_MS_MAX).then(() => {
    throw new Error(`silence after ${bytes.toString("hex").slice(0, 400)}`);
  });
  await Promise.race([client.closed, late]);
}

/** Who leads it in which epoch, and who votes. */
async function quorumOf(connection: Connection) {
  const topics = [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }];
  const answer = await connection.request(describeQuorum, 2, { topics });
  const { leaderId, leaderEpoch, currentVoters } = answer.topics[0]!.partitions[0]!;
  return { leaderId, leaderEpoch, voters: currentVoters.map(({ replicaId }) => replicaId).sort() };
}
