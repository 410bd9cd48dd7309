/** Reads the modules of src with the patches of the bug that BUNKA_SIM_BUG names. */
import { plugin } from "bun";
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { bugNamed } from "./all-bugs.ts";

const ROOT = resolve(import.meta.dir, "../../..");
const name = process.env["BUNKA_SIM_BUG"];

if (name !== undefined) {
  const { patches } = bugNamed(name);
  plugin({
    name,
    setup(build) {
      build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        let text = readFileSync(path, "utf8");
        for (const { file, find, replace } of patches) {
          if (file !== relative(ROOT, path)) continue;
          const [before, behind, ...more] = text.split(find);
          if (behind === undefined || more.length > 0) {
            throw new Error(`${name}: ${file} has not once: ${find}`);
          }
          text = `${before}${replace}${behind}`;
        }
        return { contents: text, loader: "ts" };
      });
    },
  });
}
