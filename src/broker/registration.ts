/**
 * This broker in the image of the cluster, from its start to its end: Kafka's
 * BrokerLifecycleManager.
 *
 *   enter    BrokerRegistration, until the controller takes it      -> it has a broker epoch
 *   unfence  heartbeats; it wants no fence any more                 -> clients are told of it
 *   ...      a heartbeat every broker.heartbeat.interval.ms, and at once where there is news
 *   leave    it wants to stop: the controller gives its leaderships to others and lets it go
 *
 * One heartbeat is under way at a time. A broker that is alone with the controller of its own
 * process sends one only where there is news: nobody could take its place.
 */
import type { Logger } from "../base/logger.ts";
import { Signal, startWait, type Wait, waitUntil } from "../base/signal.ts";
import { type Clock, DiskError, type Timer } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import { LogStartupError } from "../log/log-startup-error.ts";
import { CORDONED_DIRECTORIES_LEVEL, DIRECTORIES_LEVEL } from "../metadata/features.ts";
import type { MetadataDelta } from "../metadata/delta.ts";
import { MetadataStoppedError } from "../metadata/metadata-errors.ts";
import type { MetadataNode } from "../metadata/metadata-node.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { BROKER_HEARTBEAT, REGISTER_BROKER } from "./controller-calls.ts";
import type { ControllerChannel } from "./controller-channel.ts";
import {
  type AdvertisedListener,
  type NodeIdentity,
  endpointsOf,
  featuresOf,
} from "./node-identity.ts";

export interface RegistrationOptions extends NodeIdentity {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metadata: MetadataNode;
  readonly controller: ControllerChannel;
  readonly clusterId: string;
  readonly rack: string | null;
  readonly listeners: readonly AdvertisedListener[];
  /** Ids of the log directories that are online. */
  readonly directoryIds: readonly string[];
  /** KIP-1066: ids of the directories that get no new replicas. */
  readonly cordonedIds: () => string[];
  /** Of the last clean stop; -1 when there was none. */
  readonly previousBrokerEpoch: number;
  /** broker.heartbeat.interval.ms */
  readonly heartbeatIntervalMs: number;
  /** broker.session.timeout.ms */
  readonly sessionTimeoutMs: number;
  /** initial.broker.registration.timeout.ms */
  readonly registrationTimeoutMs: number;
  readonly controlledShutdownEnable: boolean;
  /** log.dir.failure.timeout.ms */
  readonly dirFailureTimeoutMs: number;
  /** The controller could not be told that a directory failed. */
  readonly fatal: (error: unknown) => void;
}

/** What the controller can give soon is asked for again soon; doubled up to the usual interval. */
const HURRY_MS_MIN = 50;
/** As long as Kafka's nodes wait for the controller to let them go. */
const STOP_MS_MAX = 300_000;
/** Who stops does not wait longer for a controller that is away. */
const UNHEARD_HEARTBEATS = 2;
/** How long a heartbeat that says so may take where all others have left before. */
const TELL_MS_MAX = 500;
/** Alone there is nobody to hand leadership to: it needs a few heartbeats, not many. */
const ALONE_STOP_BEATS_MAX = 20;
/** What no other attempt could mend. */
const HOPELESS: ReadonlySet<number> = new Set([ErrorCode.INCONSISTENT_CLUSTER_ID]);

export class Registration {
  readonly #options: RegistrationOptions;
  /** Moves with the image, and with each answer to a heartbeat. */
  readonly #moved = new Signal();
  /** Directories that failed: whether the controller knows. */
  readonly #offline = new Map<string, boolean>();
  #brokerEpoch = -1;
  #wantsFence = true;
  #wantsShutDown = false;
  #isFenced = true;
  #mayShutDown = false;
  #timer: Timer | null = null;
  #beating: Promise<void> | null = null;
  #hurryMs = HURRY_MS_MIN;
  #answeredMs = 0;
  /** There is news that the heartbeat under way does not tell. */
  #isBeatDue = false;
  #isAmending = false;
  #isOver = false;
  /** While it is alone. */
  #company: Wait | null = null;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** -1 before the node is registered. */
  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  /** Nobody could take over from this broker, and its controller sees that it lives. */
  get isAlone(): boolean {
    const { metadata } = this.#options;
    const isOnlyBroker = metadata.image.cluster.brokers.size <= 1;
    return metadata.isActiveController && metadata.isOnlyVoter && isOnlyBroker;
  }

