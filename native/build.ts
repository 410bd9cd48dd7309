import { buildNative } from "../src/base/native-build.ts";

// Without a library everything works all the same, only slower: never a failure.
console.log(buildNative() ? "native code compiled" : "no C compiler: going without native code");
