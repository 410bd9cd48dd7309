/**
 * ElectLeaders: v0-2 (KIP-183).
 *
 * - Gives partitions back to their first replica, or to any that lives where none in sync does.
 *
 * Versions: v1 the kind of election (KIP-460).
 */
import { electLeaders as electLeadersCommand } from "../metadata/controller/elect-leaders.ts";
import { electLeaders } from "../protocol/messages/43-elect-leaders.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const electLeadersHandler = handler(electLeaders, (request, _context, broker) =>
  submit(broker, electLeadersCommand(request), ({ errorCode }) => ({
    throttleTimeMs: 0,
    errorCode,
    replicaElectionResults: [],
  })),
);
