/**
 * ControllerRegistration: v0 (KIP-919).
 *
 * - A controller makes itself known to the active one: where it is, and what it supports.
 */
import { registerController } from "../metadata/controller/register-broker.ts";
import { controllerRegistration } from "../protocol/messages/70-controller-registration.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const controllerRegistrationHandler = handler(
  controllerRegistration,
  (request, _context, broker) => submit(broker, registerController(request)),
  { refused: (_request, refusal) => ({ ...refusal }) },
);
