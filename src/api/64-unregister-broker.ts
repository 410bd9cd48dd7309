/**
 * UnregisterBroker: v0 (KIP-631).
 *
 * - Forgets a broker that is gone for good.
 */
import * as controller from "../metadata/controller/unregister-broker.ts";
import { unregisterBroker } from "../protocol/messages/64-unregister-broker.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const unregisterBrokerHandler = handler(
  unregisterBroker,
  async (request, _context, broker) => {
    const command = controller.unregisterBroker(request.brokerId);
    const { errorCode, errorMessage } = await submit(broker, command, (refused) => refused);
    return { errorCode, errorMessage };
  },
);
