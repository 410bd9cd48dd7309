/**
 * What a broker asks of the active controller: as a command where that is in this process, and as
 * a request of the protocol where it is on another node. Both ways lead to the same reply.
 */
import { ZERO_UUID } from "../base/uuid.ts";
import type { NodePeer } from "../client/node-peer.ts";
import { later } from "../base/later.ts";
import type { ProducerIdBlock } from "../metadata/controller/allocate-producer-ids.ts";
import * as heartbeats from "../metadata/controller/broker-heartbeat.ts";
import type { Command, MutationPermits } from "../metadata/controller/command.ts";
import type {
  CreateTopicsRequest,
  CreateTopicsResponse,
} from "../metadata/controller/create-topics.ts";
import * as registrations from "../metadata/controller/register-broker.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { createTopics } from "../protocol/messages/19-create-topics.ts";
import { alterPartition } from "../protocol/messages/56-alter-partition.ts";
import { brokerRegistration } from "../protocol/messages/62-broker-registration.ts";
import { brokerHeartbeat } from "../protocol/messages/63-broker-heartbeat.ts";
import { allocateProducerIds } from "../protocol/messages/67-allocate-producer-ids.ts";
import { controllerRegistration } from "../protocol/messages/70-controller-registration.ts";
import { assignReplicasToDirs } from "../protocol/messages/73-assign-replicas-to-dirs.ts";
import type { Api } from "../protocol/schema.ts";
import type { TopicAsker } from "./topic-creation.ts";

/**
 * Requests of one line share a connection, on which the controller answers one after the other: as
 * in Kafka nothing waits behind a heartbeat, and no heartbeat behind anything.
 */
export type Line =
  "forwarding" | "heartbeat" | "registration" | "alter-partition" | "directory-assignments";

type Alteration = typeof import("../metadata/controller/alter-partition.ts");
type Allocation = typeof import("../metadata/controller/allocate-producer-ids.ts");
type Assignment = typeof import("../metadata/controller/assign-replicas-to-dirs.ts");
type Creation = typeof import("../metadata/controller/create-topics.ts");
type Envelopes = typeof import("./envelope.ts");

// A node starts without these.
const partitions = later((): Alteration => require("../metadata/controller/alter-partition.ts"));
const producerIds = later((): Allocation =>
  require("../metadata/controller/allocate-producer-ids.ts"),
);
const directories = later((): Assignment =>
  require("../metadata/controller/assign-replicas-to-dirs.ts"),
);
const topics = later((): Creation => require("../metadata/controller/create-topics.ts"));
const envelopes = later((): Envelopes => require("./envelope.ts"));

/** AlterPartition with the broker epochs of who is in sync (KIP-903): all of Kafka 4 speak it. */
const WITH_EPOCHS_VERSION = 3;

export interface ControllerCall<Request, Reply> {
  readonly line: Line;
  /** For the controller in this process. */
  command(request: Request): Command<Reply>;
  /** To a controller on another node. Rejects with `NodeError`. */
  send(peer: NodePeer, request: Request, timeoutMs: number): Promise<Reply>;
  /** The node that was asked is not the active controller. */
  isMisdirected(reply: Reply): boolean;
}

export const REGISTER_BROKER = callOf(
  "heartbeat",
  brokerRegistration,
  (request) => registrations.registerBroker(request, true),
  ({ errorCode, brokerEpoch }) => ({ errorCode, errorMessage: null, brokerEpoch }),
);

export const BROKER_HEARTBEAT = callOf(
  "heartbeat",
  brokerHeartbeat,
  heartbeats.heartbeat,
  (response): heartbeats.BrokerHeartbeatReply => ({ ...response, errorMessage: null }),
);

export const REGISTER_CONTROLLER = callOf(
  "registration",
  controllerRegistration,
  registrations.registerController,
  ({ errorCode, errorMessage }) => ({ errorCode, errorMessage }),
);

export const ALLOCATE_PRODUCER_IDS = callOf(
  "forwarding",
  allocateProducerIds,
  ({ brokerId, brokerEpoch }) => producerIds().allocateProducerIds(brokerId, brokerEpoch),
  ({ errorCode, producerIdStart, producerIdLen }): ProducerIdBlock => ({
    errorCode,
    producerIdStart,
    producerIdLength: producerIdLen,
  }),
);

export const ASSIGN_REPLICAS_TO_DIRS = callOf(
  "directory-assignments",
  assignReplicasToDirs,
  (request) => directories().assignReplicasToDirs(request),
  (response) => response,
);

/** The leader of partitions says who is in sync (KIP-497). */
export const ALTER_PARTITION = callOf(
  "alter-partition",
  alterPartition,
  (request) => partitions().alterPartition(request, WITH_EPOCHS_VERSION),
  (response) => response,
);

type CreateTopicsCall = ControllerCall<CreateTopicsRequest, CreateTopicsResponse>;

/** CreateTopics in the name of this broker. */
export const CREATE_TOPICS: CreateTopicsCall = callOf(
  "forwarding",
  createTopics,
  (request) => topics().createTopics(request),
  (response) => response,
);

/** The same for a client, whom `permits` limit where the controller is here. */
export function createTopicsFor(
  { client, remoteAddress }: TopicAsker,
  permits: MutationPermits | null,
): CreateTopicsCall {
  const command = (request: CreateTopicsRequest) => topics().createTopics(request, permits);
  if (client === undefined) return { ...CREATE_TOPICS, command };
  return {
    ...CREATE_TOPICS,
    command,
    async send(peer, request, timeoutMs) {
      const asker = { ...client, remoteAddress, correlationId: 0 };
      const { askInEnvelope } = envelopes();
      const version = createTopics.stableVersion;
      const asked = askInEnvelope(peer, createTopics, version, request, asker, timeoutMs);
      const { errorCode, response } = await asked;
      return response ?? { throttleTimeMs: 0, topics: request.topics.map(refusedBy(errorCode)) };
    },
  };
}

function refusedBy(errorCode: number) {
  return ({ name }: { readonly name: string }) => ({
    name,
    topicId: ZERO_UUID,
    errorCode,
    errorMessage: null,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  });
}

interface Errors {
  readonly errorCode?: number;
  readonly topics?: readonly (OneError & { readonly partitions?: readonly OneError[] })[];
}

interface OneError {
  readonly errorCode?: number;
}

function callOf<Q extends QI, QI, R, RI, Reply extends Errors>(
  line: Line,
  api: Api<Q, QI, R, RI>,
  command: (request: Q) => Command<Reply>,
  read: (response: R) => Reply,
): ControllerCall<Q, Reply> {
  return {
    line,
    command,
    send: (peer, request, timeoutMs) => peer.ask(api, () => request, timeoutMs, read),
    isMisdirected: (reply) =>
      isMisdirected(reply) ||
      (reply.topics ?? []).some(
        (topic) => isMisdirected(topic) || (topic.partitions ?? []).some(isMisdirected),
      ),
  };
}

function isMisdirected({ errorCode }: OneError): boolean {
  return errorCode === ErrorCode.NOT_CONTROLLER;
}
