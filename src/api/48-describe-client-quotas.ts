/**
 * DescribeClientQuotas: v0-1 (KIP-546).
 *
 * - The limits of all users, clients and addresses that a filter matches: by name, by being the
 *   default of their type, or any of a type. A strict filter wants nothing beside its own types.
 */
import { findClientQuotas } from "../metadata/describe-client-quotas.ts";
import { describeClientQuotas } from "../protocol/messages/48-describe-client-quotas.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { handler } from "./handler.ts";

export const describeClientQuotasHandler = handler(
  describeClientQuotas,
  (request, _context, broker) => {
    const found = findClientQuotas(broker.image.clientQuotas, request);
    if ("errorCode" in found) return { ...found, entries: null };
    const entries = found.map(({ entity, limits }) => ({
      entity: [...entity],
      values: [...limits].map(([key, value]) => ({ key, value })),
    }));
    return { errorCode: ErrorCode.NONE, errorMessage: "", entries };
  },
);
