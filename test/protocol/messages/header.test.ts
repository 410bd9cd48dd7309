import { expect, test } from "bun:test";
import { decode, encode } from "../../../src/protocol/compile.ts";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { apiVersions } from "../../../src/protocol/messages/18-api-versions.ts";
import {
  requestHeader,
  requestHeaderVersion,
  responseHeader,
  responseHeaderVersion,
} from "../../../src/protocol/messages/header.ts";
import { apis } from "../../../src/protocol/messages/index.ts";

const HEADER = { requestApiKey: 18, requestApiVersion: 4, correlationId: 7, clientId: "me" };

test("the client id is never compact", () => {
  const plain = encode(requestHeader, 1, HEADER);
  expect(plain.toString("hex")).toBe("0012" + "0004" + "00000007" + "00026d65");
  const flexible = encode(requestHeader, 2, HEADER);
  expect(flexible).toEqual(Buffer.concat([plain, Buffer.of(0)]));
  const anonymous = encode(requestHeader, 2, { ...HEADER, clientId: null });
  expect(decode(requestHeader, 2, anonymous).clientId).toBeNull();
});

test("the answer to ApiVersions can be read by every client", () => {
  expect(responseHeaderVersion(apiVersions, 4)).toBe(0);
  expect(responseHeaderVersion(produce, 9)).toBe(1);
  expect(responseHeaderVersion(produce, 8)).toBe(0);
  expect(encode(responseHeader, 0, { correlationId: 7 }).toString("hex")).toBe("00000007");
  expect(encode(responseHeader, 1, { correlationId: 7 }).toString("hex")).toBe("0000000700");
});

test("the header of an unknown version can be read", () => {
  expect(requestHeaderVersion(apiVersions, 99)).toBe(2);
  expect(requestHeaderVersion(apiVersions, 2)).toBe(1);
});

test("APIs stand at their keys", () => {
  expect(apis.map(({ key }) => key)).toEqual(apis.map((_, index) => index));
});
