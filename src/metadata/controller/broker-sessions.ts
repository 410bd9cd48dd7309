/**
 * What the active controller knows of brokers beyond the log: when each was last heard of, how far
 * it has read the log, and since when it wants to stop. Lost when leadership is: a new leader
 * gives every unfenced broker a fresh session.
 */
import type { Clock } from "../../base/world.ts";
import type { MetadataImage } from "../image.ts";

interface BrokerSession {
  /** The incarnation that was heard; an older one's word does not count. */
  epoch: number;
  /** Monotonic; null while the broker has no session. */
  lastHeardMs: number | null;
  /** The last record of the log that the broker says it has. */
  metadataOffset: number;
  /** The end of the records that took leadership from it; -1 unless it wants to stop. */
  controlledShutdownOffset: number;
}

export class BrokerSessions {
  readonly #clock: Clock;
  readonly #sessionTimeoutMs: number;
  readonly #sessions = new Map<number, BrokerSession>();
  /** The broker in this process: once heard, it lives as long as the controller does. */
  #ownId = -1;
  #activatedMs = 0;

  constructor(clock: Clock, sessionTimeoutMs: number) {
    this.#clock = clock;
    this.#sessionTimeoutMs = sessionTimeoutMs;
  }

  /**
   * Forgets everything; unfenced brokers count as heard of just now. Not so `ownId`: the
   * incarnation that the log knows of may have died with the process before this one. Where it
   * lives it is heard of in time.
   */
  activate(image: MetadataImage, ownId: number): void {
    this.#sessions.clear();
    this.#ownId = ownId;
    this.#activatedMs = this.#clock.monotonicMs();
    for (const broker of image.cluster.brokers.values()) {
      if (!broker.fenced && broker.id !== ownId) this.heard(broker.id, broker.epoch);
    }
  }

  /** Whether any broker but this node's own has a session, valid or not. */
  get hasOthers(): boolean {
    return this.#sessions.size > (this.#sessions.has(this.#ownId) ? 1 : 0);
  }

  hasValidSession(brokerId: number, epoch: number): boolean {
    const session = this.#sessions.get(brokerId);
    if (session?.epoch !== epoch || session.lastHeardMs === null) return false;
    if (brokerId === this.#ownId) return true;
    return this.#clock.monotonicMs() - session.lastHeardMs <= this.#sessionTimeoutMs;
  }

  /** This process stood still for so long: nobody could be heard. */
  stoodStill(durationMs: number): void {
    this.#activatedMs += durationMs;
    for (const session of this.#sessions.values()) {
      if (session.lastHeardMs !== null) session.lastHeardMs += durationMs;
    }
  }

  /** 0 for whoever has no session. */
  silenceMs(brokerId: number): number {
    const heardMs = this.#sessions.get(brokerId)?.lastHeardMs ?? null;
    return heardMs === null ? 0 : this.#clock.monotonicMs() - heardMs;
  }

  heard(brokerId: number, epoch: number): void {
    this.#of(brokerId, epoch).lastHeardMs = this.#clock.monotonicMs();
  }

  hasReached(brokerId: number, epoch: number, metadataOffset: number): void {
    this.#of(brokerId, epoch).metadataOffset = metadataOffset;
  }

  forget(brokerId: number): void {
    this.#sessions.delete(brokerId);
  }

  controlledShutdownOffset(brokerId: number): number {
    return this.#sessions.get(brokerId)?.controlledShutdownOffset ?? -1;
  }

  controlledShutdownStarted(brokerId: number, epoch: number, offset: number): void {
    const session = this.#of(brokerId, epoch);
    if (session.controlledShutdownOffset < 0) session.controlledShutdownOffset = offset;
  }

  /** How far the slowest broker that goes on working has read; Infinity when there is none. */
  lowestActiveOffset(image: MetadataImage): number {
    let lowest = Infinity;
    for (const [brokerId, session] of this.#sessions) {
      if (session.controlledShutdownOffset >= 0 || !image.cluster.isActive(brokerId)) continue;
      lowest = Math.min(lowest, session.metadataOffset);
    }
    const isUnheard = !this.#sessions.has(this.#ownId) && image.cluster.isActive(this.#ownId);
    return isUnheard ? -1 : lowest;
  }

  /** An unfenced broker that was not heard of for too long; sessions of no use are dropped. */
  findExpired(image: MetadataImage): number | null {
    for (const broker of image.cluster.brokers.values()) {
      if (!broker.fenced && this.#isExpired(broker.id, broker.epoch)) return broker.id;
    }
    for (const [brokerId, session] of this.#sessions) {
      if (!this.hasValidSession(brokerId, session.epoch)) this.#sessions.delete(brokerId);
    }
    return null;
  }

  #isExpired(brokerId: number, epoch: number): boolean {
    if (this.hasValidSession(brokerId, epoch)) return false;
    const isUnheard = brokerId === this.#ownId && !this.#sessions.has(brokerId);
    if (!isUnheard) return true;
    return this.#clock.monotonicMs() - this.#activatedMs > this.#sessionTimeoutMs;
  }

  #of(brokerId: number, epoch: number): BrokerSession {
    const known = this.#sessions.get(brokerId);
    if (known?.epoch === epoch) return known;
    const session: BrokerSession = {
      epoch,
      lastHeardMs: null,
      metadataOffset: -1,
      controlledShutdownOffset: -1,
    };
    this.#sessions.set(brokerId, session);
    return session;
  }
}
