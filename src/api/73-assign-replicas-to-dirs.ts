/**
 * AssignReplicasToDirs: v0 (KIP-858).
 *
 * - A broker tells the controller in which of its log directories replicas lie.
 */
import * as controller from "../metadata/controller/assign-replicas-to-dirs.ts";
import { assignReplicasToDirs } from "../protocol/messages/73-assign-replicas-to-dirs.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const assignReplicasToDirsHandler = handler(
  assignReplicasToDirs,
  (request, _context, broker) => submit(broker, controller.assignReplicasToDirs(request)),
  { refused: (_request, { errorCode }) => ({ errorCode, directories: [] }) },
);
