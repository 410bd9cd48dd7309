/**
 * The figures of a node by itself, measured on this machine.
 *
 *   bun bench/node.ts [restart|connections|recovery]...
 *                     [--rounds N] [--gigabytes N]
 *
 * Linux only: it asks /proc.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connections } from "./node/connections.ts";
import type { Figure, Section } from "./node/figure.ts";
import { recovery } from "./node/recovery.ts";
import { restart } from "./node/restart.ts";

const SECTIONS: Readonly<Record<string, Section>> = {
  restart,
  connections,
  recovery,
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "10" },
    gigabytes: { type: "string", default: "10" },
  },
});

const names = positionals.length > 0 ? positionals : Object.keys(SECTIONS);
for (const name of names) {
  const section = SECTIONS[name];
  if (section === undefined) {
    throw new Error(`no section ${name}, only ${Object.keys(SECTIONS).join(", ")}`);
  }
  const folder = mkdtempSync(join(tmpdir(), "bunka-node-"));
  try {
    const numbers = {
      rounds: Number(options.rounds),
      gigabytes: Number(options.gigabytes),
    };
    for await (const figure of section({ folder, ...numbers })) console.log(lineOf(figure));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lineOf({ name, value, target }: Figure): string {
  const wanted = target === undefined ? "" : `| under ${target} `;
  return `| ${name.padEnd(52)} | ${value.padEnd(36)} ${wanted}|`;
}
