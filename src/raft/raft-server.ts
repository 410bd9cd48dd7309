/** A request of another node, through the core, to its response. */
import { ErrorCode } from "../protocol/error-code.ts";
import type { Answering, RaftContext, RaftReply } from "./adapter/adapter.ts";
import type { RaftRequest, RaftResponse } from "./core/messages.ts";

interface Answerer {
  readonly clusterId: string;
  ask(request: RaftRequest): Promise<RaftReply<RaftResponse>>;
}

export async function answerRaft<Request extends RaftRequest, Response extends RaftResponse, Q, RI>(
  raft: Answerer,
  adapter: Answering<Request, Response, Q, RI>,
  request: Q & { readonly clusterId: string | null },
  context: RaftContext,
): Promise<RI> {
  const { clusterId } = request;
  const isForeign = clusterId !== null && clusterId !== raft.clusterId;
  const asked = adapter.requestFrom(request, context);
  if (typeof asked === "number") {
    const error = isForeign ? ErrorCode.INCONSISTENT_CLUSTER_ID : asked;
    return adapter.failed(error, request);
  }
  const { response, bytes } = await raft.ask(asked);
  const { topLevelError, kind } = response;
  const isFailed = topLevelError !== ErrorCode.NONE && !ONE_ERROR.has(kind);
  if (isFailed) return adapter.failed(topLevelError, request);
  // The core answers each kind of request with its own kind of response.
  return adapter.responseTo({ response: response as Response, bytes }, request, context);
}

/** Their responses have one error, and say the rest beside it. */
const ONE_ERROR: ReadonlySet<RaftResponse["kind"]> = new Set([
  "addVoter",
  "removeVoter",
  "updateVoter",
]);
