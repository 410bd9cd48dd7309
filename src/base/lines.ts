/** Calls `visit` with each line of a text that comes in pieces; the last one may have no end. */
export async function forEachLine(
  stream: AsyncIterable<Uint8Array>,
  visit: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) visit(line);
  }
  if (rest !== "") visit(rest);
}
