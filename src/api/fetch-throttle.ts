/**
 * Limits of those who fetch (KIP-13, KIP-219): a fetch over its limit gets an answer without
 * records, and its bytes are not counted, for it will ask for them again.
 */
import type { Broker } from "../broker/broker.ts";
import { encoderOf } from "../protocol/compile.ts";
import type { Api } from "../protocol/schema.ts";
import { Writer } from "../protocol/writer.ts";
import { type Body, type RequestContext, throttleForTime } from "./handler.ts";

/** More bytes than this in one answer would never come through. */
export function fetchBytesMax(context: RequestContext, broker: Broker): number {
  const { fetch: quota } = broker.quotas;
  if (!quota.isActive) return Infinity;
  return quota.useMax(context, broker.world.clock.monotonicMs());
}

/** Whether the client has to wait, for its bytes or for the time it has taken; counts both. */
export function isFetchThrottled<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  response: Body<RI>,
  context: RequestContext,
  broker: Broker,
): boolean {
  throttleForTime(context, broker);
  const { fetch: quota } = broker.quotas;
  if (quota.isActive) {
    const nowMs = broker.world.clock.monotonicMs();
    const size = sizeOf(api, response, context.apiVersion);
    const throttleMs = quota.use(context, size, nowMs);
    context.throttleMs = Math.max(context.throttleMs, throttleMs);
    if (context.throttleMs > 0) quota.record(context, -size, nowMs);
  }
  return context.throttleMs > 0;
}

/** As Kafka counts it: with its size in front, without the header. */
function sizeOf<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, response: Body<RI>, version: number): number {
  const writer = new Writer();
  encoderOf(api.response, version)(writer, { ...response, throttleTimeMs: 0 } as RI);
  return SIZE_SIZE + writer.size;
}

const SIZE_SIZE = 4;
