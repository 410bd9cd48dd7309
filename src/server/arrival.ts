/** A socket that has been accepted and is not a connection yet, or never becomes one. */
import type { Clock, Socket, SocketHandler } from "../base/world.ts";
import type { Visitor } from "./connection-gate.ts";

export interface ArrivalEvents {
  /** It is let in: what handles the socket from here on. */
  readonly admitted: (socket: Socket) => SocketHandler;
  readonly refused: (address: string, reason: string) => void;
}

export class Arrival implements Visitor, SocketHandler {
  readonly address: string;
  isGone = false;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #events: ArrivalEvents;
  #handler: SocketHandler | null = null;
  #waits = false;

  constructor(socket: Socket, clock: Clock, events: ArrivalEvents) {
    this.address = socket.remoteAddress;
    this.#socket = socket;
    this.#clock = clock;
    this.#events = events;
  }

  /** What the socket's events go to, as far as is known now. */
  get handler(): SocketHandler {
    return this.#handler ?? this;
  }

  admit(): void {
    this.#handler = this.#events.admitted(this.#socket);
    if (this.#waits) this.#socket.resume();
  }

  wait(): void {
    this.#waits = true;
    this.#socket.pause();
  }

  refuse(reason: string, delayMs: number): void {
    this.#events.refused(this.address, reason);
    if (delayMs > 0) {
      this.wait();
      this.#clock.schedule(delayMs, () => this.#socket.terminate());
    } else {
      this.#socket.terminate();
    }
  }

  data(chunk: Buffer): void {
    this.#handler?.data(chunk);
  }

  drain(): void {
    this.#handler?.drain();
  }

  end(): void {
    this.#handler?.end();
  }

  close(reason: string | null): void {
    this.isGone = true;
    this.#handler?.close(reason);
  }
}
