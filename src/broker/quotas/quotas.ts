/**
 * All that clients are limited to, kept as the metadata log says (KIP-13, KIP-124, KIP-599,
 * KIP-612). With nothing limited a request costs a look at `isActive`.
 */
import { canonicalAddress } from "../../base/ip-address.ts";
import type { Clock, Network } from "../../base/world.ts";
import {
  type ClientQuotasImage,
  type QuotaEntityPart,
  QuotaEntityType,
} from "../../metadata/client-quotas-image.ts";
import { QuotaLimitName } from "../../metadata/controller/alter-client-quotas.ts";
import type { MetadataDelta } from "../../metadata/delta.ts";
import type { Settings } from "../settings/settings.ts";
import { MutationQuota } from "./mutation-quota.ts";
import type { QuotaEntity, QuotaLimits } from "./quota-limits.ts";
import { RateQuota } from "./rate-quota.ts";
import type { RateWindow } from "./rate.ts";

export class Quotas {
  /** Bytes of requests a second. */
  readonly produce: RateQuota;
  /** Bytes of answers a second. */
  readonly fetch: RateQuota;
  /** Hundredths of one thread's time, which is all that a node has. */
  readonly request: RateQuota;
  /** Partitions created and deleted a second. */
  readonly mutation: MutationQuota;
  /** Of quota.window: also for connections. */
  readonly window: RateWindow;
  readonly #addressRates = new Map<string, number>();
  /** Of hosts by name, and the addresses that they had when that was asked. */
  readonly #hostRates = new Map<string, number>();
  readonly #hostAddresses = new Map<string, string>();
  readonly #network: Pick<Network, "lookup">;
  #defaultAddressRate = Infinity;

  constructor(clock: Clock, network: Pick<Network, "lookup">, settings: Settings) {
    this.#network = network;
    this.window = {
      sampleCount: settings.get("quota.window.num"),
      sampleMs: settings.get("quota.window.size.seconds") * 1000,
    };
    this.produce = new RateQuota(this.window);
    this.fetch = new RateQuota(this.window);
    this.request = new RateQuota(this.window, this.window.sampleMs);
    this.mutation = new MutationQuota(clock, {
      sampleCount: settings.get("controller.quota.window.num"),
      sampleMs: settings.get("controller.quota.window.size.seconds") * 1000,
    });
  }

  /** Connections that an address may make in a second; Infinity for any number. */
  connectionRateOf(address: string): number {
    return this.#addressRates.get(address) ?? this.#defaultAddressRate;
  }

  /** What the records of one commit changed. The image has them already. */
  apply(delta: MetadataDelta, image: ClientQuotasImage): void {
    for (const entity of delta.changedClientQuotas.values()) {
      this.#change(entity, image.of(entity));
    }
  }

  #change(entity: readonly QuotaEntityPart[], limits: ReadonlyMap<string, number>): void {
    const names = new Map(entity.map(({ entityType, entityName }) => [entityType, entityName]));
    const address = names.get(QuotaEntityType.IP);
    if (address !== undefined) {
      const rate = limits.get(QuotaLimitName.CONNECTION_CREATION_RATE);
      this.#changeAddress(address, rate ?? null);
      return;
    }
    const user = names.get(QuotaEntityType.USER);
    const clientId = names.get(QuotaEntityType.CLIENT_ID);
    if (user === undefined && clientId === undefined) return;
    const { PRODUCER_BYTE_RATE, CONSUMER_BYTE_RATE, REQUEST_PERCENTAGE, CONTROLLER_MUTATION_RATE } =
      QuotaLimitName;
    const who: QuotaEntity = { user, clientId };
    change(this.produce.limits, who, limits.get(PRODUCER_BYTE_RATE));
    change(this.fetch.limits, who, limits.get(CONSUMER_BYTE_RATE));
    change(this.request.limits, who, limits.get(REQUEST_PERCENTAGE));
    change(this.mutation.limits, who, limits.get(CONTROLLER_MUTATION_RATE));
  }

  #changeAddress(name: string | null, rate: number | null): void {
    if (name === null) {
      this.#defaultAddressRate = rate ?? Infinity;
      return;
    }
    const address = canonicalAddress(name);
    if (address !== null) this.#limitAddress(address, rate);
    else if (rate === null) this.#freeHost(name);
    else void this.#limitHost(name, rate);
  }

  #limitAddress(address: string, rate: number | null): void {
    if (rate === null) this.#addressRates.delete(address);
    else this.#addressRates.set(address, rate);
  }

  /** Another broker of the cluster may know a name that has no address here. */
  async #limitHost(name: string, rate: number): Promise<void> {
    this.#hostRates.set(name, rate);
    const address = this.#hostAddresses.get(name) ?? (await this.#network.lookup(name));
    // There may be a newer limit by now, or none.
    if (address === null || this.#hostRates.get(name) !== rate) return;
    this.#hostAddresses.set(name, address);
    this.#limitAddress(address, rate);
  }

  #freeHost(name: string): void {
    this.#hostRates.delete(name);
    const address = this.#hostAddresses.get(name);
    this.#hostAddresses.delete(name);
    if (address !== undefined) this.#limitAddress(address, null);
  }
}

function change(limits: QuotaLimits, who: QuotaEntity, limit: number | undefined): void {
  if (limits.get(who) !== (limit ?? null)) limits.set(who, limit ?? null);
}
