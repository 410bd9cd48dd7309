/** How a node makes itself known to the controller, as a broker and as a controller. */
import type { SupportedFeatures } from "../metadata/features.ts";
import { type ListenerAddress, SECURITY_PROTOCOLS } from "./settings/listeners.ts";

/** As others reach it. */
export type AdvertisedListener = ListenerAddress & { readonly host: string };

export interface NodeIdentity {
  readonly nodeId: number;
  /** New with each start of the process. */
  readonly incarnationId: string;
  readonly supportedFeatures: SupportedFeatures;
  readonly listeners: readonly AdvertisedListener[];
}

export function endpointsOf({ listeners }: NodeIdentity) {
  return listeners.map(({ name, host, port, protocol }) => ({
    name,
    host,
    port,
    securityProtocol: SECURITY_PROTOCOLS.indexOf(protocol),
  }));
}

export function featuresOf({ supportedFeatures }: NodeIdentity) {
  return [...supportedFeatures].map(([name, { min, max }]) => ({
    name,
    minSupportedVersion: min,
    maxSupportedVersion: max,
  }));
}
