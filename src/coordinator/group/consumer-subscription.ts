/** What consumers tell their assignor, as far as the coordinator needs it: the topics they read. */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { Reader } from "../../protocol/reader.ts";
import type { ClassicMember } from "./classic-member.ts";

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
