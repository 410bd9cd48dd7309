/** For whom topics come into being: in whose name the controller is asked, and who is limited. */
import type { TopicAsker } from "../broker/topic-creation.ts";
import type { RequestContext } from "./handler.ts";

export function clientAsking({ user, clientId, connection }: RequestContext): TopicAsker {
  return { remoteAddress: connection.remoteAddress, client: { user, clientId } };
}
