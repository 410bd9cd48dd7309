/** A coordinator with many committed offsets moves: how long the next one takes to load them. */
import { createTopic } from "../../../../bench/kit/raw-client.ts";
import { RawConnection } from "../../../../bench/kit/raw-connection.ts";
import { retried } from "../../../../bench/kit/retried.ts";
import { ErrorCode } from "../../../../src/protocol/error-code.ts";
import { offsetCommit } from "../../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../../src/protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../../../src/protocol/messages/10-find-coordinator.ts";
import type { Cluster } from "../cluster.ts";
import { secondsSince } from "./survey.ts";

const GROUP = "loaded";
const TOPIC = "committed";
const PARTITIONS = 500;
const POLL_MS = 2;

export async function measureCoordinatorLoad(cluster: Cluster, commits: number): Promise<void> {
  await createTopic(cluster.node(1).place.port, TOPIC, PARTITIONS);
  const first = await coordinatorOf(cluster, null);
  await commit(cluster, first, commits);
  const startMs = performance.now();
  const stopped = cluster.node(first).stop();
  const next = await coordinatorOf(cluster, first);
  const namedMs = performance.now();
  await untilLoaded(cluster, next, Math.floor(commits / PARTITIONS));
  const after = `${secondsSince(startMs)} after the order to stop, ${secondsSince(namedMs)} after`;
  console.log(`load: ${commits} commits known ${after} its successor was named`);
  await stopped;
}

async function coordinatorOf(cluster: Cluster, except: number | null): Promise<number> {
  const other = cluster.nodes.find(({ id }) => id !== except)!;
  const connection = await RawConnection.open(other.place.port);
  for (;;) {
    const { errorCode, nodeId } = await connection.ask(findCoordinator, 2, {
      key: GROUP,
      keyType: 0,
    });
    if (errorCode === ErrorCode.NONE && nodeId !== except) {
      connection.close();
      return nodeId;
    }
    await Bun.sleep(POLL_MS);
  }
}

async function commit(cluster: Cluster, coordinator: number, commits: number): Promise<void> {
  const connection = await RawConnection.open(cluster.node(coordinator).place.port);
  for (let round = 1; round <= Math.floor(commits / PARTITIONS); round++) {
    const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
      partitionIndex,
      committedOffset: round,
      committedMetadata: "",
    }));
    await retried(async () => {
      const answer = await connection.ask(offsetCommit, 7, {
        groupId: GROUP,
        memberId: "",
        topics: [{ name: TOPIC, partitions }],
      });
      return answer.topics[0]?.partitions.find(({ errorCode }) => errorCode !== 0)?.errorCode ?? 0;
    });
  }
  connection.close();
}

/** The last of the commits must be there. */
async function untilLoaded(cluster: Cluster, coordinator: number, round: number): Promise<void> {
  const connection = await RawConnection.open(cluster.node(coordinator).place.port);
  const topics = [{ name: TOPIC, partitionIndexes: [0, PARTITIONS - 1] }];
  for (;;) {
    const answer = await connection.ask(offsetFetch, 7, { groupId: GROUP, topics });
    const offsets = answer.topics?.[0]?.partitions ?? [];
    if (answer.errorCode === ErrorCode.NONE) {
      if (offsets.length === 2 && offsets.every(({ committedOffset }) => committedOffset === round))
        break;
      throw new Error(`offsets were lost: ${offsets.map((each) => each.committedOffset).join()}`);
    }
    await Bun.sleep(POLL_MS);
  }
  connection.close();
}
