import { describe, expect, test } from "bun:test";
import { alterScramCredentials } from "../../../src/metadata/controller/alter-scram-credentials.ts";
import { type AclBinding, type AclFilter, PatternType } from "../../../src/metadata/acl.ts";
import { createAcls, deleteAcls } from "../../../src/metadata/controller/alter-acls.ts";
import { RECORDS_PER_COMMAND_MAX } from "../../../src/metadata/controller/command.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { TestController, contentsOf } from "../controller-harness.ts";

const ENTRY: AclBinding = {
  resourceType: 2,
  resourceName: "t",
  patternType: PatternType.LITERAL,
  principal: "User:ada",
  host: "*",
  operation: 3,
  permissionType: 3,
};

const EVERYTHING: AclFilter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};

const codes = (results: readonly { errorCode: number }[]) => results.map((each) => each.errorCode);

describe("access control entries", () => {
  test("are added once, kept in snapshots, and removed by filters", () => {
    const controller = new TestController();
    const other = { ...ENTRY, principal: "User:bob" };
    expect(codes(controller.run(createAcls([ENTRY, ENTRY, other])))).toEqual([0, 0, 0]);
    expect(controller.recordsOf(createAcls([ENTRY]))).toEqual([]);
    expect(controller.image.security.acls.size).toBe(2);
    const copy = new TestController([]);
    copy.apply(contentsOf(controller.image));
    expect(copy.image.security.acls).toEqual(controller.image.security.acls);
    const bobs = { ...EVERYTHING, principalFilter: "User:bob" };
    const [first, second] = controller.run(deleteAcls([bobs, EVERYTHING]));
    expect(first!.deleted).toMatchObject([other]);
    expect(second!.deleted).toHaveLength(2);
    expect(controller.image.security.acls.size).toBe(0);
  });

  test("are refused one by one", () => {
    const controller = new TestController();
    const results = controller.run(
      createAcls([{ ...ENTRY, principal: "ada" }, ENTRY, { ...ENTRY, resourceType: 99 }]),
    );
    expect(codes(results)).toEqual([ErrorCode.INVALID_REQUEST, 0, ErrorCode.INVALID_REQUEST]);
    const filters = [
      { ...EVERYTHING, operation: 99 },
      { ...EVERYTHING, patternTypeFilter: 99 },
    ];
    const removed = controller.run(deleteAcls(filters));
    expect(codes(removed)).toEqual([ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST]);
    expect(controller.image.security.acls.size).toBe(1);
  });

  test("too many at once are none", () => {
    const controller = new TestController();
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...ENTRY, resourceName: `t${from + index}` }));
    const refused = controller.run(createAcls(many(0, RECORDS_PER_COMMAND_MAX + 1)));
    expect(new Set(codes(refused))).toEqual(new Set([ErrorCode.POLICY_VIOLATION]));
    controller.run(createAcls(many(0, RECORDS_PER_COMMAND_MAX)));
    controller.run(createAcls(many(RECORDS_PER_COMMAND_MAX, 1)));
    const [kept] = controller.run(deleteAcls([EVERYTHING]));
    expect(kept!.errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(controller.image.security.acls.size).toBe(RECORDS_PER_COMMAND_MAX + 1);
  });
});

describe("SCRAM credentials", () => {
  const upsertion = {
    name: "user",
    mechanism: 1,
    iterations: 4096,
    salt: Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"),
    // Of the password "pencil": the example of RFC 7677.
    saltedPassword: Buffer.from("xKSVEDI6tPlSysH6mUQZOeeOp01r6B3fcJbodRPcYV0=", "base64"),
  };

  test("hold what proves a login, not the salted password", () => {
    const controller = new TestController();
    controller.run(alterScramCredentials({ deletions: [], upsertions: [upsertion] }));
    const { storedKey, serverKey } = controller.image.security.scramCredential(1, "user")!;
    expect(storedKey.toString("base64")).toBe("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
    expect(serverKey.toString("base64")).toBe("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  });

  test("need a metadata.version that knows them", () => {
    const controller = new TestController();
    const value = { name: "metadata.version", featureLevel: 10 };
    controller.apply([{ name: "FeatureLevelRecord", version: 0, value }]);
    const deletions = [{ name: "bob", mechanism: 1 }];
    const request = { deletions, upsertions: [upsertion] };
    const { results } = controller.run(alterScramCredentials(request));
    expect(codes(results)).toEqual([ErrorCode.UNSUPPORTED_VERSION, ErrorCode.UNSUPPORTED_VERSION]);
  });

  test("too many at once are none", () => {
    const controller = new TestController();
    const upsertions = Array.from({ length: RECORDS_PER_COMMAND_MAX + 1 }, (_, index) => ({
      ...upsertion,
      name: `user${index}`,
    }));
    const { results } = controller.run(alterScramCredentials({ deletions: [], upsertions }));
    expect(new Set(codes(results))).toEqual(new Set([ErrorCode.POLICY_VIOLATION]));
    expect([...controller.image.security.scramCredentials()]).toEqual([]);
  });
});
