/**
 * AlterShareGroupOffsets: v0 (KIP-932).
 *
 * - From where on a share group without members shall read; a group that is not there begins.
 *   NON_EMPTY_GROUP where it has members, GROUP_ID_NOT_FOUND where it is of another protocol.
 * - UNSUPPORTED_VERSION where the cluster does not have share.version 1.
 */
import { ZERO_UUID } from "../base/uuid.ts";
import { isShareProtocolEnabled } from "../broker/supported-features.ts";
import { alteredPartition } from "../coordinator/group/share-offsets.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { errorText } from "../protocol/error-text.ts";
import { alterShareGroupOffsets } from "../protocol/messages/91-alter-share-group-offsets.ts";
import type { Value } from "../protocol/schema.ts";
import { handler } from "./handler.ts";

type Topic = Value<typeof alterShareGroupOffsets.request>["topics"][number];

export const alterShareGroupOffsetsHandler = handler(
  alterShareGroupOffsets,
  async ({ groupId, topics }, _context, broker) => {
    const errorCode = ErrorCode.UNSUPPORTED_VERSION;
    const errorMessage = errorText(errorCode);
    if (!isShareProtocolEnabled(broker.image)) return { errorCode, errorMessage, responses: [] };
    // A topic that is named twice counts as it was named first.
    const each = topics.filter(
      ({ topicName }, index) =>
        topics.findIndex((other) => other.topicName === topicName) === index,
    );
    const known = each.filter(({ topicName }) => broker.image.topics.byName(topicName) !== null);
    const response = await broker.groups.alterShareOffsets({ groupId, topics: known });
    if (response.errorCode !== ErrorCode.NONE) return response;
    const unknown = each.filter((topic) => !known.includes(topic));
    return { ...response, responses: [...unknownTopics(unknown), ...response.responses] };
  },
);

function unknownTopics(topics: readonly Topic[]) {
  return topics.map(({ topicName, partitions }) => ({
    topicName,
    topicId: ZERO_UUID,
    partitions: partitions.map(({ partitionIndex }) =>
      alteredPartition(partitionIndex, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    ),
  }));
}
