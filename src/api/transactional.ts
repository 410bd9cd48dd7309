/** What requests of transactional producers have in common. */
import { ErrorCode } from "../protocol/error-code.ts";
import type { RequestContext } from "./handler.ts";

/** Clients that do not know PRODUCER_FENCED do the same upon INVALID_PRODUCER_EPOCH (KIP-588). */
export function fencedError(
  error: ErrorCode,
  context: RequestContext,
  sinceVersion: number,
): ErrorCode {
  const isOld = context.apiVersion < sinceVersion && error === ErrorCode.PRODUCER_FENCED;
  return isOld ? ErrorCode.INVALID_PRODUCER_EPOCH : error;
}
