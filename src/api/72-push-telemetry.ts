/**
 * PushTelemetry: v0 (KIP-714).
 *
 * - Takes a client's metrics and hands them to the collector, in OTLP.
 * - What a push unpacks to is bounded (CVE-2026-111073), as the push itself is.
 */
import { pushTelemetry } from "../protocol/messages/72-push-telemetry.ts";
import { telemetryClient, telemetryOf } from "./71-get-telemetry-subscriptions.ts";
import { handler } from "./handler.ts";

export const pushTelemetryHandler = handler(pushTelemetry, (request, context, broker) => ({
  errorCode: telemetryOf(broker).push(request, telemetryClient(context)),
}));
