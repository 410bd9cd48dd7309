/** Requests of the metadata quorum: what it wants to know of whoever asks. */
import type { Broker } from "../broker/broker.ts";
import type { Answering } from "../raft/adapter/adapter.ts";
import type { RaftRequest, RaftResponse } from "../raft/core/messages.ts";
import { answerRaft } from "../raft/raft-server.ts";
import type { RequestContext } from "./handler.ts";

export function answerCaller<Request extends RaftRequest, Response extends RaftResponse, Q, RI>(
  broker: Broker,
  adapter: Answering<Request, Response, Q, RI>,
  request: Q & { readonly clusterId: string | null },
  { listenerName, apiVersion }: RequestContext,
): Promise<RI> {
  const caller = { listener: listenerName, version: apiVersion };
  return answerRaft(broker.metadata.raft, adapter, request, caller);
}
