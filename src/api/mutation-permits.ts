/** KIP-599: requests that create or delete partitions, within what their client may. */
import type { Broker } from "../broker/broker.ts";
import type { MutationPermits } from "../metadata/controller/command.ts";
import type { RequestContext } from "./handler.ts";

/** Clients of versions before `strictSince` do not know the error: they are only slowed down. */
export async function withMutationPermits<R>(
  context: RequestContext,
  broker: Broker,
  strictSince: number,
  mutate: (permits: MutationPermits | null) => Promise<R>,
): Promise<R> {
  const permits = broker.quotas.mutation.permitsFor(context, context.apiVersion >= strictSince);
  const response = await mutate(permits);
  if (permits !== null) context.throttleMs = Math.max(context.throttleMs, permits.delayMs);
  return response;
}
