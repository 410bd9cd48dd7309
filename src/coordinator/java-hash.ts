/** Java's hashes, on which Kafka's placement of groups and transactional ids rests. */

const INT32_MIN = -0x8000_0000;

/** `String.hashCode()`: over UTF-16 code units, in 32 bits. */
export function javaHashCode(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  }
  return hash;
}

/**
 * The partition of `__consumer_offsets` or `__transaction_state` that holds what has this id.
 * Kafka's `Utils.abs` is the absolute value, and 0 for -2^31, which in Java has none.
 */
export function coordinatorPartitionFor(id: string, partitionCount: number): number {
  const hash = javaHashCode(id);
  return hash === INT32_MIN ? 0 : Math.abs(hash) % partitionCount;
}

/** `hashCode()` of Kafka's `TopicPartition`. */
export function javaTopicPartitionHash(topic: string, partition: number): number {
  return (Math.imul(31, 31 + partition) + javaHashCode(topic)) | 0;
}
