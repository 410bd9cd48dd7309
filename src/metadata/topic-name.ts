/** Which names a topic may have, and the topics that Kafka keeps for itself. */

export const CONSUMER_OFFSETS_TOPIC = "__consumer_offsets";
export const TRANSACTION_STATE_TOPIC = "__transaction_state";
export const SHARE_GROUP_STATE_TOPIC = "__share_group_state";
export const CLUSTER_METADATA_TOPIC = "__cluster_metadata";

const INTERNAL_TOPICS = new Set([
  CONSUMER_OFFSETS_TOPIC,
  TRANSACTION_STATE_TOPIC,
  SHARE_GROUP_STATE_TOPIC,
]);

/** So that the name of a partition's folder, with its suffixes, fits into 255 bytes. */
const NAME_LENGTH_MAX = 249;

export function isInternalTopic(name: string): boolean {
  return INTERNAL_TOPICS.has(name);
}

/** What is wrong with a name, as Kafka words it; null when it may be used. */
export function topicNameError(name: string): string | null {
  const reason = reasonAgainst(name);
  return reason === null ? null : `Topic name is invalid: ${reason}`;
}

function reasonAgainst(name: string): string | null {
  if (name === "") return "the empty string is not allowed";
  if (name === "." || name === "..") return `'${name}' is not allowed`;
  if (name.length > NAME_LENGTH_MAX) {
    return `the length of '${name}' is longer than the max allowed length ${NAME_LENGTH_MAX}`;
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return (
      `'${name}' contains one or more characters other than ` +
      "ASCII alphanumerics, '.', '_' and '-'"
    );
  }
  return null;
}
