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
  async ({ brokerId }, _context, broker) => ({
    ...(await submit(broker, controller.unregisterBroker(brokerId))),
  }),
  { refused: (_request, refusal) => ({ ...refusal }) },
);
