import { describeClientQuotas } from "../../../src/protocol/messages/48-describe-client-quotas.ts";
import { alterClientQuotas } from "../../../src/protocol/messages/49-alter-client-quotas.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";

/** By type; null is the default of a type. */
type Entity = Readonly<Record<string, string | null>>;
/** By the name of a limit; null removes it. */
type Limits = Readonly<Record<string, number | null>>;
type Component = [entityType: string, matchType: number, match: string | null];

const [EXACT, DEFAULT, ANY] = [0, 1, 2] as const;
const VERY_LARGE = 1e15;

export const clientQuotasScenario: Scenario = {
  name: "client-quotas",
  async run(asker) {
    await alterGood(asker);
    await describeThem(asker);
    await alterBad(asker);
    await alterSeveral(asker);
    await alterElsewhere(asker);
  },
};

const partsOf = (entity: Entity) =>
  Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }));

const opsOf = (limits: Limits) =>
  Object.entries(limits).map(([key, value]) => ({
    key,
    value: value ?? 0,
    remove: value === null,
  }));

const entryOf = ([entity, limits]: [Entity, Limits]) => ({
  entity: partsOf(entity),
  ops: opsOf(limits),
});

async function alter(asker: Asker, entity: Entity, limits: Limits, version = 1): Promise<void> {
  const entries = [entryOf([entity, limits])];
  await asker.ask(alterClientQuotas, version, { entries, validateOnly: false });
}

async function describe(asker: Asker, version = 1): Promise<void> {
  await asker.ask(describeClientQuotas, version, { components: [], strict: false });
}

async function alterGood(asker: Asker): Promise<void> {
  await describe(asker, 0);
  const rates = { producer_byte_rate: VERY_LARGE, consumer_byte_rate: VERY_LARGE + 1 };
  for (const user of [undefined, null, "ann"]) {
    for (const clientId of [undefined, null, "app", "<default>"]) {
      if (user === undefined && clientId === undefined) continue;
      const entity = {
        ...(user === undefined ? {} : { user }),
        ...(clientId === undefined ? {} : { "client-id": clientId }),
      };
      await alter(asker, entity, rates, clientId === null ? 0 : 1);
    }
  }
  const user = { user: "mutator" };
  await alter(asker, user, { controller_mutation_rate: 2.5e9, request_percentage: 1e9 });
  await alter(asker, user, { controller_mutation_rate: null, consumer_byte_rate: null });
  await alter(asker, { ip: "10.0.0.1" }, { connection_creation_rate: 2e9 });
  await alter(asker, { ip: "2001:DB8:0:0::1" }, { connection_creation_rate: 2e9 });
  await alter(asker, { ip: null }, { connection_creation_rate: 2_147_483_647 });
  await describe(asker);
}

async function describeThem(asker: Asker): Promise<void> {
  const filters: Component[][] = [
    [["user", EXACT, "ann"]],
    [["user", DEFAULT, null]],
    [["user", ANY, null]],
    [["client-id", EXACT, "app"]],
    [["client-id", EXACT, "<default>"]],
    [["client-id", DEFAULT, null]],
    [
      ["user", ANY, null],
      ["client-id", ANY, null],
    ],
    [
      ["client-id", DEFAULT, null],
      ["user", EXACT, "ann"],
    ],
    [["ip", ANY, null]],
    [["ip", EXACT, "10.0.0.1"]],
    [["ip", EXACT, "10.0.0.9"]],
    [["ip", DEFAULT, null]],
    [["user", EXACT, "nobody"]],
    [["user", EXACT, ""]],
    [["user", EXACT, null]],
    [["user", DEFAULT, "ann"]],
    [["user", ANY, "ann"]],
    [["user", 3, null]],
    [["user", -1, null]],
    [["", ANY, null]],
    [["group", ANY, null]],
    [["User", ANY, null]],
    [
      ["user", ANY, null],
      ["user", ANY, null],
    ],
    [
      ["ip", ANY, null],
      ["user", ANY, null],
    ],
    [
      ["client-id", ANY, null],
      ["ip", ANY, null],
    ],
    [
      ["ip", ANY, null],
      ["group", ANY, null],
    ],
  ];
  for (const version of versionsOf(describeClientQuotas)) {
    for (const strict of [false, true]) {
      for (const filter of filters) {
        const components = filter.map(([entityType, matchType, match]) => ({
          entityType,
          matchType,
          match,
        }));
        await asker.ask(describeClientQuotas, version, { components, strict });
      }
    }
  }
}

