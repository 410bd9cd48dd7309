import { describe, expect, test } from "bun:test";
import { QuotaLimits } from "../../../src/broker/quotas/quota-limits.ts";
import { Quotas } from "../../../src/broker/quotas/quotas.ts";
import { RateQuota } from "../../../src/broker/quotas/rate-quota.ts";
import { Rate } from "../../../src/broker/quotas/rate.ts";
import { Sensors, SENSORS_MAX } from "../../../src/broker/quotas/sensors.ts";
import { settingsWithoutFile } from "../../../src/broker/settings/load-settings.ts";
import { Settings } from "../../../src/broker/settings/settings.ts";
import {
  ClientQuotasImage,
  type QuotaEntityPart,
} from "../../../src/metadata/client-quotas-image.ts";
import { MetadataDelta } from "../../../src/metadata/delta.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

const WINDOW = { sampleCount: 11, sampleMs: 1000 };
const ANN = { user: "ann", clientId: "app" };

describe("sensors", () => {
  test("are forgotten after an hour without use", () => {
    const sensors = sensorsOf();
    for (let id = 0; id < 100; id++) sensors.of({ user: "", clientId: `c${id}` }, 0);
    sensors.of({ user: "", clientId: "c0" }, 3_600_001);
    expect(sensors.size).toBe(100);
    sensors.of({ user: "", clientId: "new" }, 3_660_002);
    expect(sensors.size).toBe(2);
  });

  test("are bounded in number, whatever clients call themselves", () => {
    const sensors = sensorsOf();
    for (let id = 0; id < SENSORS_MAX + 500; id++) sensors.of({ user: "", clientId: `${id}` }, id);
    expect(sensors.size).toBe(SENSORS_MAX);
  });

  test("of names that only look alike are apart", () => {
    const limits = new QuotaLimits();
    limits.set({ user: null, clientId: null }, 1);
    const sensors = new Sensors(limits, () => new Rate(WINDOW));
    const one = sensors.of({ user: "a", clientId: "1:b" }, 0);
    expect(sensors.of({ user: "a1:", clientId: "b" }, 0)).not.toBe(one);
    expect(limits.limitOf({ user: "*", clientId: "-" })).toBe(1);
    expect(limits.get({ user: "*", clientId: "-" })).toBeNull();
  });
});

describe("a limited rate", () => {
  test("that is changed holds for those who are known already", () => {
    const quota = new RateQuota(WINDOW);
    quota.limits.set({ user: "ann", clientId: undefined }, 100);
    expect(quota.use(ANN, 1000, 0)).toBe(0);
    expect(quota.use(ANN, 1, 0)).toBe(10);
    quota.limits.set({ user: "ann", clientId: undefined }, 1000);
    expect(quota.use(ANN, 1000, 0)).toBe(0);
    quota.limits.set({ user: "ann", clientId: undefined }, null);
    expect([quota.isActive, quota.useMax(ANN, 0)]).toEqual([false, Infinity]);
  });

  test("is shared by all clients of a user, not by those of a default", () => {
    const ofUser = new RateQuota(WINDOW);
    ofUser.limits.set({ user: "ann", clientId: undefined }, 100);
    ofUser.record(ANN, 1001, 0);
    expect(ofUser.use({ user: "ann", clientId: "other" }, 0, 0)).toBe(10);
    const ofClients = new RateQuota(WINDOW);
    ofClients.limits.set({ user: undefined, clientId: null }, 100);
    ofClients.record(ANN, 1001, 0);
    expect(ofClients.use({ user: "ann", clientId: "other" }, 0, 0)).toBe(0);
    expect(ofClients.use({ user: "bob", clientId: "app" }, 0, 0)).toBe(10);
  });

  test("has a longest delay, if that is asked for, and never more than an answer can tell", () => {
    const bounded = new RateQuota(WINDOW, 1000);
    bounded.limits.set({ user: null, clientId: undefined }, 1);
    expect(bounded.use(ANN, 1e6, 0)).toBe(1000);
    const other = new RateQuota(WINDOW);
    other.limits.set({ user: null, clientId: undefined }, 1);
    expect(other.use(ANN, 1e9, 0)).toBe(2 ** 31 - 1);
  });

  test("of no number limits nobody", () => {
    const quota = new RateQuota(WINDOW);
    quota.limits.set({ user: null, clientId: undefined }, NaN);
    expect(quota.use(ANN, 1e9, 0)).toBe(0);
  });
});

