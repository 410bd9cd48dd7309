/**
 * Listeners that come and go while the node runs (KIP-226): those that `listeners` has no more are
 * closed with their connections, and new ones are opened. One that keeps its name keeps its
 * address, too, as in Kafka; and nobody is told of new ones who does not know them, since a broker
 * is registered with the listeners of its start.
 */
import type { RequestHandler } from "../api/request.ts";
import type { Logger } from "../base/logger.ts";
import { NetworkError } from "../base/world.ts";
import {
  type ListenerAddress as ListenerSetting,
  readListeners,
} from "../broker/settings/listeners.ts";
import type { Settings } from "../broker/settings/settings.ts";
import type { ListenerAddress, Server } from "./server.ts";

const NAMES_THEM: readonly string[] = ["listeners", "listener.security.protocol.map"];
const ANY_ADDRESS = "";

/** Until the server stops. `handler` is that of the listeners of the broker. */
export function followListeners(
  server: Server,
  settings: Settings,
  handler: RequestHandler,
  logger: Logger,
): void {
  settings.watch((changed) => {
    if (!NAMES_THEM.some((name) => changed.has(name)) || server.isStopping) return;
    const wanted = readListeners(settings).all;
    const names = wanted.map(({ name }) => name);
    for (const name of server.listenerNames) if (!names.includes(name)) server.close(name);
    for (const listener of wanted) {
      if (!server.listenerNames.includes(listener.name)) open(server, listener, handler, logger);
    }
  });
}

export function addressOf(
  { name, host, port }: ListenerSetting,
  handler: RequestHandler,
): ListenerAddress {
  return { name, host: host ?? ANY_ADDRESS, port, handler };
}

function open(
  server: Server,
  listener: ListenerSetting,
  handler: RequestHandler,
  logger: Logger,
): void {
  try {
    server.open(addressOf(listener, handler));
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    logger.error(`listener ${listener.name} is not open: ${error.message}`);
  }
}
