/**
 * A node put together, and how it starts and stops.
 *
 *   open    directories formatted or found, identified, locked      -> the cluster has an id
 *   start   metadata log replayed, this node leads it               -> there is an image
 *           logs of all partitions opened                           -> there is something to serve
 *           registered, unfenced                                    -> clients are told of it
 *   stop    coordinators, metadata, then logs with their marker
 *
 * The server listens between `open` and `start`: a port that was left to chance is known by then.
 */
import { assert } from "../base/assert.ts";
import { later } from "../base/later.ts";
import { startWait, type Wait } from "../base/signal.ts";
import type { LogLevels } from "../base/log-levels.ts";
import type { Logger } from "../base/logger.ts";
import { randomUuid } from "../base/uuid.ts";
import type { DiskError, World } from "../base/world.ts";
import type { GroupCoordinator } from "../coordinator/group/group-coordinator.ts";
import type { ShareStatePersister } from "../coordinator/share/persister.ts";
import type { ShareCoordinator } from "../coordinator/share/share-coordinator.ts";
import type { TransactionVerifier } from "../coordinator/transaction/participants.ts";
import type { TransactionCoordinator } from "../coordinator/transaction/transaction-coordinator.ts";
import type { ExpectedLog } from "../log/loaded-logs.ts";
import type { LogDirectory } from "../log/log-directory.ts";
import { type LogManager, openLogManager } from "../log/log-manager.ts";
import { ConfigResourceType } from "../metadata/configs-image.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { MetadataNode } from "../metadata/metadata-node.ts";
import { directoryOf } from "../metadata/partition-registration.ts";
import { GatheredAppends } from "../partition/gathered-appends.ts";
import { Partitions } from "../partition/partitions.ts";
import { BufferPool } from "../protocol/frames/buffer-pool.ts";
import type { Broker } from "./broker.ts";
import type { BrokerPeers } from "./broker-peers.ts";
import type { BrokerWatch } from "./broker-watch.ts";
import { ALLOCATE_PRODUCER_IDS, createTopicsFor } from "./controller-calls.ts";
import { ControllerChannel, FORWARDING_MS_MAX } from "./controller-channel.ts";
import { ControllerRegistration } from "./controller-registration.ts";
import { Coordinators } from "./coordinators.ts";
import { DirectoryAssignments } from "./directory-assignments.ts";
import { followBrokerSettings } from "./follow-broker-settings.ts";
import { FetchSessions } from "./fetch-sessions.ts";
import { openStorage, type Storage } from "./format-storage.ts";
import { logSettings, metadataSettings } from "./log-settings.ts";
import { LogDirMoves } from "./log-dir-moves.ts";
import { MetadataPublisher } from "./metadata-publisher.ts";
import { ProducerIds } from "./producer-ids.ts";
import { quorumSettings, staticVoters } from "./quorum-settings.ts";
import { Quotas } from "./quotas/quotas.ts";
import { ReplicationManager } from "./replication-manager.ts";
import { Registration } from "./registration.ts";
import type { ShareFetching } from "./share/share-fetching.ts";
import { configRules } from "./settings/config-rules.ts";
import {
  cordonedDirectories,
  isBroker,
  isController,
  logDirectories,
  metadataDirectory,
} from "./settings/effective.ts";
import { type Listeners, readListeners, withPortsAndHost } from "./settings/listeners.ts";
import { otlpTarget } from "./settings/own-settings.ts";
import type { Settings } from "./settings/settings.ts";
import { topicLogConfig } from "./settings/topic-log-config.ts";
import { setStraysAside } from "./stray-logs.ts";
import { SUPPORTED_FEATURES } from "./supported-features.ts";
import type { ClientTelemetry } from "./telemetry/client-telemetry.ts";
import { TopicCreation } from "./topic-creation.ts";
import { TxnMarkerWriter } from "./txn-marker-writer.ts";

export interface BrokerOptions {
  readonly world: World;
  readonly logger: Logger;
  /** Of `logger` and its children. */
  readonly logLevels: LogLevels;
  readonly settings: Settings;
  /** What clients are told where a listener names no host. */
  readonly hostName: string;
  /** The node cannot go on: a bug, or a disk that it cannot do without. */
  readonly fatal: (error: unknown) => void;
}

