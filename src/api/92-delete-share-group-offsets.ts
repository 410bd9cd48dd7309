/**
 * DeleteShareGroupOffsets: v0 (KIP-932).
 *
 * - A share group without members forgets where it was in topics: who reads them next begins where
 *   the group's reset policy says.
 * - UNSUPPORTED_VERSION where the cluster does not have share.version 1.
 */
import { isShareProtocolEnabled } from "../broker/supported-features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { errorText } from "../protocol/error-text.ts";
import { deleteShareGroupOffsets } from "../protocol/messages/92-delete-share-group-offsets.ts";
import { handler } from "./handler.ts";

export const deleteShareGroupOffsetsHandler = handler(
  deleteShareGroupOffsets,
  (request, _context, broker) => {
    if (isShareProtocolEnabled(broker.image)) return broker.groups.deleteShareOffsets(request);
    const errorCode = ErrorCode.UNSUPPORTED_VERSION;
    return { errorCode, errorMessage: errorText(errorCode), responses: [] };
  },
);
