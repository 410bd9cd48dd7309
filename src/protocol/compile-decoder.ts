/** The source text of decoders: see compile.ts. */
import { defaultSource, hasRows, heapBytesOf, isNullable, isPresent } from "./field-layout.ts";
import { isTagged, methodOf, ROWS_A_STEP, sizeMinOf } from "./field-layout.ts";
import type { AnyField, StructType } from "./schema.ts";

export class DecoderSource {
  /** Functions so far, in the order in which they were asked for. */
  text = "";
  readonly #version: number;
  readonly #flexible: boolean;
  /** Functions of what has rows are generators, which yield after some of them. */
  readonly #isStepwise: boolean;
  readonly #names = new Map<StructType | AnyField, string>();

  constructor(version: number, flexible: boolean, isStepwise: boolean) {
    this.#version = version;
    this.#flexible = flexible;
    this.#isStepwise = isStepwise;
  }

  /** Writes the function that reads a struct, once, and returns its name. */
  structFunction(type: StructType): string {
    return this.#function(type, () => {
      const fields = Object.entries(type.fields);
      const lines = fields.map(([name, field]) => {
        if (isTagged(field)) return `let _${name} = ${defaultSource(field)};`;
        const isHere = isPresent(field, this.#version);
        return `const _${name} = ${isHere ? this.#expression(field) : defaultSource(field)};`;
      });
      if (this.#flexible) lines.push(this.#tagSection(fields));
      lines.push(`return { ${fields.map(([name]) => `${name}: _${name}`).join(", ")} };`);
      return lines;
    });
  }

  #tagSection(fields: [string, AnyField][]): string {
    const tagged = fields.filter(([, field]) => isTagged(field));
    if (tagged.length === 0) return "reader.skipTags();";
    const cases = tagged.map(([name, field]) => {
      const isHere = isPresent(field, this.#version);
      const work = isHere ? `_${name} = ${this.#expression(field)}` : "reader.refuseTag(tag)";
      return `      case ${field.rules.tag}: ${work}; break;\n`;
    });
    // As in Kafka, the size of a known field is not held against what it really takes.
    return `for (let left = reader.tagCount(); left > 0; left--) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    switch (tag) {
${cases.join("")}      default: reader.skip(size);
    }
  }`;
  }

  #expression(field: AnyField): string {
    const { type } = field;
    if (type.kind === "array") {
      return this.#call(field, `${this.#arrayFunction(field, type.element)}(reader)`);
    }
    if (type.kind !== "struct") {
      return `reader.${methodOf(field, this.#version, this.#flexible)}()`;
    }
    const value = this.#call(field, `${this.structFunction(type)}(reader)`);
    if (!isNullable(field, this.#version)) return value;
    // Kafka writes "none" in two ways: as a size of 0 among the tagged fields, elsewhere as -1.
    return `(reader.${isTagged(field) ? "uvarint() <= 0" : "int8() < 0"} ? null : ${value})`;
  }

  #arrayFunction(field: AnyField, element: AnyField): string {
    return this.#function(field, () => {
      const nullable = isNullable(field, this.#version);
      const method = this.#flexible
        ? `compact${nullable ? "Nullable" : ""}Count`
        : nullable
          ? "nullableCount"
          : "count";
      const sizeMin = sizeMinOf(element, this.#version, this.#flexible);
      return [
        `const count = reader.${method}(${sizeMin}, ${heapBytesOf(element, this.#version)});`,
        ...(nullable ? ["if (count === null) return null;"] : []),
        "const list = [];",
        "for (let left = count; left > 0; left--) {",
        `  list.push(${this.#expression(element)});`,
        ...(this.#isLong(field) ? [`  if (list.length % ${ROWS_A_STEP} === 0) yield;`] : []),
        "}",
        "return list;",
      ];
    });
  }

  #isLong(field: { readonly type: AnyField["type"] }): boolean {
    return this.#isStepwise && hasRows(field, this.#version);
  }

  #call(field: AnyField, call: string): string {
    return this.#isLong(field) ? `(yield* ${call})` : call;
  }

  #function(of: StructType | AnyField, lines: () => string[]): string {
    const known = this.#names.get(of);
    if (known !== undefined) return known;
    const name = `read${this.#names.size}`;
    this.#names.set(of, name);
    const body = lines().join("\n  ");
    const star = this.#isLong("kind" in of ? { type: of } : of) ? "*" : "";
    this.text += `function${star} ${name}(reader) {\n  ${body}\n}\n`;
    return name;
  }
}
