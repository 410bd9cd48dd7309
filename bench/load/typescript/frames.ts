/** A connection that sends frames, in order, and hands over whole answers. */

export class Frames {
  #socket: Bun.Socket | null = null;
  #unsent: { readonly bytes: Uint8Array; from: number }[] = [];
  #chunks: Buffer[] = [];
  #received = 0;
  #wanted = 4;
  readonly #take: (answer: Buffer) => void;

  /** `take` gets each answer with its size in front. */
  static async open(host: string, port: number, take: (answer: Buffer) => void): Promise<Frames> {
    const frames = new Frames(take);
    frames.#socket = await Bun.connect({
      hostname: host,
      port,
      socket: {
        data: (_, chunk) => frames.#data(chunk),
        drain: () => frames.flush(),
        close: () => fail("the broker closed the connection"),
      },
    });
    return frames;
  }

  private constructor(take: (answer: Buffer) => void) {
    this.#take = take;
  }

  queue(bytes: Uint8Array): void {
    this.#unsent.push({ bytes, from: 0 });
  }

  flush(): void {
    let sent = 0;
    for (const part of this.#unsent) {
      const taken = this.#socket!.write(part.bytes, part.from, part.bytes.length - part.from);
      if (taken > 0) part.from += taken;
      if (part.from < part.bytes.length) break;
      sent++;
    }
    this.#unsent.splice(0, sent);
  }

  #data(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#received += chunk.length;
    if (this.#received < this.#wanted) return;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let position = 0;
    this.#wanted = 4;
    while (bytes.length - position >= 4) {
      const size = 4 + bytes.readInt32BE(position);
      if (bytes.length - position < size) {
        this.#wanted = size;
        break;
      }
      this.#take(bytes.subarray(position, position + size));
      position += size;
    }
    this.#chunks = position === bytes.length ? [] : [bytes.subarray(position)];
    this.#received = bytes.length - position;
    this.flush();
  }
}

export function fail(reason: string): never {
  console.error(`load: ${reason}`);
  process.exit(1);
}
