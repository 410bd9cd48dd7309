/**
 * AlterPartition: v2-3 (KIP-497).
 *
 * - The leader of a partition tells the controller which replicas are in sync.
 *
 * Versions: v3 with their broker epochs (KIP-903).
 */
import { alterPartition as alterPartitionCommand } from "../metadata/controller/alter-partition.ts";
import { alterPartition } from "../protocol/messages/56-alter-partition.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const alterPartitionHandler = handler(alterPartition, (request, context, broker) =>
  submit(broker, alterPartitionCommand(request, context.apiVersion), ({ errorCode }) => ({
    throttleTimeMs: 0,
    errorCode,
    topics: [],
  })),
);
