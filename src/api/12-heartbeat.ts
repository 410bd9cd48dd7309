/**
 * Heartbeat: v0-4.
 *
 * - Keeps a member's session, and tells it of a rebalance (REBALANCE_IN_PROGRESS).
 *
 * Versions: v3 static members (KIP-345).
 */
import { heartbeat } from "../protocol/messages/12-heartbeat.ts";
import { handler } from "./handler.ts";

export const heartbeatHandler = handler(heartbeat, (request, _context, broker) =>
  broker.groups.heartbeat(request),
);
