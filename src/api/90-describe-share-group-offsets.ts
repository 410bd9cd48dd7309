/**
 * DescribeShareGroupOffsets: v0-1 (KIP-932).
 *
 * - From where on a share group reads each partition; without topics: all that it reads. -1 where
 *   nothing is known, whatever the reason, as for OffsetFetch.
 * - UNSUPPORTED_VERSION where the cluster does not have share.version 1.
 *
 * Versions: v1 how many records are left (KIP-1226).
 */
import { isShareProtocolEnabled } from "../broker/supported-features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeShareGroupOffsets } from "../protocol/messages/90-describe-share-group-offsets.ts";
import { handler } from "./handler.ts";

export const describeShareGroupOffsetsHandler = handler(
  describeShareGroupOffsets,
  async ({ groups }, _context, broker) => {
    const isEnabled = isShareProtocolEnabled(broker.image);
    const described = groups.map((group) => {
      const { groupId, topics } = group;
      const errorCode = isEnabled ? ErrorCode.NONE : ErrorCode.UNSUPPORTED_VERSION;
      if (!isEnabled || topics?.length === 0) return { groupId, topics: [], errorCode };
      return broker.groups.describeShareOffsets(group);
    });
    return { groups: await Promise.all(described) };
  },
);
