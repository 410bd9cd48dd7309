import { expect, test } from "bun:test";
import { canonicalAddress } from "../../src/base/ip-address.ts";

const ADDRESSES: [text: string, canonical: string | null][] = [
  ["10.0.0.1", "10.0.0.1"],
  ["010.000.0.001", "10.0.0.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["256.0.0.1", null],
  ["10.0.0", null],
  ["10.0.0.1.2", null],
  ["::1", "::1"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::ffff:0a01:0203", "10.1.2.3"],
  ["1:2", null],
  [":::", null],
  ["::1]/x[", null],
  ["localhost", null],
  ["", null],
  [" 10.0.0.1", null],
];

for (const [text, canonical] of ADDRESSES) {
  test(`"${text}" is ${canonical ?? "no address"}`, () => {
    expect(canonicalAddress(text)).toBe(canonical);
  });
}
