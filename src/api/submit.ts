/** Commands to the controller of this node. */
import type { Broker } from "../broker/broker.ts";
import type { Command } from "../metadata/controller/command.ts";
import { RefusedError, TIMED_OUT } from "./forwarding.ts";

/**
 * Rejects where the command was not, or perhaps not, carried out, with what a handler's `refused`
 * is told of. Without any time the controller does not begin.
 */
export function submit<Response>(
  broker: Pick<Broker, "metadata">,
  command: Command<Response>,
  timeoutMs = Infinity,
): Promise<Response> {
  if (timeoutMs <= 0) return Promise.reject(new RefusedError(TIMED_OUT));
  return broker.metadata.submit(command);
}
