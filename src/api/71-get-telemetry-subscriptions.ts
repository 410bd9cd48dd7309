/**
 * GetTelemetrySubscriptions: v0 (KIP-714).
 *
 * - Which metrics a client is to push, and how often. Offered only where there is a collector for
 *   them: see settings/own-settings.ts.
 */
import type { Broker } from "../broker/broker.ts";
import type { ClientTelemetry, TelemetryClient } from "../broker/telemetry/client-telemetry.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import * as messages from "../protocol/messages/71-get-telemetry-subscriptions.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { handler, type RequestContext } from "./handler.ts";

export const getTelemetrySubscriptionsHandler = handler(
  messages.getTelemetrySubscriptions,
  ({ clientInstanceId }, context, broker) => {
    const telemetry = telemetryOf(broker);
    const answer = telemetry.subscription(clientInstanceId, telemetryClient(context));
    if (typeof answer !== "number") return { errorCode: ErrorCode.NONE, ...answer };
    return {
      errorCode: answer,
      clientInstanceId: ZERO_UUID,
      subscriptionId: 0,
      acceptedCompressionTypes: [],
      pushIntervalMs: 0,
      telemetryMaxBytes: 0,
      deltaTemporality: false,
      requestedMetrics: [],
    };
  },
);

/** Nobody is offered these APIs without it, so nobody should ask. */
export function telemetryOf({ telemetry }: Broker): ClientTelemetry {
  if (telemetry === null) throw new ProtocolError("telemetry, which is not offered here");
  return telemetry;
}

export function telemetryClient({ clientId, connection }: RequestContext): TelemetryClient {
  return {
    clientId,
    softwareName: connection.clientSoftwareName,
    softwareVersion: connection.clientSoftwareVersion,
    address: connection.remoteAddress,
    port: connection.remotePort,
    connection,
  };
}
