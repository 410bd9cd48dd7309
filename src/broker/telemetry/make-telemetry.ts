/** The telemetry of a node, put together. */
import type { Logger } from "../../base/logger.ts";
import type { World } from "../../base/world.ts";
import type { OtlpTarget } from "../settings/own-settings.ts";
import type { Settings } from "../settings/settings.ts";
import { ClientTelemetry } from "./client-telemetry.ts";
import { OtlpExporter } from "./otlp-exporter.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface TelemetryNode {
  readonly world: World;
  readonly logger: Logger;
  readonly settings: Settings;
}

export function makeTelemetry(
  target: OtlpTarget,
  { world, logger, settings }: TelemetryNode,
): ClientTelemetry {
  const { clock, random, http } = world;
  const exporter = new OtlpExporter({ ...target, clock, http, logger: logger.child("telemetry") });
  return new ClientTelemetry({
    clock,
    random,
    subscriptions: new Subscriptions(),
    sizeMax: () => settings.get("telemetry.max.bytes"),
    send: (message) => exporter.send(message),
  });
}
