import { join } from "node:path";

/**
 * Where package.json, native/ and node_modules/ are: two folders above this file, and above
 * `dist/program/main.js`, the program as `bun run build` puts it together.
 */
export const ROOT = join(import.meta.dir, "../..");
