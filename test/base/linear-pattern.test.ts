import { describe, expect, test } from "bun:test";
import { compilePattern, type LinearPattern } from "../../src/base/linear-pattern.ts";

function compiled(text: string): LinearPattern {
  const pattern = compilePattern(text);
  if ("problem" in pattern) throw new Error(pattern.problem);
  return pattern;
}

describe("patterns", () => {
  test.each([
    ["a", "a", true],
    ["a", "ab", false],
    ["a", "ba", false],
    ["a.*", "abc", true],
    ["a|b", "b", true],
    ["^a$", "a", true],
    ["", "", true],
    ["[^-]+-\\d{2}", "name-42", true],
    ["(?i)NAME", "name", true],
    ["\\p{L}+", "Ünï", true],
    [".", "😀", true],
  ])("%s of %s: %p", (pattern, text, isMatch) => {
    expect(compiled(pattern).matches(text)).toBe(isMatch);
  });

  test.each([
    ["an open bracket", "[a", "missing closing ]: `[a`"],
    ["an open group", "(a", "missing closing ): `(a`"],
    ["a repetition of nothing", "*a", "missing argument to repetition operator: `*`"],
    ["a look-ahead", "(?=a)", "invalid or unsupported Perl syntax: `(?=`"],
    ["a back-reference", "\\1", "invalid escape sequence: `\\1`"],
    ["too many repetitions", "a{1001}", "invalid repeat count: `{1001}`"],
    ["repetitions of repetitions", "(a{1000}){1000}", "invalid repeat count: `{1000}`"],
    ["a deep one", "(".repeat(2000) + ")".repeat(2000), "expression nests too deeply"],
    ["a long one", "a".repeat(4097), "longer than 4096 characters"],
    ["a long one in either case", `(?i)${"\\pL".repeat(170)}`, "longer than 512 characters"],
    ["the same, further in", `a(?si:${"[b-z]".repeat(102)})`, "longer than 512 characters"],
    ["a large one", "\\pN{900}".repeat(100), "90002 instructions are more than 5000"],
  ])("%s is none", (_what, pattern, problem) => {
    const description = problem.replace(/: `.*/, "");
    expect(compilePattern(pattern)).toEqual({
      problem: expect.stringContaining(problem),
      description: expect.stringContaining(description),
    });
  });

  test.each(["(a|a)*b", "(x+x+)+y", "(a*)*b", "(?:a?){50}a{50}", "(.*)(.*)(.*)(.*)z"])(
    "%s comes to an end, which JavaScript's own would not",
    (bomb) => {
      expect(compiled(bomb).matches("a".repeat(20_000))).toBe(false);
    },
  );
});
