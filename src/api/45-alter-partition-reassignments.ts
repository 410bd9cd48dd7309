/**
 * AlterPartitionReassignments: v0-1 (KIP-455).
 *
 * - Moves partitions to other replicas, or (null) back to those from before a move.
 *
 * Versions: v1 the number of replicas may be held (KIP-860).
 */
import * as controller from "../metadata/controller/alter-partition-reassignments.ts";
import * as messages from "../protocol/messages/45-alter-partition-reassignments.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const alterPartitionReassignmentsHandler = handler(
  messages.alterPartitionReassignments,
  (request, _context, broker) =>
    submit(broker, controller.alterPartitionReassignments(request), request.timeoutMs),
  {
    refused: ({ allowReplicationFactorChange }, refusal) => ({
      allowReplicationFactorChange,
      ...refusal,
      responses: [],
    }),
  },
);
