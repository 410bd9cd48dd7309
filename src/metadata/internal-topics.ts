/** The topics that Kafka keeps for itself. */

export const CONSUMER_OFFSETS_TOPIC = "__consumer_offsets";
export const TRANSACTION_STATE_TOPIC = "__transaction_state";
export const SHARE_GROUP_STATE_TOPIC = "__share_group_state";

const INTERNAL_TOPICS = new Set([
  CONSUMER_OFFSETS_TOPIC,
  TRANSACTION_STATE_TOPIC,
  SHARE_GROUP_STATE_TOPIC,
]);

export function isInternalTopic(name: string): boolean {
  return INTERNAL_TOPICS.has(name);
}
