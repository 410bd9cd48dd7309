/** `import text from "./crc32c.c" with { type: "text" }`. */
declare module "*.c" {
  const text: string;
  export default text;
}

/** The same of a header. */
declare module "*.h" {
  const text: string;
  export default text;
}