describe("what the metadata log says", () => {
  test("comes into force, limit by limit, and ends", () => {
    const { quotas, set } = quotasOf();
    const user = [{ entityType: "user", entityName: "ann" }];
    set(user, "producer_byte_rate", 10);
    set(user, "request_percentage", 5);
    expect(activeOf(quotas)).toEqual([true, false, true, false]);
    set(user, "consumer_byte_rate", 10);
    set(user, "controller_mutation_rate", 2);
    set(user, "producer_byte_rate", null);
    expect(activeOf(quotas)).toEqual([false, true, true, true]);
    for (const name of ["consumer_byte_rate", "controller_mutation_rate", "request_percentage"]) {
      set(user, name, null);
    }
    expect(activeOf(quotas)).toEqual([false, false, false, false]);
  });

  test("limits addresses in whatever form they are written", () => {
    const { quotas, set } = quotasOf();
    const ip = (entityName: string | null) => [{ entityType: "ip", entityName }];
    set(ip("2001:DB8:0::1"), "connection_creation_rate", 7);
    set(ip("some.host"), "connection_creation_rate", 8);
    expect(quotas.connectionRateOf("2001:db8::1")).toBe(7);
    expect(quotas.connectionRateOf("10.0.0.1")).toBe(Infinity);
    set(ip(null), "connection_creation_rate", 9);
    expect(quotas.connectionRateOf("10.0.0.1")).toBe(9);
    set(ip("2001:DB8:0::1"), "connection_creation_rate", null);
    expect(quotas.connectionRateOf("2001:db8::1")).toBe(9);
    set(ip(null), "connection_creation_rate", null);
    expect(quotas.connectionRateOf("2001:db8::1")).toBe(Infinity);
  });

  test("limits hosts by the address of their name, as long as they are named", async () => {
    const { quotas, set } = quotasOf();
    const host = [{ entityType: "ip", entityName: "some.host" }];
    const absent = [{ entityType: "ip", entityName: "no.host" }];
    set(absent, "connection_creation_rate", 5);
    set(host, "connection_creation_rate", 7);
    set(host, "connection_creation_rate", 8);
    await settled();
    expect(quotas.connectionRateOf("10.0.0.9")).toBe(8);
    set(host, "connection_creation_rate", 6);
    set(host, "connection_creation_rate", null);
    await settled();
    expect(quotas.connectionRateOf("10.0.0.9")).toBe(Infinity);
    expect(quotas.connectionRateOf("10.0.0.8")).toBe(Infinity);
  });

  test("may name what this broker does not know", () => {
    const { quotas, set } = quotasOf();
    set([{ entityType: "group", entityName: "g" }], "producer_byte_rate", 1);
    set([{ entityType: "user", entityName: "ann" }], "some_new_rate", 1);
    expect(activeOf(quotas)).toEqual([false, false, false, false]);
  });
});

const HOSTS = {
  lookup: (name: string) => Promise.resolve(name === "some.host" ? "10.0.0.9" : null),
};

/** What was looked up is known. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await Promise.resolve();
}

function sensorsOf(): Sensors<Rate> {
  return new Sensors(new QuotaLimits(), () => new Rate(WINDOW));
}

function quotasOf() {
  const image = new ClientQuotasImage();
  const quotas = new Quotas(new FakeClock(), HOSTS, new Settings(settingsWithoutFile(new Map())));
  const set = (entity: QuotaEntityPart[], name: string, value: number | null) => {
    const delta = new MetadataDelta();
    image.set(entity, name, value);
    delta.clientQuotaChanged(entity);
    quotas.apply(delta, image);
  };
  return { quotas, set };
}

function activeOf({ produce, fetch, request, mutation }: Quotas): boolean[] {
  return [produce, fetch, request, mutation].map(({ limits }) => !limits.isEmpty);
}
