/** What the quorum wants to know of whoever asks. */
import type { Broker } from "../broker/broker.ts";
import type { RaftContext } from "../raft/quorum-requests.ts";
import type { RequestContext } from "./handler.ts";

export function raftCaller(context: RequestContext, broker: Broker): RaftContext {
  return {
    clusterId: broker.clusterId,
    listener: context.listenerName,
    version: context.apiVersion,
  };
}
