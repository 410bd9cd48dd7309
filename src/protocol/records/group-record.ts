/** What the records of all newer kinds of groups in `__consumer_offsets` have in common. */
import {
  array,
  type Field,
  int32,
  int64,
  type Message,
  message,
  string,
  struct,
  uuid,
} from "../schema.ts";

/** The key of a record for a group. */
export function groupKey<const Name extends string>(key: number, name: Name) {
  return message({ key, name, versions: [0, 0], fields: struct({ groupId: string }) });
}

/** The key of a record for a member of a group. */
export function memberKey<const Name extends string>(key: number, name: Name) {
  const fields = struct({ groupId: string, memberId: string });
  return message({ key, name, versions: [0, 0], fields });
}

export function groupValue<V, I, const Name extends string>(
  key: number,
  name: Name,
  fields: Field<V, I>,
): Message<V, I, Name> {
  return message({ key, name, versions: [0, 0], flexibleFrom: 0, fields });
}

export const targetAssignmentMetadata = struct({
  assignmentEpoch: int32,
  assignmentTimestamp: int64.tagged(0).default(0).ignorable(),
});

export const topicPartitions = struct({ topicId: uuid, partitions: array(int32) });
