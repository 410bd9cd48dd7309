/** The source text of encoders: see compile.ts. */
import { defaultSource, hasRows, isNullable, isOptional, isPresent } from "./field-layout.ts";
import { isTagged, methodOf, ROWS_A_STEP } from "./field-layout.ts";
import { defaultOf, type AnyField, type StructType } from "./schema.ts";

export class EncoderSource {
  /** Functions so far, in the order in which they were asked for. */
  text = "";
  readonly #version: number;
  readonly #flexible: boolean;
  /** Functions of what has rows are generators, which yield after some of them. */
  readonly #isStepwise: boolean;
  readonly #writers = new Map<StructType | AnyField, string>();
  readonly #comparers = new Map<StructType, string>();

  constructor(version: number, flexible: boolean, isStepwise: boolean) {
    this.#version = version;
    this.#flexible = flexible;
    this.#isStepwise = isStepwise;
  }

  /** Writes the function that writes a struct, once, and returns its name. */
  structFunction(type: StructType): string {
    return this.#function(type, () => {
      const fields = Object.entries(type.fields);
      const lines = fields.flatMap(([name, field]) => {
        if (!isPresent(field, this.#version)) return this.#refusal(name, field);
        const value = isOptional(field)
          ? `value.${name} === undefined ? ${defaultSource(field)} : value.${name}`
          : `value.${name}`;
        if (isTagged(field)) return [`const _${name} = ${value};`];
        if (name === "errorCode") return [`writer.errorCode(${value});`];
        return [this.#statement(field, value)];
      });
      if (this.#flexible) lines.push(...this.#tagSection(fields));
      return lines;
    });
  }

  /** Kafka drops what a version cannot say only where the description allows it. */
  #refusal(name: string, field: AnyField): string[] {
    if (field.rules.isIgnorable) return [];
    const differs = `value.${name} !== undefined && ${this.#differs(field, `value.${name}`)}`;
    return [`if (${differs}) refuse("${name}");`];
  }

  #tagSection(all: [string, AnyField][]): string[] {
    const tagged = all
      .filter(([, field]) => isTagged(field) && isPresent(field, this.#version))
      .sort(([, a], [, b]) => a.rules.tag! - b.rules.tag!);
    if (tagged.length === 0) return ["writer.uvarint(0);"];
    const differs = tagged.map(
      ([name, field]) => `const has_${name} = ${this.#differs(field, `_${name}`)};`,
    );
    const writes = tagged.map(([name, field]) => {
      const content = this.#statement(field, `_${name}`);
      const begin = `const begin = writer.beginTag(${field.rules.tag});`;
      return `if (has_${name}) { ${begin} ${content} writer.endTag(begin); }`;
    });
    const count = tagged.map(([name]) => `has_${name}`).join(" + ");
    return [...differs, `writer.uvarint(${count} + 0);`, ...writes];
  }

  #statement(field: AnyField, value: string): string {
    const { type } = field;
    if (type.kind === "array") {
      return `${this.#call(field)}${this.#arrayFunction(field, type.element)}(writer, ${value});`;
    }
    if (type.kind !== "struct") {
      return `writer.${methodOf(field, this.#version, this.#flexible)}(${value});`;
    }
    const write = `${this.#call(field)}${this.structFunction(type)}`;
    if (!isNullable(field, this.#version)) return `${write}(writer, ${value});`;
    // Kafka writes "none" in two ways: as a size of 0 among the tagged fields, elsewhere as -1.
    const none = isTagged(field) ? 0 : -1;
    return `{
    const struct = ${value};
    writer.int8(struct === null ? ${none} : 1);
    if (struct !== null) ${write}(writer, struct);
  }`;
  }

  #arrayFunction(field: AnyField, element: AnyField): string {
    return this.#function(field, () => {
      const [put, absent] = this.#flexible
        ? ["writer.uvarint(value.length + 1);", "writer.uvarint(0)"]
        : ["writer.int32(value.length);", "writer.int32(-1)"];
      return [
        ...(isNullable(field, this.#version) ? [`if (value === null) return ${absent};`] : []),
        put,
        "for (let index = 0; index < value.length; index++) {",
        `  ${this.#statement(element, "value[index]")}`,
        ...(this.#isLong(field) ? [`  if ((index + 1) % ${ROWS_A_STEP} === 0) yield;`] : []),
        "}",
      ];
    });
  }

  /** An expression: whether `value` is not the field's default. */
  #differs(field: AnyField, value: string): string {
    const { kind } = field.type;
    const byDefault = defaultOf(field);
    if (byDefault === null) return `${value} !== null`;
    if (field.type.kind === "struct") {
      return `(${value} === null || ${this.#comparer(field.type)}(${value}))`;
    }
    if (kind === "array" || kind === "bytes") return `(${value} === null || ${value}.length !== 0)`;
    return `${value} !== ${defaultSource(field)}`;
  }

  /** The name of a function that tells whether any field differs from its default. */
  #comparer(type: StructType): string {
    const known = this.#comparers.get(type);
    if (known !== undefined) return known;
    const name = `differs${this.#comparers.size}`;
    this.#comparers.set(type, name);
    const tests = Object.entries(type.fields).map(([member, field]) => {
      const differs = this.#differs(field, `value.${member}`);
      return isOptional(field) ? `(value.${member} !== undefined && ${differs})` : differs;
    });
    this.text += `function ${name}(value) {\n  return ${["false", ...tests].join(" || ")};\n}\n`;
    return name;
  }

  #isLong(field: { readonly type: AnyField["type"] }): boolean {
    return this.#isStepwise && hasRows(field, this.#version);
  }

  #call(field: AnyField): string {
    return this.#isLong(field) ? "yield* " : "";
  }

  #function(of: StructType | AnyField, lines: () => string[]): string {
    const known = this.#writers.get(of);
    if (known !== undefined) return known;
    const name = `write${this.#writers.size}`;
    this.#writers.set(of, name);
    const body = lines().join("\n  ");
    const star = this.#isLong("kind" in of ? { type: of } : of) ? "*" : "";
    this.text += `function${star} ${name}(writer, value) {\n  ${body}\n}\n`;
    return name;
  }
}
