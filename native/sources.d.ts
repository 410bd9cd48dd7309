/** `import text from "./crc32c.c" with { type: "text" }`. */
declare module "*.c" {
  const text: string;
  export default text;
}
