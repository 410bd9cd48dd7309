/** What consumers tell their assignor, as far as the coordinator needs it: the topics they read. */
import { decoderOf } from "../../protocol/compile.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { Reader } from "../../protocol/reader.ts";
import {
  consumerProtocolAssignment,
  consumerProtocolSubscription,
} from "../../protocol/records/consumer-protocol.ts";
import { encodeVersioned } from "../../protocol/records/frame.ts";
import type { Value } from "../../protocol/schema.ts";
import type { TopicPartitions } from "./assignor.ts";
import type { ClassicMember } from "./classic-member.ts";
import type { TopicDirectory } from "./topic-directory.ts";

export type Subscription = Value<typeof consumerProtocolSubscription>;
export type ClassicAssignment = Value<typeof consumerProtocolAssignment>;

/** What a short string costs, roughly. */
const STRING_HEAP_BYTES = 64;

/** The protocol type of consumers; Connect and schema registries have their own. */
export const CONSUMER_PROTOCOL_TYPE = "consumer";

/**
 * Topics that the members subscribe to under the chosen protocol. Null when that cannot be known:
 * no consumers, no protocol chosen yet, or metadata that is not the consumer protocol's.
 */
export function subscribedTopicsOf(
  protocolType: string | null,
  protocolName: string | null,
  members: ReadonlyMap<string, ClassicMember>,
): ReadonlySet<string> | null {
  if (protocolType !== CONSUMER_PROTOCOL_TYPE) return null;
  const topics = new Set<string>();
  if (members.size === 0) return topics;
  if (protocolName === null) return null;
  for (const member of members.values()) {
    const metadata = member.metadataOf(protocolName);
    if (metadata === null || !addTopics(topics, metadata)) return null;
  }
  return topics;
}

/** All that a consumer told; null where it is not what consumers write. */
export function decodeSubscription(metadata: Buffer): Subscription | null {
  return decoded(metadata, (version) => decoderOf(consumerProtocolSubscription, version));
}

/** What a member was given by the leader of a classic group. */
export function decodeAssignment(bytes: Buffer): ClassicAssignment | null {
  return decoded(bytes, (version) => decoderOf(consumerProtocolAssignment, version));
}

/** In the version of the member's own metadata; null where that cannot be told. */
export function encodeAssignment(
  topics: TopicDirectory,
  partitions: TopicPartitions,
  metadata: Buffer,
): Buffer | null {
  if (metadata.length < 2) return null;
  const version = metadata.readInt16BE(0);
  if (version < 0) return null;
  const assignedPartitions = [];
  for (const [topicId, numbers] of partitions) {
    const topic = topics.nameOf(topicId);
    if (topic !== null) assignedPartitions.push({ topic, partitions: numbers });
  }
  const highest = consumerProtocolAssignment.versions[1];
  return encodeVersioned(consumerProtocolAssignment, Math.min(version, highest), {
    assignedPartitions,
    userData: null,
  });
}

/** Versions of the future begin as the highest that we know does. */
function decoded<V>(bytes: Buffer, decoder: (version: number) => (reader: Reader) => V): V | null {
  try {
    const reader = new Reader(bytes);
    const version = reader.int16();
    if (version < 0) return null;
    return decoder(Math.min(version, consumerProtocolSubscription.versions[1]))(reader);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/**
 * Every version of a subscription begins as version 0 does: `version int16, topics [string],
 * userData bytes`. So all are read as that, and newer clients need no newer broker.
 */
function addTopics(topics: Set<string>, metadata: Buffer): boolean {
  try {
    const reader = new Reader(metadata);
    reader.int16();
    const count = reader.count(2, STRING_HEAP_BYTES);
    for (let index = 0; index < count; index++) topics.add(reader.string());
    reader.nullableBytes();
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
