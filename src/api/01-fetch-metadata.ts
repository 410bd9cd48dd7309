/**
 * Fetch on the controller listener: v4-18.
 *
 * - Brokers and other controllers read the metadata log along with it, and wait at its end
 *   (KIP-595). Nothing else can be fetched there.
 */
import { fetch } from "../protocol/messages/01-fetch.ts";
import { fetchAdapter } from "../raft/adapter/fetch.ts";
import { handler } from "./handler.ts";
import { answerCaller } from "./raft-caller.ts";

export const fetchMetadataHandler = handler(
  fetch,
  (request, context, broker) => answerCaller(broker, fetchAdapter, request, context),
  { listeners: ["controller"], isExempt: true },
);
