/** Outcomes recorded from java.util.Properties of Java 17. */
import { expect, test } from "bun:test";
import { PropertiesError, formatProperties, parseProperties } from "../../src/base/properties.ts";

const READ: [text: string, properties: [string, string][]][] = [
  ["a=b", [["a", "b"]]],
  ["a = b ", [["a", "b "]]],
  ["  a : b\\\u000a   c", [["a", "bc"]]],
  ["a b", [["a", "b"]]],
  ["a", [["a", ""]]],
  ["=b", [["", "b"]]],
  ["a\\=b=c", [["a=b", "c"]]],
  [
    "# x\u000aa=1\u000a!y\u000ab=2",
    [
      ["a", "1"],
      ["b", "2"],
    ],
  ],
  ["a=\\u0041\\t\\q\\\\", [["a", "A\u0009q\\"]]],
  ["a=b\\", [["a", "b"]]],
  ["a\\ b=c", [["a b", "c"]]],
  ["a==b", [["a", "=b"]]],
  ["a= =b", [["a", "=b"]]],
  [
    "k=v\\\\\u000ax=y",
    [
      ["k", "v\\"],
      ["x", "y"],
    ],
  ],
  ["a=1\u000aa=2", [["a", "2"]]],
  ["\\\u000a a=1", [["a", "1"]]],
  [
    "a=\\\u000a\u000a b=1",
    [
      ["a", ""],
      ["b", "1"],
    ],
  ],
  ["#c\\\u000aa=1", [["a", "1"]]],
  ["\u00e9=\u00fc", [["\u00e9", "\u00fc"]]],
  ["a\u0009b", [["a", "b"]]],
  ["a:=b", [["a", "=b"]]],
  ["a \\\u000a = b", [["a", "b"]]],
  [
    "a=b\u000d\u000ac=d\u000de=f",
    [
      ["a", "b"],
      ["c", "d"],
      ["e", "f"],
    ],
  ],
  ["x=\\ y", [["x", " y"]]],
];

const WRITTEN: [name: string, value: string, text: string][] = [
  ["a", "b", "a=b\u000a"],
  ["a b", " c d", "a\\ b=\\ c d\u000a"],
  ["k=:", "v=:#!\\", "k\\=\\:=v\\=\\:\\#\\!\\\\\u000a"],
  ["\u00e9\u20ac", "\u0009\u000a\u000d\u000c", "\\u00E9\\u20AC=\\t\\n\\r\\f\u000a"],
  ["  x", "y  ", "\\ \\ x=y  \u000a"],
  ["#a", "!b", "\\#a=\\!b\u000a"],
  ["", "x", "=x\u000a"],
];

for (const [text, properties] of READ) {
  test(`reads ${JSON.stringify(text)}`, () => {
    expect([...parseProperties(Buffer.from(text, "latin1"))].sort()).toEqual(properties);
  });
}

for (const [name, value, text] of WRITTEN) {
  test(`writes ${JSON.stringify(text)}, and reads it again`, () => {
    expect(formatProperties([[name, value]])).toBe(text);
    expect([...parseProperties(Buffer.from(text, "latin1"))]).toEqual([[name, value]]);
  });
}

test("comments go first", () => {
  expect(formatProperties([["a", "b"]], ["", "today"])).toBe("#\n#today\na=b\n");
});

test("a broken escape is refused", () => {
  for (const text of ["a=\\u12", "a=\\uzzzz", "\\u00=1"]) {
    expect(() => parseProperties(Buffer.from(text))).toThrow(PropertiesError);
  }
});

test("a part of a larger buffer is read from its own start", () => {
  const whole = Buffer.from("xx=1\na=2");
  expect([...parseProperties(whole.subarray(5))]).toEqual([["a", "2"]]);
});
