/**
 * Java's hash of a string, which Kafka's placement of groups rests on, and the one place where the
 * order of a Java HashMap shows outside.
 */

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

/** Where a HashMap of `entryCount` entries keeps this key: it is walked in this order. */
export function javaBucketOf(key: string, entryCount: number): number {
  return javaHashBucketOf(javaHashCode(key), entryCount);
}

export function javaHashBucketOf(hash: number, entryCount: number): number {
  let capacity = 16;
  while (entryCount > capacity * 0.75) capacity *= 2;
  return (hash ^ (hash >>> 16)) & (capacity - 1);
}

/** `hashCode()` of Kafka's `TopicPartition`. */
export function javaTopicPartitionHash(topic: string, partition: number): number {
  return (Math.imul(31, 31 + partition) + javaHashCode(topic)) | 0;
}
