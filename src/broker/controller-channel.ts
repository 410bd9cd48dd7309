/**
 * The way from a broker to the active controller, wherever that is:
 *
 *            .--- in this process --> a command                       --.
 *   ask  ----|                                                          |--> the reply
 *            '--- on another node --> a request to its controller ------'
 *                                     listener, on the line of the call
 *        ^                                                              |
 *        '---- it has gone, or cannot be reached: a moment later -------'
 *
 * As in Kafka a request is repeated until it is answered by a node that is the active controller,
 * or its time is over; it may then have been carried out all the same.
 */
import { later } from "../base/later.ts";
import { startWait } from "../base/signal.ts";
import type { Clock, Network } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import type { NodePeer } from "../client/node-peer.ts";
import { MetadataStoppedError, NotControllerError } from "../metadata/metadata-errors.ts";
import type { ActiveControllerAddress, MetadataNode } from "../metadata/metadata-node.ts";
import type { BufferPool } from "../protocol/frames/buffer-pool.ts";
import type { ControllerCall, Line } from "./controller-calls.ts";

export interface ControllerChannelOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly pool: BufferPool;
  readonly nodeId: number;
  /** There is none before the node has started. */
  readonly metadata: () => ControllerFinder;
  /** socket.connection.setup.timeout.ms */
  readonly setupTimeoutMs: number;
  /** controller.socket.timeout.ms: how long one attempt may take. */
  readonly attemptTimeoutMs: number;
}

export type ControllerFinder = Pick<
  MetadataNode,
  "isActiveController" | "activeController" | "controllerMoved" | "submit"
>;

/** How something is asked; null where the controller is not there any more. */
export interface Attempt<T> {
  /** May reject with `NotControllerError` instead. */
  here(): Promise<T | null>;
  there(peer: NodePeer, timeoutMs: number): Promise<T | null>;
}

type PeerModule = typeof import("../client/node-peer.ts");
const peerModule = later((): PeerModule => require("../client/node-peer.ts"));

/** As long as Kafka's brokers try to pass on what clients ask. */
export const FORWARDING_MS_MAX = 60_000;
/** Between two attempts, unless the controller moves. */
const RETRY_MS = 50;

const LATE = Symbol("late");

export class ControllerChannel {
  readonly #options: ControllerChannelOptions;
  readonly #peers = new Map<Line, NodePeer>();
  #isClosed = false;

  constructor(options: ControllerChannelOptions) {
    this.#options = options;
  }

  /** Whether it is in this process. */
  get isHere(): boolean {
    return this.#options.metadata().isActiveController;
  }

  /**
   * Rejects with `NodeError` when the time is over, or the controller speaks no version of it; with
   * `MetadataStoppedError` when this node stops. An answer that is under way is waited for as long
   * as `patienceMs`, if that is more.
   */
  ask<Request, Reply>(
    call: ControllerCall<Request, Reply>,
    request: Request,
    timeoutMs: number,
    patienceMs = 0,
  ): Promise<Reply> {
    const { metadata } = this.#options;
    const unlessMisdirected = (reply: Reply) => (call.isMisdirected(reply) ? null : reply);
    const attempt: Attempt<Reply> = {
      here: () => metadata().submit(call.command(request)).then(unlessMisdirected),
      there: (peer, leftMs) => call.send(peer, request, leftMs).then(unlessMisdirected),
    };
    return this.reach(call.line, timeoutMs, attempt, patienceMs);
  }

  /** Tries until one attempt gives something. Rejects as `ask` does, and with what they throw. */
  async reach<T>(line: Line, timeoutMs: number, attempt: Attempt<T>, patienceMs = 0): Promise<T> {
    const { clock, attemptTimeoutMs } = this.#options;
    const endMs = clock.monotonicMs() + timeoutMs;
    let reason = "it is not known which node it is";
    for (let leftMs = timeoutMs; leftMs > 0; leftMs = endMs - clock.monotonicMs()) {
      if (this.#isClosed) throw new MetadataStoppedError("the node is stopping");
      const finder = this.#options.metadata();
      const place = finder.activeController();
      const attemptMs = Math.min(Math.max(leftMs, patienceMs), attemptTimeoutMs);
      try {
        const result = finder.isActiveController
          ? await unlessGone(attempt)
          : await this.#elsewhere(line, place, attemptMs, attempt);
        if (result !== null) return result;
        if (place !== null) reason = `node ${place.id} is not the controller any more`;
      } catch (error) {
        if (!(error instanceof NodeError) || error.reason === "unsupported") throw error;
        reason = error.message;
      }
      await this.#pause(Math.min(RETRY_MS, endMs - clock.monotonicMs()), place);
    }
    throw new NodeError("timedOut", `the active controller cannot be reached: ${reason}`);
  }

  /** Whoever waits is told that the node stops. */
  close(): void {
    this.#isClosed = true;
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  async #elsewhere<T>(
    line: Line,
    place: ActiveControllerAddress | null,
    timeoutMs: number,
    attempt: Attempt<T>,
  ): Promise<T | null> {
    if (place === null) return null;
    const peer = this.#peerAt(line, place);
    const { clock } = this.#options;
    const { controllerMoved } = this.#options.metadata();
    const moved = startWait(clock, [controllerMoved], timeoutMs, () => this.#hasMoved(place));
    const asked = attempt.there(peer, timeoutMs);
    // Where nothing is heard of the machine that it was on, nobody waits for that.
    const gone = moved.result.then(() => (this.#hasMoved(place) ? null : LATE));
    const result = await Promise.race([asked, gone]).finally(() => {
      moved.cancel();
      asked.catch(() => {});
    });
    // Another node, or none, leads by now: look for it with a new connection, as Kafka does.
    if (result === null || result === LATE) this.#drop(line, peer);
    if (result === LATE) throw new NodeError("timedOut", `node ${place.id} did not answer in time`);
    return result;
  }

  #hasMoved(tried: ActiveControllerAddress | null): boolean {
    const place = this.#options.metadata().activeController();
    return place?.host !== tried?.host || place?.port !== tried?.port;
  }

  #peerAt(line: Line, { host, port }: ActiveControllerAddress): NodePeer {
    const known = this.#peers.get(line);
    if (known?.host === host && known.port === port) return known;
    known?.close();
    const { clock, network, pool, nodeId, setupTimeoutMs } = this.#options;
    const clientId = String(nodeId);
    const { NodePeer } = peerModule();
    const peer = new NodePeer({ clock, network, pool, host, port, clientId, setupTimeoutMs });
    this.#peers.set(line, peer);
    return peer;
  }

  #drop(line: Line, peer: NodePeer): void {
    peer.close();
    if (this.#peers.get(line) === peer) this.#peers.delete(line);
  }

  async #pause(timeoutMs: number, tried: ActiveControllerAddress | null): Promise<void> {
    const { clock, metadata } = this.#options;
    const { controllerMoved } = metadata();
    await startWait(clock, [controllerMoved], timeoutMs, () => this.#hasMoved(tried)).result;
  }
}

async function unlessGone<T>(attempt: Attempt<T>): Promise<T | null> {
  try {
    return await attempt.here();
  } catch (error) {
    const isGone = error instanceof NotControllerError && !(error instanceof MetadataStoppedError);
    if (isGone) return null;
    throw error;
  }
}
