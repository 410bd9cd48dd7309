/**
 * FindCoordinator: v0-6.
 *
 * - A group is coordinated by the leader of its partition of `__consumer_offsets`, a transactional
 *   id by that of `__transaction_state`. The first that asks has the topic made, and asks again
 *   until it is there. A share partition, as "group:topicId:partition", by `__share_group_state`.
 *
 * Versions: v1 kinds of keys; v4 many keys (KIP-699); v6 share groups (KIP-932).
 */
import { isUuid } from "../base/uuid.ts";
import type { Broker } from "../broker/broker.ts";
import { aliveNodeView } from "../broker/topic-view.ts";
import {
  CONSUMER_OFFSETS_TOPIC,
  SHARE_GROUP_STATE_TOPIC,
  TRANSACTION_STATE_TOPIC,
} from "../metadata/internal-topics.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { findCoordinator } from "../protocol/messages/10-find-coordinator.ts";
import type { Input } from "../protocol/schema.ts";
import { errorText } from "../protocol/error-text.ts";
import { handler, type RequestContext } from "./handler.ts";

type CoordinatorAnswer = NonNullable<
  Input<typeof findCoordinator.response>["coordinators"]
>[number];

const CoordinatorType = { GROUP: 0, TRANSACTION: 1, SHARE: 2 } as const;
const MANY_KEYS_VERSION = 4;
const SHARE_GROUPS_VERSION = 6;

export const findCoordinatorHandler = handler(findCoordinator, (request, context, broker) => {
  const { keyType } = request;
  if (context.apiVersion >= MANY_KEYS_VERSION) {
    const coordinators = request.coordinatorKeys.map((key) => find(keyType, key, context, broker));
    return { coordinators };
  }
  const { key: _, ...found } = find(keyType, request.key, context, broker);
  const errorMessage = found.errorMessage || errorText(found.errorCode);
  return { ...found, errorMessage, coordinators: [] };
});

function find(
  keyType: number,
  key: string,
  context: RequestContext,
  broker: Broker,
): CoordinatorAnswer & { errorCode: ErrorCode } {
  switch (keyType) {
    case CoordinatorType.GROUP:
      return findIn(CONSUMER_OFFSETS_TOPIC, broker.groups.runtime, key, context, broker);
    case CoordinatorType.TRANSACTION:
      return findIn(TRANSACTION_STATE_TOPIC, broker.transactions.runtime, key, context, broker);
    case CoordinatorType.SHARE:
      if (context.apiVersion < SHARE_GROUPS_VERSION) {
        return nobody(key, ErrorCode.INVALID_REQUEST, "");
      }
      if (!isSharePartitionKey(key)) {
        return nobody(key, ErrorCode.INVALID_REQUEST, "");
      }
      return findIn(SHARE_GROUP_STATE_TOPIC, broker.shareCoordinator.runtime, key, context, broker);
    default:
      return nobody(key, ErrorCode.INVALID_REQUEST, errorText(ErrorCode.INVALID_REQUEST));
  }
}

/** "group:topicId:partition"; the group's id may hold colons of its own. */
function isSharePartitionKey(key: string): boolean {
  // Java's split drops what is empty at the end.
  const parts = key.replace(/:+$/, "").split(":");
  if (parts.length < 3) return false;
  const [topicId = "", partition = ""] = parts.slice(-2);
  return parts.slice(0, -2).join(":").trim() !== "" && isUuid(topicId) && isInt32(partition);
}

function isInt32(text: string): boolean {
  return /^[+-]?[0-9]+$/.test(text) && Number(text) === (Number(text) | 0);
}

function findIn(
  topicName: string,
  coordinator: { partitionFor(key: string): number },
  key: string,
  context: RequestContext,
  broker: Broker,
) {
  const topic = broker.image.topics.byName(topicName);
  if (topic === null) {
    void broker.topicCreation.create([topicName], context.connection);
    return nobody(key, ErrorCode.COORDINATOR_NOT_AVAILABLE, "");
  }
  const leader = topic.partitions[coordinator.partitionFor(key)]?.leader;
  const node =
    leader === undefined ? null : aliveNodeView(broker.image, leader, context.listenerName);
  if (node === null) return nobody(key, ErrorCode.COORDINATOR_NOT_AVAILABLE, "");
  const { nodeId, host, port } = node;
  return { key, nodeId, host, port, errorCode: ErrorCode.NONE as ErrorCode, errorMessage: "" };
}

function nobody(key: string, errorCode: ErrorCode, errorMessage: string) {
  return { key, nodeId: -1, host: "", port: -1, errorCode, errorMessage };
}
