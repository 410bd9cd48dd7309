/**
 * AlterPartition: v2-3 (KIP-497).
 *
 * - The leader of a partition tells the controller which replicas are in sync.
 *
 * Versions: v3 with their broker epochs (KIP-903).
 */
import * as controller from "../metadata/controller/alter-partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { alterPartition } from "../protocol/messages/56-alter-partition.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const alterPartitionHandler = handler(
  alterPartition,
  (request, context, broker) => {
    if (request.topics.length === 0) return { errorCode: ErrorCode.NONE, topics: [] };
    return submit(broker, controller.alterPartition(request, context.apiVersion));
  },
  { isExempt: true, refused: (_request, { errorCode }) => ({ errorCode, topics: [] }) },
);
