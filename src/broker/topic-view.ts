/** The image as clients of one listener see it: leaders, replicas and which of them are away. */
import { ErrorCode } from "../protocol/error-code.ts";
import type { BrokerRegistration } from "../metadata/cluster-image.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { isOnlineDirectory } from "../metadata/directory-id.ts";
import { NO_LEADER, type PartitionRegistration } from "../metadata/partition-registration.ts";

export interface PartitionView {
  readonly errorCode: ErrorCode;
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicaNodes: number[];
  readonly isrNodes: number[];
  readonly offlineReplicas: number[];
  readonly eligibleLeaderReplicas: number[];
  readonly lastKnownElr: number[];
}

export interface ViewOptions {
  readonly listenerName: string;
  /** Metadata v0 leaves out replicas that are away, and says so with an error. */
  readonly hidesOfflineReplicas: boolean;
  /** From Metadata v6 on a leader without this listener is told apart from no leader. */
  readonly namesMissingListener: boolean;
}

export function partitionView(
  image: MetadataImage,
  partitionIndex: number,
  partition: PartitionRegistration,
  options: ViewOptions,
): PartitionView {
  const { listenerName, hidesOfflineReplicas } = options;
  const isReachable = (id: number) => {
    const broker = image.cluster.broker(id);
    return broker !== null && hasListener(broker, listenerName) && !broker.fenced;
  };
  const shown = (ids: readonly number[]) =>
    hidesOfflineReplicas ? ids.filter(isReachable) : [...ids];
  const replicaNodes = shown(partition.replicas);
  const isrNodes = shown(partition.isr);
  const leader = image.cluster.broker(partition.leader);
  const hasLeader = leader !== null && hasListener(leader, listenerName);
  const isWhole =
    replicaNodes.length === partition.replicas.length && isrNodes.length === partition.isr.length;
  return {
    errorCode: hasLeader
      ? isWhole
        ? ErrorCode.NONE
        : ErrorCode.REPLICA_NOT_AVAILABLE
      : leader !== null && options.namesMissingListener
        ? ErrorCode.LISTENER_NOT_FOUND
        : ErrorCode.LEADER_NOT_AVAILABLE,
    partitionIndex,
    leaderId: hasLeader ? partition.leader : NO_LEADER,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes,
    isrNodes,
    offlineReplicas: partition.replicas.filter(
      (id, index) =>
        !isReachable(id) ||
        !isOnlineDirectory(
          partition.directories[index] ?? "",
          image.cluster.broker(id)?.directories ?? [],
        ),
    ),
    eligibleLeaderReplicas: [...partition.eligibleLeaderReplicas],
    lastKnownElr: [...partition.lastKnownElr],
  };
}

export interface NodeView {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  readonly isFenced: boolean;
}

/** Brokers that clients of a listener can reach; fenced ones only when asked for. */
export function nodeViews(
  image: MetadataImage,
  listenerName: string,
  includesFenced = false,
): NodeView[] {
  const nodes: NodeView[] = [];
  for (const id of image.cluster.brokers.keys()) {
    const node = nodeView(image, id, listenerName);
    if (node !== null && (includesFenced || !node.isFenced)) nodes.push(node);
  }
  return nodes;
}

/** Controllers that clients of a controller listener can reach (KIP-919). */
export function controllerViews(image: MetadataImage, listenerName: string): NodeView[] {
  return [...image.cluster.controllers.values()].flatMap(({ id, endpoints }) => {
    const endpoint = endpoints.find(({ name }) => name === listenerName);
    if (endpoint === undefined) return [];
    return [{ nodeId: id, host: endpoint.host, port: endpoint.port, rack: null, isFenced: false }];
  });
}

/** One broker, fenced or not; null when clients of the listener cannot reach it. */
function nodeView(image: MetadataImage, brokerId: number, listenerName: string): NodeView | null {
  const broker = image.cluster.broker(brokerId);
  const endpoint = image.cluster.endpoint(brokerId, listenerName);
  if (broker === null || endpoint === null) return null;
  const { host, port } = endpoint;
  return { nodeId: brokerId, host, port, rack: broker.rack, isFenced: broker.fenced };
}

/** KIP-951: where a client may go; null for a broker that is away. */
export function aliveNodeView(
  image: MetadataImage,
  brokerId: number,
  listenerName: string,
): NodeView | null {
  const node = nodeView(image, brokerId, listenerName);
  return node === null || node.isFenced ? null : node;
}

function hasListener(broker: BrokerRegistration, listenerName: string): boolean {
  return broker.endpoints.some((endpoint) => endpoint.name === listenerName);
}
