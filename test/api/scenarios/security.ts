import { saslHandshake } from "../../../src/protocol/messages/17-sasl-handshake.ts";
import { describeAcls } from "../../../src/protocol/messages/29-describe-acls.ts";
import { createAcls } from "../../../src/protocol/messages/30-create-acls.ts";
import { deleteAcls } from "../../../src/protocol/messages/31-delete-acls.ts";
import { saslAuthenticate } from "../../../src/protocol/messages/36-sasl-authenticate.ts";
import { createDelegationToken } from "../../../src/protocol/messages/38-create-delegation-token.ts";
import { renewDelegationToken } from "../../../src/protocol/messages/39-renew-delegation-token.ts";
import { expireDelegationToken } from "../../../src/protocol/messages/40-expire-delegation-token.ts";
import { describeDelegationToken } from "../../../src/protocol/messages/41-describe-delegation-token.ts";
import { describeUserScramCredentials } from "../../../src/protocol/messages/50-describe-user-scram-credentials.ts";
import { alterUserScramCredentials } from "../../../src/protocol/messages/51-alter-user-scram-credentials.ts";
import type { Api, Input } from "../../../src/protocol/schema.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";

type Creation = Input<typeof createAcls.request>["creations"][number];
type Filter = Input<typeof deleteAcls.request>["filters"][number];

const LISTENERS = ["broker", "controller"] as const;
const [ANY, MATCH, LITERAL, PREFIXED] = [1, 2, 3, 4] as const;
const [TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID, USER] = [2, 3, 4, 5, 7] as const;
const [DENY, ALLOW] = [2, 3] as const;
const [READ, WRITE] = [3, 4] as const;
const UNHEARD_OF = 99;

/** A listener without SASL, and a broker without an authorizer. */
export const securityScenario: Scenario = {
  name: "security",
  async run(asker) {
    await everywhere(asker, saslHandshake, [{ mechanism: "PLAIN" }, { mechanism: "" }]);
    await everywhere(asker, saslAuthenticate, [{ authBytes: Buffer.from("x") }]);
    await everywhere(asker, describeAcls, [EVERYTHING, { ...EVERYTHING, operation: 0 }]);
    await everywhere(asker, createAcls, [
      { creations: [creation({}), creation({ resourceName: "" })] },
      { creations: [creation({ permissionType: 0 })] },
      { creations: [] },
    ]);
    await everywhere(asker, deleteAcls, [
      { filters: [EVERYTHING] },
      { filters: [{ ...EVERYTHING, resourceTypeFilter: 0 }] },
      { filters: [] },
    ]);
    await askForTokens(asker);
    await keepCredentials(asker);
  },
};

async function everywhere<Q, QI, R, RI>(
  asker: Asker,
  api: Api<Q, QI, R, RI>,
  requests: readonly QI[],
): Promise<void> {
  for (const version of versionsOf(api)) {
    for (const listener of LISTENERS) {
      for (const request of requests) await asker.askOn(listener, api, version, request);
    }
  }
}

async function askForTokens(asker: Asker): Promise<void> {
  const hmac = Buffer.from("of a token");
  const renewers = [{ principalType: "User", principalName: "somebody" }];
  for (const version of versionsOf(createDelegationToken)) {
    const owners =
      version < 3
        ? [{}]
        : [
            { ownerPrincipalType: null, ownerPrincipalName: null },
            { ownerPrincipalType: "User", ownerPrincipalName: "a" },
            { ownerPrincipalType: "Group", ownerPrincipalName: "" },
          ];
    for (const listener of LISTENERS) {
      for (const owner of owners) {
        const request = { ...owner, renewers, maxLifetimeMs: -1 };
        await asker.askOn(listener, createDelegationToken, version, request);
      }
    }
  }
  await everywhere(asker, renewDelegationToken, [{ hmac, renewPeriodMs: 5 }]);
  await everywhere(asker, expireDelegationToken, [{ hmac, expiryTimePeriodMs: -1 }]);
  await everywhere(asker, describeDelegationToken, [
    { owners: null },
    { owners: [] },
    { owners: renewers },
  ]);
}

const upsertion = (name: string, mechanism: number, iterations: number) => ({
  name,
  mechanism,
  iterations,
  salt: Buffer.from("salt"),
  saltedPassword: Buffer.from("salted password"),
});

async function keepCredentials(asker: Asker): Promise<void> {
  const describe = (users: string[] | null) =>
    asker.ask(describeUserScramCredentials, 0, {
      users: users === null ? null : users.map((name) => ({ name })),
    });
  const alter = (
    deletions: { name: string; mechanism: number }[],
    upsertions: ReturnType<typeof upsertion>[],
    listener: (typeof LISTENERS)[number] = "broker",
  ) => asker.askOn(listener, alterUserScramCredentials, 0, { deletions, upsertions });
  await describe(null);
  await alter([], []);
  await alter(
    [
      { name: "nobody", mechanism: 1 },
      { name: "", mechanism: 1 },
      { name: "twice", mechanism: 1 },
      { name: "twice", mechanism: 1 },
      { name: "none", mechanism: 0 },
    ],
    [
      upsertion("ada", 1, 4096),
      upsertion("bob", 2, 16_384),
      upsertion("few", 1, 4095),
      upsertion("many", 2, 16_385),
      upsertion("third", 3, 4096),
      upsertion("same", 1, 4096),
      upsertion("same", 2, 4096),
      upsertion("nobody", 2, 4096),
      upsertion("", 2, 4096),
      { ...upsertion("empty", 1, 4096), saltedPassword: Buffer.alloc(0) },
      { ...upsertion("without salt", 1, 4096), salt: Buffer.alloc(0) },
    ],
  );
  await asker.until(async () => {
    const response = await asker.quietly(describeUserScramCredentials, 0, { users: null });
    return response.results.length === 3;
  });
  await alter([], [upsertion("ada", 2, 5000)], "controller");
  await asker.until(async () => {
    const users = [{ name: "ada" }];
    const response = await asker.quietly(describeUserScramCredentials, 0, { users });
    return response.results[0]!.credentialInfos.length === 2;
  });
  for (const users of [null, [], ["ada"], ["ada", "ada", "absent", ""]]) await describe(users);
  const users = ["ada", "absent"].map((name) => ({ name }));
  await asker.askOn("controller", describeUserScramCredentials, 0, { users });
  await asker.askOn("controller", describeUserScramCredentials, 0, { users: null });
  await alter([{ name: "ada", mechanism: 1 }], [upsertion("ada", 1, 4096)]);
  await alter([{ name: "ada", mechanism: 1 }], []);
  await asker.until(async () => {
    const response = await asker.quietly(describeUserScramCredentials, 0, {
      users: [{ name: "ada" }],
    });
    return response.results[0]!.credentialInfos.length === 1;
  });
  await describe(null);
}

