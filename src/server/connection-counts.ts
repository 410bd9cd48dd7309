/** max.connections, max.connections.per.ip and its overrides. */
import { assert } from "../base/assert.ts";
import type { ServerLimits } from "./limits.ts";

export class ConnectionCounts {
  readonly #limits: ServerLimits;
  readonly #perAddress = new Map<string, number>();
  #count = 0;

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  /** Counts a connection in and returns null, or says why there may not be one more. */
  add(address: string): string | null {
    const { maxConnections, maxConnectionsPerIp, maxConnectionsPerIpOverrides } = this.#limits;
    const ofAddress = this.#perAddress.get(address) ?? 0;
    const maxOfAddress = maxConnectionsPerIpOverrides.get(address) ?? maxConnectionsPerIp;
    if (ofAddress >= maxOfAddress) return `it has ${ofAddress} connections, its maximum`;
    if (this.#count >= maxConnections) return `there are ${this.#count} connections, the maximum`;
    this.#perAddress.set(address, ofAddress + 1);
    this.#count++;
    return null;
  }

  remove(address: string): void {
    const ofAddress = this.#perAddress.get(address);
    assert(ofAddress !== undefined && this.#count > 0, "a connection was counted in");
    this.#count--;
    if (ofAddress === 1) this.#perAddress.delete(address);
    else this.#perAddress.set(address, ofAddress - 1);
  }
}
