/**
 * BrokerRegistration: v0-4 (KIP-631).
 *
 * - A broker makes itself known to the controller and gets the epoch of this life of it.
 *
 * Versions: v2 log directories (KIP-858); v3 the epoch before a clean stop (KIP-966); v4 features
 * that begin at level 0.
 */
import { registerBroker } from "../metadata/controller/register-broker.ts";
import { brokerRegistration } from "../protocol/messages/62-broker-registration.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

const PREVIOUS_EPOCH_VERSION = 3;
const NO_EPOCH = -1;

export const brokerRegistrationHandler = handler(
  brokerRegistration,
  async (request, context, broker) => {
    const canShutDownCleanly = context.apiVersion >= PREVIOUS_EPOCH_VERSION;
    const command = registerBroker(request, canShutDownCleanly);
    const { errorCode, brokerEpoch } = await submit(broker, command);
    return { errorCode, brokerEpoch };
  },
  { refused: (_request, { errorCode }) => ({ errorCode, brokerEpoch: NO_EPOCH }) },
);
