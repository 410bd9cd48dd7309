/**
 * A controller in the image of the cluster (KIP-919): Kafka's ControllerRegistrationManager. Active
 * or not, it says where it is and what it can, and again whenever the image has it otherwise.
 */
import type { Logger } from "../base/logger.ts";
import type { Clock, Timer } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import type { MetadataDelta } from "../metadata/delta.ts";
import type { ControllerRegistration as Registered } from "../metadata/cluster-image.ts";
import { CONTROLLER_REGISTRATION_LEVEL } from "../metadata/features.ts";
import { MetadataStoppedError } from "../metadata/metadata-errors.ts";
import type { MetadataNode } from "../metadata/metadata-node.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { REGISTER_CONTROLLER } from "./controller-calls.ts";
import type { ControllerChannel } from "./controller-channel.ts";
import { type NodeIdentity, endpointsOf, featuresOf } from "./node-identity.ts";

export interface ControllerRegistrationOptions extends NodeIdentity {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metadata: MetadataNode;
  readonly controller: ControllerChannel;
}

const TIMEOUT_MS = 5000;
/** After a failure: doubled each time. */
const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 120_000;
/**
 * After another controller has taken the place of this one: Kafka's two would fill the log with
 * their registrations, as fast as the quorum commits.
 */
const RIVAL_BACKOFF_MS = 1000;
const RIVAL_BACKOFF_MS_MAX = 30_000;

export class ControllerRegistration {
  readonly #options: ControllerRegistrationOptions;
  #isAsking = false;
  #failureCount = 0;
  #wasRegistered = false;
  #rivalCount = 0;
  #timer: Timer | null = null;
  #isStopped = false;

  constructor(options: ControllerRegistrationOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.metadata.watch((delta) => this.#changed(delta));
    this.#registerIfMissing();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  get #registered(): Registered | null {
    const { metadata, nodeId } = this.#options;
    return metadata.image.cluster.controllers.get(nodeId) ?? null;
  }

  get #isRegistered(): boolean {
    return this.#registered?.incarnationId === this.#options.incarnationId;
  }

  #changed(delta: MetadataDelta): void {
    const isOther = delta.changedControllers.has(this.#options.nodeId);
    if (isOther && this.#isRegistered) this.#wasRegistered = true;
    else if (isOther && this.#wasRegistered && this.#registered !== null) {
      return this.#giveWay(this.#registered);
    }
    if (isOther || delta.changedFeatures.size > 0) this.#registerIfMissing();
  }

  /** For a while: two processes have one id, and only one of them is right. */
  #giveWay({ endpoints: [endpoint] }: Registered): void {
    const { logger, nodeId } = this.#options;
    if (this.#isStopped || this.#timer !== null) return;
    const where = endpoint === undefined ? "" : ` at ${endpoint.host}:${endpoint.port}`;
    const what = `another controller${where} has registered with the id of this one, ${nodeId}`;
    if (this.#rivalCount === 0) logger.error(what);
    const delayMs = Math.min(RIVAL_BACKOFF_MS * 2 ** this.#rivalCount, RIVAL_BACKOFF_MS_MAX);
    this.#rivalCount++;
    this.#registerAfter(delayMs);
  }

  #registerIfMissing(): void {
    const { metadata } = this.#options;
    if (this.#isStopped || this.#isAsking || this.#timer !== null || this.#isRegistered) return;
    if (metadata.image.metadataVersion < CONTROLLER_REGISTRATION_LEVEL) return;
    this.#isAsking = true;
    void this.#register().finally(() => {
      this.#isAsking = false;
    });
  }

  async #register(): Promise<void> {
    const { controller, nodeId, incarnationId } = this.#options;
    const request = {
      controllerId: nodeId,
      incarnationId,
      zkMigrationReady: false,
      listeners: endpointsOf(this.#options),
      features: featuresOf(this.#options),
    };
    try {
      const reply = await controller.ask(REGISTER_CONTROLLER, request, TIMEOUT_MS);
      if (reply.errorCode === ErrorCode.NONE) this.#failureCount = 0;
      else this.#tryLater(reply.errorMessage ?? errorName(reply.errorCode));
    } catch (error) {
      if (error instanceof MetadataStoppedError) return;
      if (!(error instanceof NodeError)) throw error;
      this.#tryLater(error.message);
    }
  }

  #tryLater(reason: string): void {
    if (this.#isStopped || this.#timer !== null) return;
    this.#options.logger.info(`this controller is not registered yet: ${reason}`);
    const delayMs = Math.min(BACKOFF_MS * 2 ** this.#failureCount, BACKOFF_MS_MAX);
    this.#failureCount++;
    this.#registerAfter(delayMs);
  }

  #registerAfter(delayMs: number): void {
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      this.#timer = null;
      this.#registerIfMissing();
    });
  }
}
