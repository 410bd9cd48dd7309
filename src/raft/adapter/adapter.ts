/**
 * Between what the core says and Kafka's requests. Each file of this folder has one request, both
 * ways round: as it is sent and its response read, and as it is received and answered.
 *
 *   core -> requestTo -> [ network ] -> requestFrom -> core of another node
 *   core <- responseFrom <- [ network ] <- responseTo <- core of another node
 */
import { ZERO_UUID } from "../../base/uuid.ts";
import { CLUSTER_METADATA_TOPIC } from "../../log/log-names.ts";
import { ErrorCode, errorName } from "../../protocol/error-code.ts";
import type { Api } from "../../protocol/schema.ts";
import type { ApiVersionsRequest, RaftRequest, RaftResponse } from "../core/messages.ts";
import type { VoterEndpoint } from "../voter-set.ts";

/** Where a request came in, and in which version. */
export interface RaftContext {
  /** The name of the listener: endpoints are answered for the same. */
  readonly listener: string;
  readonly version: number;
}

/** What a response carries beside what the core says: batches, or a part of a snapshot. */
export interface RaftReply<Response> {
  readonly response: Response;
  readonly bytes: Buffer;
}

/** The side that asks. */
export interface Asking<Request, Response extends RaftResponse, Q, QI, R, RI> {
  readonly api: Api<Q, QI, R, RI>;
  /** Throws `VersionError` where the version has no way to say it. */
  requestTo(request: Request, version: number): QI;
  /** `listener`: of the endpoints in a response, which name none. Throws `ProtocolError`. */
  responseFrom(response: R, listener: string): Response;
  /** What stands for a response of one who knows no version of the request that says it. */
  readonly unsupported: Response;
}

/** The side that answers. */
export interface Answering<Request extends RaftRequest, Response, Q, RI> {
  /** An error of the whole request: it is not one about the metadata. */
  requestFrom(request: Q, context: RaftContext): Request | ErrorCode;
  responseTo(reply: RaftReply<Response>, request: Q, context: RaftContext): RI;
  /** The response to a request as a whole. */
  failed(error: ErrorCode, request: Q): RI;
}

/** The other node knows no version of a request that could say this. */
export class VersionError extends Error {}

export type Asked = RaftRequest | ApiVersionsRequest;

export const UNKNOWN_LEADER = {
  leaderId: -1,
  leaderEpoch: -1,
  leaderEndpoints: [] as readonly VoterEndpoint[],
} as const;

interface AskedTopic<P> {
  readonly topicName: string;
  readonly partitions: readonly P[];
}

/** These requests name one partition: that of the metadata. Null for anything else. */
export function onlyPartition<P extends { readonly partitionIndex: number }>(
  topics: readonly AskedTopic<P>[],
): P | null {
  const [topic, ...others] = topics;
  if (topic === undefined || others.length > 0) return null;
  const [partition] = topic.partitions;
  if (topic.topicName !== CLUSTER_METADATA_TOPIC || topic.partitions.length !== 1) return null;
  return partition?.partitionIndex === 0 ? partition : null;
}

export function topicOf<P>(partition: P) {
  return [{ topicName: CLUSTER_METADATA_TOPIC, partitions: [partition] }];
}

interface LeaderOf {
  readonly leaderId: number;
  readonly leaderEndpoints: readonly VoterEndpoint[];
}

/** The leader's endpoint, from the version on that has a field for it. */
export function nodeEndpoints(
  { leaderId, leaderEndpoints }: LeaderOf,
  { listener, version }: RaftContext,
  sinceVersion: number,
) {
  const endpoint = leaderEndpoints.find(({ name }) => name === listener);
  if (version < sinceVersion || endpoint === undefined) return [];
  return [{ nodeId: leaderId, host: endpoint.host, port: endpoint.port }];
}

interface NodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** The leader's among the endpoints of a response, which are those of the listener asked. */
export function leaderEndpoints(
  endpoints: readonly NodeEndpoint[],
  leaderId: number,
  name: string,
): VoterEndpoint[] {
  const found = endpoints.find(({ nodeId }) => nodeId === leaderId);
  return found === undefined ? [] : [{ name, host: found.host, port: found.port }];
}

/** Names as settings have them, whatever case another node writes them in. */
export function endpointsFrom(endpoints: readonly VoterEndpoint[] | undefined): VoterEndpoint[] {
  return (endpoints ?? []).map(({ name, host, port }) => ({
    name: name.toUpperCase(),
    host,
    port,
  }));
}

/** One that this program does not know is as good as none that it does. */
export function errorFrom(code: number): ErrorCode {
  return ErrorCode[errorName(code)];
}

export function directoryFrom(directoryId: string | undefined): string {
  return directoryId ?? ZERO_UUID;
}