const EVERYTHING: Filter = {
  resourceTypeFilter: ANY,
  resourceNameFilter: null,
  patternTypeFilter: ANY,
  principalFilter: null,
  hostFilter: null,
  operation: ANY,
  permissionType: ANY,
};

function creation(changes: Partial<Creation>): Creation {
  return {
    resourceType: TOPIC,
    resourceName: "t",
    resourcePatternType: LITERAL,
    principal: "User:ada",
    host: "*",
    operation: READ,
    permissionType: ALLOW,
    ...changes,
  };
}

/** Bunka takes an authorizer only here, until its rules are enforced. */
export const aclsScenario: Scenario = {
  name: "acls",
  settings: {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
  },
  isRefusedAtStart: true,
  async run(asker) {
    await everywhere(asker, describeAcls, [EVERYTHING]);
    await asker.ask(createAcls, 3, { creations: CREATIONS });
    await asker.until(() => hasAcls(asker, 8));
    for (const wrong of MALFORMED) {
      await asker.ask(createAcls, 3, { creations: [creation({ host: "new" }), creation(wrong)] });
    }
    await asker.ask(createAcls, 2, { creations: CREATIONS.slice(0, 2) });
    await asker.askOn("controller", createAcls, 1, {
      creations: [creation({ resourceName: "u" }), creation({})],
    });
    await asker.until(() => hasAcls(asker, 9));
    for (const filter of FILTERS) await asker.ask(describeAcls, 3, filter);
    await everywhere(asker, describeAcls, [EVERYTHING]);
    await asker.ask(deleteAcls, 3, { filters: FILTERS.slice(1, 6) });
    await asker.askOn("controller", deleteAcls, 1, {
      filters: [EVERYTHING, { ...EVERYTHING, operation: UNHEARD_OF }],
    });
    await asker.until(() => hasAcls(asker, 0));
    await asker.ask(deleteAcls, 2, { filters: [EVERYTHING] });
  },
};

async function hasAcls(asker: Asker, count: number): Promise<boolean> {
  const { resources } = await asker.quietly(describeAcls, 3, EVERYTHING);
  return resources.reduce((sum, { acls }) => sum + acls.length, 0) === count;
}

const CREATIONS: readonly Creation[] = [
  creation({}),
  creation({ operation: WRITE }),
  creation({ operation: WRITE, permissionType: DENY, host: "10.0.0.1" }),
  creation({ resourceName: "*" }),
  creation({ resourceName: "te", resourcePatternType: PREFIXED }),
  creation({ resourceType: GROUP, resourceName: "t" }),
  creation({ resourceType: CLUSTER, resourceName: "kafka-cluster" }),
  creation({ resourceType: CLUSTER, resourceName: "another" }),
  creation({ resourceType: TRANSACTIONAL_ID, resourceName: "" }),
  creation({ resourceType: USER, resourceName: "User:bob", principal: "User:*" }),
  creation({}),
  creation({ resourceType: UNHEARD_OF }),
  creation({ resourcePatternType: UNHEARD_OF }),
  creation({ operation: UNHEARD_OF }),
  creation({ permissionType: UNHEARD_OF }),
  creation({ principal: "ada" }),
  creation({ principal: "" }),
];

/** Not of one entry: nothing of the request is done. */
const MALFORMED: readonly Partial<Creation>[] = [
  { resourceType: ANY },
  { resourcePatternType: ANY },
  { resourcePatternType: MATCH },
  { operation: ANY },
  { permissionType: ANY },
];

const FILTERS: readonly Filter[] = [
  EVERYTHING,
  {
    ...EVERYTHING,
    resourceTypeFilter: TOPIC,
    resourceNameFilter: "test",
    patternTypeFilter: MATCH,
  },
  { ...EVERYTHING, resourceTypeFilter: TOPIC, resourceNameFilter: "t", patternTypeFilter: LITERAL },
  { ...EVERYTHING, patternTypeFilter: PREFIXED },
  { ...EVERYTHING, operation: WRITE, permissionType: DENY },
  { ...EVERYTHING, permissionType: UNHEARD_OF },
  { ...EVERYTHING, resourceNameFilter: "te" },
  { ...EVERYTHING, resourceNameFilter: "t", patternTypeFilter: MATCH },
  { ...EVERYTHING, principalFilter: "User:*" },
  { ...EVERYTHING, hostFilter: "10.0.0.1" },
  { ...EVERYTHING, hostFilter: "" },
  { ...EVERYTHING, resourceTypeFilter: UNHEARD_OF },
  { ...EVERYTHING, patternTypeFilter: UNHEARD_OF },
];