  /**
   * Registers, and waits until the image of this node has it. Throws `LogStartupError` when the
   * controller has refused, or was not there, for too long.
   */
  async enter(): Promise<void> {
    const { clock, logger, metadata, nodeId, registrationTimeoutMs } = this.#options;
    const endMs = clock.monotonicMs() + registrationTimeoutMs;
    metadata.watch((delta) => this.#imageChanged(delta));
    while (!this.#isOver) {
      const reason = await this.#register();
      if (reason === null) break;
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) throw new LogStartupError(`This broker could not be registered: ${reason}`);
      logger.warn(`this broker is not registered yet: ${reason}`);
      await this.#sleep(Math.min(leftMs, this.#options.heartbeatIntervalMs));
    }
    logger.info(`registered with broker epoch ${this.#brokerEpoch}`);
    if (!this.isAlone) this.#beatIn(0);
    const isInImage = () => metadata.image.cluster.broker(nodeId)?.epoch === this.#brokerEpoch;
    await waitUntil(clock, [this.#moved], Infinity, () => isInImage() || this.#isOver);
  }

  /** From here on clients may be told of this broker. Resolves when the controller says so. */
  async unfence(): Promise<void> {
    const { clock, metadata, nodeId } = this.#options;
    this.#wantsFence = false;
    await this.#beatNow();
    const isSeen = () => metadata.image.cluster.broker(nodeId)?.fenced === false;
    const isDone = () => (!this.#isFenced && isSeen()) || this.#isOver;
    await waitUntil(clock, [this.#moved], Infinity, isDone);
  }

  directoryFailed(directoryId: string): void {
    const { clock, dirFailureTimeoutMs, fatal } = this.#options;
    this.#offline.set(directoryId, false);
    if (this.#brokerEpoch !== -1) this.#beatIn(0);
    clock.schedule(dirFailureTimeoutMs, () => {
      if (this.#isOver || this.#offline.get(directoryId) === true) return;
      fatal(new Error(`the controller could not be told that log directory ${directoryId} failed`));
    });
  }

  directoriesCordoned(): void {
    if (this.#brokerEpoch !== -1) this.#beatIn(0);
  }

  /** Returns when the controller has let this broker go, or cannot any more. */
  async leave(): Promise<void> {
    const { clock, logger } = this.#options;
    const isKnown = this.#brokerEpoch !== -1 && !this.#isOver;
    if (!isKnown || !this.#options.controlledShutdownEnable) return this.stop();
    this.#wantsShutDown = true;
    const isDone = () => this.#mayShutDown || this.#isOver;
    for (let count = 0; count < ALONE_STOP_BEATS_MAX && this.isAlone && !isDone(); count++) {
      await this.#beatNow();
    }
    if (!this.isAlone && !isDone()) {
      this.#answeredMs = clock.monotonicMs();
      // The others are to know of it, who may be about to leave as well; but they may be gone.
      const told = waitUntil(clock, [this.#moved], TELL_MS_MAX, () => this.#isOver);
      await Promise.race([this.#beatNow(), told]);
      const isOver = () => isDone() || this.#isLast || this.#isUnheard;
      await waitUntil(clock, [this.#moved], STOP_MS_MAX, isOver);
      if (!isDone() && !this.#isLast) {
        logger.error("the controller did not let this broker go in time");
      }
    }
    this.stop();
  }

  /** There is no controller, as where all nodes stop at once, and there may never be one. */
  get #isUnheard(): boolean {
    const { clock, heartbeatIntervalMs } = this.#options;
    return clock.monotonicMs() - this.#answeredMs > UNHEARD_HEARTBEATS * heartbeatIntervalMs;
  }

  /** Nobody is left to take over: all others are gone, or about to go. */
  get #isLast(): boolean {
    const { metadata, nodeId } = this.#options;
    const { cluster } = metadata.image;
    return [...cluster.brokers.keys()].every((id) => id === nodeId || !cluster.isActive(id));
  }

  /** Sends nothing any more. */
  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#company?.cancel();
    this.#moved.move();
  }

  /** Null when it is done, else why it is not. */
  async #register(): Promise<string | null> {
    const { controller, heartbeatIntervalMs } = this.#options;
    try {
      const reply = await controller.ask(REGISTER_BROKER, this.#request(), heartbeatIntervalMs);
      if (reply.errorCode === ErrorCode.NONE) {
        this.#brokerEpoch = reply.brokerEpoch;
        return null;
      }
      const reason = reply.errorMessage ?? errorName(reply.errorCode);
      if (!HOPELESS.has(reply.errorCode)) return reason;
      throw new LogStartupError(`This broker could not be registered: ${reason}`);
    } catch (error) {
      if (error instanceof NodeError) return error.message;
      throw error;
    }
  }

  #imageChanged(delta: MetadataDelta): void {
    this.#moved.move();
    const { nodeId, metadata } = this.#options;
    // Who wants to stop waits until all others are known to have read who leads in its place.
    const isAwaited = [...delta.changedBrokers].some(
      (id) => id !== nodeId && metadata.image.cluster.broker(id)?.inControlledShutdown === true,
    );
    if (isAwaited && this.#brokerEpoch !== -1) this.#beatIn(0);
    if (delta.changedFeatures.size > 0 || delta.changedBrokers.has(nodeId)) this.#amendIfPoor();
    // It may have company now.
    const isIdle = this.#timer === null && this.#beating === null;
    if (isIdle && this.#brokerEpoch !== -1) this.#beatLater();
  }

  /** An upgrade has given registrations log directories, which this one lacks (KIP-858). */
  #amendIfPoor(): void {
    const { metadata, nodeId, directoryIds, logger } = this.#options;
    const { cluster, metadataVersion } = metadata.image;
    const own = cluster.broker(nodeId);
    if (own === null || own.epoch !== this.#brokerEpoch || this.#isOver) return;
    const lacksThem = own.directories.length === 0 && directoryIds.length > 0;
    if (!lacksThem || metadataVersion < DIRECTORIES_LEVEL || this.#isAmending) return;
    this.#isAmending = true;
    void this.#register().then((reason) => {
      this.#isAmending = false;
      if (reason === null) return;
      logger.warn(`the registration of this broker could not be amended: ${reason}`);
      void this.#sleep(this.#options.heartbeatIntervalMs).then(() => this.#amendIfPoor());
    });
  }

  #beatLater(): void {
    const { clock, metadata, heartbeatIntervalMs } = this.#options;
    if (this.#isOver) return;
    if (!this.isAlone) return this.#beatIn(heartbeatIntervalMs);
    if (this.#company !== null) return;
    this.#company = startWait(clock, [metadata.controllerMoved], Infinity, () => !this.isAlone);
    void this.#company.result.then(() => {
      this.#company = null;
      if (this.#timer === null) this.#beatLater();
    });
  }

  #beatIn(delayMs: number): void {
    if (this.#isOver) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(delayMs, () => void this.#beatNow());
  }

  /** Resolves when all there is to say was answered, or could not be. */
  #beatNow(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#timer?.cancel();
    this.#timer = null;
    this.#isBeatDue = true;
    this.#beating ??= this.#beatWhileDue();
    return this.#beating;
  }

  async #beatWhileDue(): Promise<void> {
    while (this.#isBeatDue && !this.#isOver) {
      this.#isBeatDue = false;
      await this.#beat();
    }
    this.#beating = null;
    if (!this.#isWaiting || this.isAlone) this.#hurryMs = HURRY_MS_MIN;
    else if (this.#hurryMs < this.#options.heartbeatIntervalMs) {
      this.#beatIn(this.#hurryMs);
      this.#hurryMs *= 2;
      return;
    }
    this.#beatLater();
  }

  /** The controller has not yet given what this broker wants. */
  get #isWaiting(): boolean {
    return this.#wantsShutDown ? !this.#mayShutDown : this.#isFenced && !this.#wantsFence;
  }

  async #beat(): Promise<void> {
    const { controller, heartbeatIntervalMs, sessionTimeoutMs, logger } = this.#options;
    // A slow controller has heard it: who begins anew on a new connection is heard later still.
    const patienceMs = sessionTimeoutMs / 2;
    const offline = [...this.#offline.keys()];
    try {
      const request = this.#heartbeat(offline);
      const reply = await controller.ask(
        BROKER_HEARTBEAT,
        request,
        heartbeatIntervalMs,
        patienceMs,
      );
      this.#answeredMs = this.#options.clock.monotonicMs();
      if (reply.errorCode === ErrorCode.NONE) {
        for (const directory of offline) this.#offline.set(directory, true);
        this.#isFenced = reply.isFenced;
        this.#mayShutDown = reply.shouldShutDown;
      } else {
        const why = reply.errorMessage ?? errorName(reply.errorCode);
        logger.warn(`the controller refuses the heartbeat of this broker: ${why}`);
        // It knows another incarnation, or none: this one has nothing to hand over.
        this.#mayShutDown = this.#wantsShutDown;
      }
    } catch (error) {
      // A disk that failed has stopped the node by now.
      if (error instanceof MetadataStoppedError || error instanceof DiskError) return this.stop();
      if (!(error instanceof NodeError)) throw error;
      logger.warn(`no heartbeat was answered: ${error.message}`);
    }
    this.#moved.move();
  }

  #heartbeat(offlineLogDirs: string[]) {
    const { metadata, nodeId, cordonedIds } = this.#options;
    const saysCordoned = metadata.image.metadataVersion >= CORDONED_DIRECTORIES_LEVEL;
    return {
      brokerId: nodeId,
      brokerEpoch: this.#brokerEpoch,
      currentMetadataOffset: metadata.lastOffset,
      wantFence: this.#wantsFence,
      wantShutDown: this.#wantsShutDown,
      offlineLogDirs,
      cordonedLogDirs: saysCordoned ? cordonedIds() : null,
    };
  }

  #request() {
    const { nodeId, incarnationId, clusterId, rack, directoryIds } = this.#options;
    return {
      brokerId: nodeId,
      clusterId,
      incarnationId,
      listeners: endpointsOf(this.#options),
      features: featuresOf(this.#options),
      rack,
      isMigratingZkBroker: false,
      logDirs: [...directoryIds],
      previousBrokerEpoch: this.#options.previousBrokerEpoch,
    };
  }

  /** Unless it is known meanwhile that the controller is elsewhere. */
  #sleep(delayMs: number): Promise<boolean> {
    const { clock, metadata } = this.#options;
    const before = metadata.activeController()?.id;
    const hasMoved = () => metadata.activeController()?.id !== before;
    const signals = [this.#moved, metadata.controllerMoved];
    return waitUntil(clock, signals, delayMs, () => this.#isOver || hasMoved());
  }
}
