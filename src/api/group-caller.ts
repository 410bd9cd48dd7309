/** What the group coordinator wants to know of whoever asks. */
import type { RequestContext as GroupCaller } from "../coordinator/group/group-messages.ts";
import type { RequestContext } from "./handler.ts";

export function groupCaller(context: RequestContext): GroupCaller {
  return {
    apiVersion: context.apiVersion,
    clientId: context.clientId,
    // As Java prints an address, which is how it stands in __consumer_offsets.
    clientHost: `/${context.connection.remoteAddress}`,
  };
}
