/** To which node of a cluster a client sends what it asks, and what the answer says of that. */
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { fetch } from "../../../src/protocol/messages/01-fetch.ts";
import { listOffsets } from "../../../src/protocol/messages/02-list-offsets.ts";
import { offsetCommit } from "../../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { joinGroup } from "../../../src/protocol/messages/11-join-group.ts";
import { heartbeat } from "../../../src/protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../../src/protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../../src/protocol/messages/14-sync-group.ts";
import { deleteRecords } from "../../../src/protocol/messages/21-delete-records.ts";
import { initProducerId } from "../../../src/protocol/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../../src/protocol/messages/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../../src/protocol/messages/25-add-offsets-to-txn.ts";
import { endTxn } from "../../../src/protocol/messages/26-end-txn.ts";
import { txnOffsetCommit } from "../../../src/protocol/messages/28-txn-offset-commit.ts";
import { consumerGroupHeartbeat } from "../../../src/protocol/messages/68-consumer-group-heartbeat.ts";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import type { Api } from "../../../src/protocol/schema.ts";

export const GROUP = 0;
export const TRANSACTION = 1;

export interface LeaderPlace {
  readonly kind: "leader";
  readonly topic: string;
  readonly partition: number;
}

export type Place =
  | { readonly kind: "any" }
  | LeaderPlace
  | { readonly kind: "coordinator"; readonly keyType: number; readonly key: string };

interface Route {
  place(request: unknown): Place;
  errorOf(response: unknown): number;
}

const ANY: Place = { kind: "any" };
const ANYWHERE: Route = { place: () => ANY, errorOf: () => ErrorCode.NONE };

const ROUTES = new Map<number, Route>([
  route(
    produce,
    ({ topicData }) => leaderOf(topicData?.[0]?.name, topicData?.[0]?.partitionData?.[0]?.index),
    ({ responses }) => responses[0]?.partitionResponses[0]?.errorCode,
  ),
  route(
    fetch,
    ({ topics }) => leaderOf(topics?.[0]?.topic, topics?.[0]?.partitions?.[0]?.partition),
    ({ errorCode, responses }) => errorCode || responses[0]?.partitions[0]?.errorCode,
  ),
  route(
    listOffsets,
    ({ topics }) => leaderOf(topics?.[0]?.name, topics?.[0]?.partitions?.[0]?.partitionIndex),
    ({ topics }) => topics[0]?.partitions[0]?.errorCode,
  ),
  route(
    deleteRecords,
    ({ topics }) => leaderOf(topics?.[0]?.name, topics?.[0]?.partitions?.[0]?.partitionIndex),
    ({ topics }) => topics[0]?.partitions[0]?.errorCode,
  ),
  route(
    offsetCommit,
    ({ groupId }) => coordinatorOf(GROUP, groupId),
    ({ topics }) => topics[0]?.partitions[0]?.errorCode,
  ),
  route(
    offsetFetch,
    ({ groups }) => coordinatorOf(GROUP, groups?.[0]?.groupId),
    ({ groups }) => groups[0]?.errorCode || groups[0]?.topics[0]?.partitions[0]?.errorCode,
  ),
  route(
    joinGroup,
    ({ groupId }) => coordinatorOf(GROUP, groupId),
    ({ errorCode }) => errorCode,
  ),
  route(
    heartbeat,
    ({ groupId }) => coordinatorOf(GROUP, groupId),
    ({ errorCode }) => errorCode,
  ),
  route(
    leaveGroup,
    ({ groupId }) => coordinatorOf(GROUP, groupId),
    ({ errorCode }) => errorCode,
  ),
  route(
    syncGroup,
    ({ groupId }) => coordinatorOf(GROUP, groupId),
    ({ errorCode }) => errorCode,
  ),
  route(
    initProducerId,
    ({ transactionalId }) => coordinatorOf(TRANSACTION, transactionalId),
    ({ errorCode }) => errorCode,
  ),
  route(
    addPartitionsToTxn,
    ({ v3AndBelowTransactionalId }) => coordinatorOf(TRANSACTION, v3AndBelowTransactionalId),
    (answer) => answer.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode,
  ),
  route(
    addOffsetsToTxn,
    ({ transactionalId }) => coordinatorOf(TRANSACTION, transactionalId),
    ({ errorCode }) => errorCode,
  ),
  route(
    endTxn,
    ({ transactionalId }) => coordinatorOf(TRANSACTION, transactionalId),
    ({ errorCode }) => errorCode,
  ),
  route(
    txnOffsetCommit,
    ({ groupId }) => coordinatorOf(GROUP, groupId),
    ({ topics }) => topics[0]?.partitions[0]?.errorCode,
  ),
  route(
    consumerGroupHeartbeat,
    ({ groupId }) => coordinatorOf(GROUP, groupId),
    ({ errorCode }) => errorCode,
  ),
]);

/** What consumers say of the leader's epoch (KIP-320): a replica that leads no more refuses it. */
export function withLeaderEpoch<QI>(apiKey: number, request: QI, currentLeaderEpoch: number): QI {
  if (apiKey !== fetch.key && apiKey !== listOffsets.key) return request;
  const { topics } = request as { topics: readonly { partitions: readonly object[] }[] };
  const told = topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((partition) => ({ ...partition, currentLeaderEpoch })),
  }));
  return { ...request, topics: told };
}

export function routeOf(apiKey: number): Route {
  return ROUTES.get(apiKey) ?? ANYWHERE;
}

function route<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  place: (request: QI) => Place,
  errorOf: (response: R) => number | undefined,
): [number, Route] {
  return [
    api.key,
    {
      place: (request) => place(request as QI),
      errorOf: (response) => errorOf(response as R) ?? ErrorCode.NONE,
    },
  ];
}

function leaderOf(topic: string | undefined, partition: number | undefined): Place {
  if (topic === undefined || partition === undefined) return ANY;
  return { kind: "leader", topic, partition };
}

function coordinatorOf(keyType: number, key: string | null | undefined): Place {
  return key === null || key === undefined ? ANY : { kind: "coordinator", keyType, key };
}