async function alterBad(asker: Asker): Promise<void> {
  const rate = { producer_byte_rate: VERY_LARGE };
  const bad: [Entity, Limits][] = [
    [{}, rate],
    [{ user: "" }, rate],
    [{ "client-id": "" }, rate],
    [{ ip: "" }, { connection_creation_rate: 1e6 }],
    [{ group: "g" }, rate],
    [{ user: "ann", group: "g" }, rate],
    [{ user: "ann", ip: "10.0.0.1" }, rate],
    [{ "client-id": null, ip: null }, rate],
    [{ ip: "10.0.0.1" }, rate],
    [{ ip: "10.0.0.256" }, { connection_creation_rate: 1e6 }],
    [{ ip: "not an address" }, { connection_creation_rate: 1e6 }],
    [{ ip: "10.0.0.1" }, { connection_creation_rate: 0 }],
    [{ ip: "10.0.0.1" }, { connection_creation_rate: 1.5 }],
    [{ ip: "10.0.0.1" }, { connection_creation_rate: 2_147_483_648 }],
    [{ user: "ann" }, { connection_creation_rate: 5 }],
    [{ user: "ann" }, { producer_byte_rate: 0 }],
    [{ user: "ann" }, { producer_byte_rate: -1 }],
    [{ user: "ann" }, { producer_byte_rate: 1000.5 }],
    [{ user: "ann" }, { producer_byte_rate: 1000.000_000_1 }],
    [{ user: "ann" }, { producer_byte_rate: 1e300 }],
    [{ user: "ann" }, { producer_byte_rate: 2 ** 63 }],
    [{ user: "ann" }, { request_percentage: 0 }],
    [{ user: "ann" }, { request_percentage: 1e300 }],
    [{ user: "ann" }, { "producer.byte.rate": 1 }],
    [{ user: "ann" }, { "SCRAM-SHA-256": 1 }],
    [{ user: "ann" }, { "no such limit": null }],
    [{ user: "nobody" }, { producer_byte_rate: null }],
    [{ user: "ann" }, {}],
    [{ user: "ann" }, { consumer_byte_rate: 5e14, producer_byte_rate: -1 }],
  ];
  for (const [entity, limits] of bad) {
    for (const version of versionsOf(alterClientQuotas)) {
      await alter(asker, entity, limits, version);
    }
  }
  await describe(asker);
}

async function alterSeveral(asker: Asker): Promise<void> {
  const ann = { user: "ann" };
  const both = { user: "ann", "client-id": "app" };
  const change = (value: number) => ({ producer_byte_rate: VERY_LARGE + value });
  const requests: [Entity, Limits][][] = [
    [],
    [
      [ann, change(2)],
      [{ user: "" }, change(2)],
      [both, change(2)],
    ],
    [
      [ann, change(3)],
      [ann, change(4)],
    ],
    [
      [both, change(5)],
      [{ "client-id": "app", user: "ann" }, change(6)],
    ],
    [
      [{ user: null, "client-id": null }, change(7)],
      [{ user: null, "client-id": null }, change(8)],
    ],
  ];
  for (const request of requests) {
    const entries = request.map(entryOf);
    for (const validateOnly of [true, false]) {
      await asker.ask(alterClientQuotas, 1, { entries, validateOnly });
      await describe(asker);
    }
  }
  const twice = [...opsOf(change(9)), ...opsOf(change(10))];
  const entries = [{ entity: partsOf(ann), ops: twice }];
  await asker.ask(alterClientQuotas, 1, { entries, validateOnly: false });
  const repeated = [...partsOf({ user: "x" }), ...partsOf(ann)];
  const named = [{ entity: repeated, ops: opsOf(change(11)) }];
  await asker.ask(alterClientQuotas, 1, { entries: named, validateOnly: false });
  await describe(asker);
}

async function alterElsewhere(asker: Asker): Promise<void> {
  const entries = [entryOf([{ user: "bob" }, { producer_byte_rate: VERY_LARGE }])];
  for (const version of versionsOf(alterClientQuotas)) {
    await asker.askOn("controller", alterClientQuotas, version, { entries, validateOnly: false });
  }
  await describe(asker);
}
