/** Lines that a child process says, one after the other; to wait for more than it says is an error. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, string> {
  let text = "";
  for await (const chunk of stream) {
    text += Buffer.from(chunk).toString();
    const whole = text.split("\n");
    text = whole.pop() ?? "";
    yield* whole;
  }
  throw new Error("the process ended");
}