type PeersModule = typeof import("./broker-peers.ts");
const peersModule = later((): PeersModule => require("./broker-peers.ts"));

type TelemetryModule = typeof import("./telemetry/make-telemetry.ts");
const telemetryModule = later((): TelemetryModule => require("./telemetry/make-telemetry.ts"));

type WatchModule = typeof import("./broker-watch.ts");
const watchModule = later((): WatchModule => require("./broker-watch.ts"));

export class BrokerNode implements Broker {
  readonly world: World;
  readonly logger: Logger;
  readonly logLevels: LogLevels;
  readonly settings: Settings;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly listeners: Listeners;
  readonly logs: LogManager;
  readonly partitions = new Partitions();
  readonly gatheredAppends: GatheredAppends;
  readonly controller: ControllerChannel;
  readonly fetchSessions: FetchSessions;
  readonly replication: ReplicationManager;
  readonly producerIds: ProducerIds;
  readonly quotas: Quotas;
  readonly topicCreation: TopicCreation;
  readonly telemetry: ClientTelemetry | null;
  readonly supportedFeatures = SUPPORTED_FEATURES;
  readonly txnMarkers: TxnMarkerWriter;
  /** For what other nodes answer. */
  readonly buffers = new BufferPool(ANSWERS_KEPT_BYTES, ANSWER_SIZE_MAX);
  readonly #options: BrokerOptions;
  readonly #storage: Storage;
  readonly #coordinators = new Coordinators(this);
  #metadata: MetadataNode | null = null;
  #ports: ReadonlyMap<string, number> = new Map();
  readonly #brokerWatch = later(() => {
    const { world, logger, metadata } = this;
    const { BrokerWatch } = watchModule();
    const { clock, network } = world;
    const options = { clock, network, logger: logger.child("metadata"), metadata };
    return new BrokerWatch({ ...options, nodeId: this.nodeId });
  });
  #registration: Registration | null = null;
  #controllerFollower: Wait | null = null;
  #controllerRegistration: ControllerRegistration | null = null;
  #publisher: MetadataPublisher | null = null;
  #logDirMoves: LogDirMoves | null = null;
  #assignments: DirectoryAssignments | null = null;

  /** Throws `LogStartupError`, `FormatError`, `MetaPropertiesError` or `DiskError`: one line. */
  static async open(options: BrokerOptions): Promise<BrokerNode> {
    const { world, settings, logger } = options;
    const say = (line: string) => logger.info(line);
    const storage = await openStorage(world, settings, SUPPORTED_FEATURES, say);
    return new BrokerNode(options, storage);
  }

  private constructor(options: BrokerOptions, storage: Storage) {
    const { world, settings, logger } = options;
    const { clock, random } = world;
    this.#options = options;
    this.#storage = storage;
    this.world = world;
    this.logger = logger;
    this.logLevels = options.logLevels;
    this.settings = settings;
    this.nodeId = settings.get("node.id");
    this.clusterId = storage.clusterId;
    this.listeners = readListeners(settings);
    this.logs = this.#openLogs();
    const target = otlpTarget(settings.static);
    this.telemetry = target === null ? null : telemetryModule().makeTelemetry(target, this);
    settings.watch((changed) => {
      if ([...changed].some((name) => name.startsWith("log.cleaner.")))
        this.logs.cleaner?.restart();
    });
    this.gatheredAppends = new GatheredAppends(world.clock, world.disk);
    this.fetchSessions = new FetchSessions(
      settings.get("max.incremental.fetch.session.cache.slots"),
      SESSION_EVICTION_MS,
      () => random.uint32(),
    );
    this.producerIds = new ProducerIds({
      clock,
      logger: logger.child("producer-ids"),
      allocate: () => {
        const request = { brokerId: this.nodeId, brokerEpoch: this.brokerEpoch };
        return this.controller.ask(ALLOCATE_PRODUCER_IDS, request, PRODUCER_IDS_MS_MAX);
      },
    });
    this.controller = this.#openChannel();
    this.replication = new ReplicationManager(this);
    this.quotas = new Quotas(clock, world.network, settings);
    this.txnMarkers = new TxnMarkerWriter({
      source: this,
      groups: () => this.groups,
      clock,
      timeoutMs: () => settings.get("request.timeout.ms"),
    });
    this.topicCreation = new TopicCreation({
      clock,
      settings,
      logger: logger.child("topics"),
      submit: (request, asker, permits) =>
        this.controller.ask(createTopicsFor(asker, permits), request, FORWARDING_MS_MAX),
    });
  }

  get metadata(): MetadataNode {
    assert(this.#metadata !== null, "the node has started");
    return this.#metadata;
  }

  get groups(): GroupCoordinator {
    return this.#coordinators.groups;
  }

  /** Those that somebody has needed. */
  get madeCoordinators(): Coordinators["made"] {
    return this.#coordinators.made;
  }

  get transactions(): TransactionCoordinator {
    return this.#coordinators.transactions;
  }

  get transactionVerifier(): TransactionVerifier {
    return this.#coordinators.verifier;
  }

  get shareCoordinator(): ShareCoordinator {
    return this.#coordinators.share.coordinator;
  }

  get shareState(): ShareStatePersister {
    return this.#coordinators.share.persister;
  }

  get shareFetching(): ShareFetching {
    return this.#coordinators.shareFetching;
  }

  get brokerWatch(): BrokerWatch {
    return this.#brokerWatch();
  }

  /** Replicas whose directory the controller is still to be told. */
  get waitingAssignmentCount(): number {
    return this.#assignments?.waitingCount ?? 0;
  }

  get logDirMoves(): LogDirMoves {
    assert(this.#logDirMoves !== null, "the node has started");
    return this.#logDirMoves;
  }

  get image(): MetadataImage {
    return this.metadata.image;
  }

  get metadataOffset(): number {
    return this.metadata.lastOffset;
  }

  /** -1 before the node is registered. */
  get brokerEpoch(): number {
    return this.#registration?.brokerEpoch ?? -1;
  }

  /**
   * From here on the controller listener can be served. `ports` are those that the listeners have
   * got, by name.
   */
  async startMetadata(ports: ReadonlyMap<string, number>): Promise<void> {
    this.#ports = ports;
    this.#metadata = await this.#openMetadata();
    // There is nobody to wait for, nor anybody whose request this node would need.
    if (this.#metadata.isOnlyVoter) await this.#metadata.whenCaughtUp();
  }

  /** From here on all listeners can be served. Throws `LogStartupError`. */
  async start(): Promise<void> {
    const { world, settings } = this;
    const incarnationId = randomUuid(world.random);
    if (isController(settings)) {
      this.#controllerRegistration = this.#controllerRegistrationOf(incarnationId);
      this.#controllerRegistration.start();
      this.#watchBrokers();
    }
    if (isBroker(settings)) return this.#startBroker(incarnationId);
    this.metadata.subscribe((delta, image) => {
      this.quotas.apply(delta, image.clientQuotas);
      followBrokerSettings(this, delta);
    });
  }

  /** Partitions, and all that is in them, is for brokers alone. */
  async #startBroker(incarnationId: string): Promise<void> {
    const { world, settings, metadata } = this;
    const registration = this.#registrationOf(incarnationId);
    this.#registration = registration;
    const load = () => this.logs.load((topic, index) => this.#expectedLog(topic, index));
    // With others the image has to know first what has become of this broker's partitions.
    if (registration.isAlone) await Promise.all([registration.enter(), load()]);
    else await registration.enter().then(load);
    setStraysAside(this.logs, this.image, this.nodeId);
    const assignments = (this.#assignments = new DirectoryAssignments({
      clock: world.clock,
      logger: this.logger.child("registration"),
      nodeId: this.nodeId,
      image: this.image,
      controller: this.controller,
      brokerEpoch: () => this.brokerEpoch,
    }));
    this.#logDirMoves = new LogDirMoves(this, assignments);
    const publisher = new MetadataPublisher(this, this.#coordinators, this.#logDirMoves);
    this.#publisher = publisher;
    await registration.unfence();
    settings.watch((changed) => {
      if (changed.has("cordoned.log.dirs")) registration.directoriesCordoned();
    });
    // Not before: after a crash this node enters with new leader epochs, and coordinators would
    // read their partitions twice.
    metadata.subscribe((delta, image) => {
      this.quotas.apply(delta, image.clientQuotas);
      publisher.apply(delta);
      this.telemetry?.apply(delta, image);
    });
    this.logs.start();
    assignments.open();
  }

  /** Connections to other brokers, for one purpose; whoever asks for them closes them. */
  peersFor(purpose: string): BrokerPeers {
    const { BrokerPeers } = peersModule();
    return new BrokerPeers({
      world: this.world,
      image: () => this.image,
      listenerName: this.listeners.interBroker.name,
      clientId: `broker-${this.nodeId}-${purpose}`,
      setupTimeoutMs: this.settings.get("socket.connection.setup.timeout.ms"),
      pool: this.buffers,
    });
  }

  /** Members of groups that wait for others are told to look for another coordinator. */
  dismissMembers(): void {
    this.#coordinators.stopGroups();
  }

  /**
   * Hands what it leads to other brokers, where there are others, and goes on serving meanwhile.
   * Returns when the controller has let this broker go, or cannot any more.
   */
  async leave(): Promise<void> {
    if (this.#registration?.isAlone === false) await this.#registration.leave();
  }

  /** No request comes any more. Everything is on the disk when it resolves. */
  async stop(): Promise<void> {
    this.#coordinators.stop();
    this.#logDirMoves?.stop();
    await this.#registration?.leave();
    this.replication.stop();
    this.#controllerRegistration?.stop();
    this.#controllerFollower?.cancel();
    this.controller.close();
    await this.#metadata?.stop();
    await this.#publisher?.whenIdle();
    await this.logs.shutDown(this.brokerEpoch);
  }

  anyControllerId(aliveIds: readonly number[]): number {
    if (aliveIds.length === 0) return NO_CONTROLLER;
    return aliveIds[this.world.random.uint32() % aliveIds.length] ?? NO_CONTROLLER;
  }

  /** A node alone has nobody to watch. */
  #watchBrokers(): void {
    const { metadata, nodeId, world } = this;
    const isOther = (id: number) => id !== nodeId;
    const hasOthers = () => [...this.image.cluster.brokers.keys()].some(isOther);
    if (hasOthers()) this.brokerWatch.brokersChanged();
    metadata.watch(({ changedBrokers }) => {
      if ([...changedBrokers].some(isOther)) this.brokerWatch.brokersChanged();
    });
    const follow = (isActive: boolean): void => {
      const hasChanged = () => metadata.isActiveController !== isActive;
      const wait = startWait(world.clock, [metadata.controllerMoved], Infinity, hasChanged);
      this.#controllerFollower = wait;
      void wait.result.then((isOn) => {
        if (!isOn) return;
        if (hasOthers()) this.brokerWatch.controllerMoved();
        follow(!isActive);
      });
    };
    follow(metadata.isActiveController);
  }

  #openLogs(): LogManager {
    const { world, logger, settings } = this;
    return openLogManager({
      ...world,
      logger,
      directories: logDirectories(settings),
      configOf: (topic) =>
        topicLogConfig(settings, this.image.configs.of(ConfigResourceType.TOPIC, topic)),
      settings: logSettings(settings),
      cordoned: () => cordonedDirectories(settings),
      directoryFailed: (directory, error, remaining) =>
        this.#directoryFailed(directory, error, remaining),
    });
  }

  #openChannel(): ControllerChannel {
    const { world, settings } = this;
    return new ControllerChannel({
      clock: world.clock,
      network: world.network,
      pool: this.buffers,
      nodeId: this.nodeId,
      metadata: () => this.metadata,
      setupTimeoutMs: settings.get("socket.connection.setup.timeout.ms"),
      attemptTimeoutMs: settings.get("controller.socket.timeout.ms"),
    });
  }

  #openMetadata(): Promise<MetadataNode> {
    const { world, settings, logger } = this;
    const directory = metadataDirectory(settings);
    return MetadataNode.open({
      world,
      logger: logger.child("metadata"),
      host: this.logs,
      metadataLogDir: directory,
      isLogDir: logDirectories(settings).includes(directory),
      clusterId: this.clusterId,
      local: {
        id: this.nodeId,
        directoryId: this.#directoryIdOf(directory),
        endpoints: this.#endpoints(this.listeners.advertisedController),
      },
      staticVoters: staticVoters(settings),
      rules: {
        nodeId: this.nodeId,
        defaultReplicationFactor: settings.get("default.replication.factor"),
        numPartitions: settings.get("num.partitions"),
        supportedFeatures: SUPPORTED_FEATURES,
        configs: configRules(settings),
      },
      settings: metadataSettings(settings),
      quorum: quorumSettings(settings),
      peers: {
        clientId: `raft-client-${this.nodeId}`,
        setupTimeoutMs: settings.get("socket.connection.setup.timeout.ms"),
        pool: this.buffers,
      },
      onFatal: (error) => this.#options.fatal(error),
    });
  }

  #expectedLog(name: string, index: number): ReturnType<ExpectedLog> {
    const topic = this.image.topics.byName(name);
    const registration = topic?.partitions[index];
    if (topic === null || registration === undefined) return null;
    return { topicId: topic.id, directoryId: directoryOf(registration, this.nodeId) };
  }

  #cordonedIds(): string[] {
    const cordoned = cordonedDirectories(this.settings);
    const directories = this.logs.directories.filter(({ path }) => cordoned.includes(path));
    return directories.flatMap(({ id }) => id ?? []);
  }

  #directoryFailed(directory: LogDirectory, error: DiskError, remaining: number): void {
    const isMetadata = directory.path === metadataDirectory(this.settings);
    if (remaining === 0 || isMetadata) return this.#options.fatal(error);
    if (directory.id === null) return;
    this.#registration?.directoryFailed(directory.id);
  }

  /** What it says of itself in either role. */
  #registrant(incarnationId: string) {
    const { world, logger, metadata, controller, nodeId } = this;
    return {
      clock: world.clock,
      logger: logger.child("registration"),
      metadata,
      controller,
      nodeId,
      incarnationId,
      supportedFeatures: SUPPORTED_FEATURES,
    };
  }

  #registrationOf(incarnationId: string): Registration {
    const { settings } = this;
    return new Registration({
      ...this.#registrant(incarnationId),
      clusterId: this.clusterId,
      rack: settings.get("broker.rack"),
      listeners: this.#endpoints(this.listeners.advertised),
      directoryIds: this.logs.directories.flatMap(({ id }) => id ?? []),
      cordonedIds: () => this.#cordonedIds(),
      previousBrokerEpoch: this.logs.previousBrokerEpoch,
      heartbeatIntervalMs: settings.get("broker.heartbeat.interval.ms"),
      sessionTimeoutMs: settings.get("broker.session.timeout.ms"),
      registrationTimeoutMs: settings.get("initial.broker.registration.timeout.ms"),
      controlledShutdownEnable: settings.get("controlled.shutdown.enable"),
      dirFailureTimeoutMs: settings.get("log.dir.failure.timeout.ms"),
      fatal: (error) => this.#options.fatal(error),
    });
  }

  #controllerRegistrationOf(incarnationId: string): ControllerRegistration {
    return new ControllerRegistration({
      ...this.#registrant(incarnationId),
      listeners: this.#endpoints(this.listeners.advertisedController),
    });
  }

  #directoryIdOf(path: string): string {
    const id = this.#storage.directories.get(path)?.directoryId;
    assert(id !== undefined && id !== null, `${path} has an id`);
    return id;
  }

  #endpoints(addresses: Parameters<typeof withPortsAndHost>[0]) {
    return withPortsAndHost(addresses, this.#ports, this.#options.hostName);
  }
}

/** Answers to fetches of replicas are large, and come one after the other. */
const ANSWER_SIZE_MAX = 16 * 1024 * 1024;
const ANSWERS_KEPT_BYTES = 32 * 1024 * 1024;
/** min.incremental.fetch.session.eviction.ms is no setting: Kafka has it in its code. */
const SESSION_EVICTION_MS = 120_000;
const NO_CONTROLLER = -1;
/** Clients wait for it, and try again. */
const PRODUCER_IDS_MS_MAX = 2000;
