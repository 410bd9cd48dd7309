/**
 * Regular expressions that clients send: of RE2's syntax, as in Apache Kafka, and matched in a time
 * that grows with the text and the pattern alone. JavaScript's own can take for ever.
 *
 * A hostile pattern still costs about 100 ns for each of its instructions and each character: who
 * matches many texts lets the event loop turn between them.
 */
export interface LinearPattern {
  /** Instructions of the compiled pattern. */
  readonly size: number;
  /** Of the whole text. */
  matches(text: string): boolean;
}

/** Why a text is no pattern, as RE2/J says it: "missing closing ]: `[a`". */
export interface PatternProblem {
  readonly problem: string;
  /** The same without the part of the pattern: "missing closing ]". */
  readonly description: string;
}

/** The dearest of that length compile in 25 ms (classes of Unicode). */
const PATTERN_LENGTH_MAX = 4_096;
/** To fold the case of wide ranges costs ten times as much for each character. */
const FOLDED_LENGTH_MAX = 512;
const FOLDS_CASE = /\(\?[a-zA-Z]*i/;
const PATTERN_SIZE_MAX = 5_000;
/** How RE2/J begins what it says. */
const PREFIX = "error parsing regexp: ";

type Library = typeof import("re2js");
let loaded: Library | null = null;

/** 2 MiB that most nodes never need. */
function library(): Library {
  loaded ??= require("re2js") as Library;
  return loaded;
}

export function compilePattern(text: string): LinearPattern | PatternProblem {
  if (text.length > PATTERN_LENGTH_MAX) {
    return tooLarge(`longer than ${PATTERN_LENGTH_MAX} characters`);
  }
  if (text.length > FOLDED_LENGTH_MAX && FOLDS_CASE.test(text)) {
    return tooLarge(`longer than ${FOLDED_LENGTH_MAX} characters, and in either case`);
  }
  const { RE2JS, RE2JSException } = library();
  try {
    const compiled = RE2JS.compile(text);
    const size = compiled.programSize();
    if (size > PATTERN_SIZE_MAX) {
      return tooLarge(`${size} instructions are more than ${PATTERN_SIZE_MAX}`);
    }
    return { size, matches: (whole) => compiled.matches(whole) };
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const problem = error.message.replace(PREFIX, "");
    return { problem, description: problem.replace(/: `[^]*`$/, "") };
  }
}

function tooLarge(problem: string): PatternProblem {
  return { problem, description: problem };
}
