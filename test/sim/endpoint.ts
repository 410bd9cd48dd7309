/** One end of a connection, for tests: notes its events, and sends with a queue of its own. */
import type { Signal } from "../../src/base/signal.ts";
import type { DiskFile, Socket, SocketHandler } from "../../src/base/world.ts";

export class Endpoint implements SocketHandler {
  socket!: Socket;
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  receivedSize = 0;
  drains = 0;
  isEnded = false;
  isClosed = false;
  closeReason: string | null = null;
  /** Called for each chunk, in place of keeping it. */
  onData: ((chunk: Buffer) => void) | null = null;
  onEnd: (() => void) | null = null;
  #sends: Send[] = [];
  #shutdownWhenSent = false;

  /** `moved` moves at every event. */
  constructor(readonly moved: Signal) {}

  get isSent(): boolean {
    return this.#sends.length === 0;
  }

  received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Sends all of it, as the socket takes it. */
  send(bytes: Uint8Array): void {
    this.#sends.push({ bytes, file: null, at: 0, end: bytes.length });
    if (this.#sends.length === 1) this.#flush();
  }

  sendFile(file: DiskFile, position: number, length: number): void {
    this.#sends.push({ bytes: null, file, at: position, end: position + length });
    if (this.#sends.length === 1) this.#flush();
  }

  /** FIN, behind all that is to be sent. */
  finish(): void {
    this.#shutdownWhenSent = true;
    this.#flush();
  }

  data(chunk: Buffer): void {
    this.receivedSize += chunk.length;
    if (this.events.at(-1) !== "data") this.events.push("data");
    if (this.onData === null) this.chunks.push(chunk);
    else this.onData(chunk);
    this.moved.move();
  }

  drain(): void {
    this.drains++;
    this.#flush();
    this.moved.move();
  }

  end(): void {
    this.isEnded = true;
    this.events.push("end");
    this.onEnd?.();
    this.moved.move();
  }

  close(reason: string | null): void {
    this.isClosed = true;
    this.closeReason = reason;
    this.events.push("close");
    this.moved.move();
  }

  #flush(): void {
    for (;;) {
      const send = this.#sends[0];
      if (send === undefined) break;
      const left = send.end - send.at;
      const taken = this.#pass(send, left);
      if (taken === -1) return;
      send.at += taken;
      if (taken < left) return;
      this.#sends.shift();
    }
    if (this.#shutdownWhenSent) this.socket.shutdown();
  }

  #pass({ bytes, file, at }: Send, left: number): number {
    if (file !== null) return this.socket.sendFile(file, at, left);
    // Whatever stands behind it follows at once.
    const isFollowed = this.#sends.length > 1;
    return isFollowed
      ? this.socket.writeAhead(bytes, at, left)
      : this.socket.write(bytes, at, left);
  }
}

type Send =
  | { readonly bytes: Uint8Array; readonly file: null; at: number; readonly end: number }
  | { readonly bytes: null; readonly file: DiskFile; at: number; readonly end: number };
