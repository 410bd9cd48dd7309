/** BrokerRegistration and ControllerRegistration: a node says that it is there, and what it can. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { brokerRegistration } from "../../protocol/messages/62-broker-registration.ts";
import type { controllerRegistration } from "../../protocol/messages/70-controller-registration.ts";
import type { Input, Value } from "../../protocol/schema.ts";
import { isReservedDirectory } from "../directory-id.ts";
import {
  CONTROLLER_REGISTRATION_LEVEL,
  DIRECTORIES_LEVEL,
  KRAFT_VERSION,
  METADATA_VERSION,
  registerBrokerRecordVersion,
} from "../features.ts";
import type { NewRecord } from "../record.ts";
import { previousIncarnationStopped } from "./broker-changes.ts";
import {
  type Command,
  type ControllerState,
  type Refusal,
  atomic,
  divisible,
  refusal,
  unchanged,
} from "./command.ts";

type RegistrationRequest = Value<typeof brokerRegistration.request>;

export interface BrokerRegistrationReply {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly brokerEpoch: number;
}

/** `canShutDownCleanly`: the request has a previous epoch to compare (version 3 and later). */
export function registerBroker(
  request: RegistrationRequest,
  canShutDownCleanly: boolean,
): Command<BrokerRegistrationReply> {
  return (state) => {
    const refused = reasonToRefuse(state, request);
    if (refused !== null) return unchanged({ ...refused, brokerEpoch: -1 });
    const { brokerId, incarnationId } = request;
    const existing = state.image.cluster.broker(brokerId);
    const records: NewRecord[] = [];
    const isSameIncarnation = existing !== null && existing.incarnationId === incarnationId;
    if (!isSameIncarnation && existing !== null) {
      const isClean = canShutDownCleanly && existing.epoch === request.previousBrokerEpoch;
      records.push(...previousIncarnationStopped(state, brokerId, isClean));
    }
    // The epoch is the offset at which this command begins, so no two are ever the same.
    const brokerEpoch = isSameIncarnation ? existing.epoch : state.nextOffset;
    const metadataVersion = state.image.metadataVersion;
    records.push({
      name: "RegisterBrokerRecord",
      version: registerBrokerRecordVersion(metadataVersion),
      value: {
        brokerId,
        incarnationId,
        brokerEpoch,
        endPoints: request.listeners,
        features: request.features,
        rack: request.rack,
        logDirs: metadataVersion >= DIRECTORIES_LEVEL ? request.logDirs : [],
        fenced: isSameIncarnation ? existing.fenced : true,
        inControlledShutdown: isSameIncarnation ? existing.inControlledShutdown : false,
      },
    });
    // Until its first heartbeat, too: a request of an earlier process may arrive after this one.
    if (!isSameIncarnation) state.sessions.heard(brokerId, brokerEpoch);
    const response = { errorCode: ErrorCode.NONE, errorMessage: null, brokerEpoch };
    return divisible(records, response);
  };
}

export function registerController(
  request: Value<typeof controllerRegistration.request>,
): Command<Input<typeof controllerRegistration.response>> {
  return (state) => {
    if (state.image.metadataVersion < CONTROLLER_REGISTRATION_LEVEL) {
      return unchanged({
        throttleTimeMs: 0,
        errorCode: ErrorCode.UNSUPPORTED_VERSION,
        errorMessage: "The current MetadataVersion is too old to support controller registrations.",
      });
    }
    const record: NewRecord = {
      name: "RegisterControllerRecord",
      version: 0,
      value: {
        controllerId: request.controllerId,
        incarnationId: request.incarnationId,
        zkMigrationReady: false,
        endPoints: request.listeners,
        features: request.features,
      },
    };
    return atomic([record], {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
    });
  };
}

function reasonToRefuse(state: ControllerState, request: RegistrationRequest): Refusal | null {
  const { image, sessions } = state;
  if (request.clusterId !== image.clusterId) {
    const expected = `Expected cluster ID ${image.clusterId}`;
    const message = `${expected}, but got cluster ID ${request.clusterId}`;
    return refusal(ErrorCode.INCONSISTENT_CLUSTER_ID, message);
  }
  const existing = image.cluster.broker(request.brokerId);
  const isOther = existing !== null && existing.incarnationId !== request.incarnationId;
  // Whoever has its marker of a clean stop has come after it: Kafka waits for its session to end.
  const hasEnded = isOther && existing.epoch === request.previousBrokerEpoch;
  if (isOther && !hasEnded && sessions.hasValidSession(existing.id, existing.epoch)) {
    return refusal(
      ErrorCode.DUPLICATE_BROKER_REGISTRATION,
      "Another broker is registered with that broker id. If the broker was recently restarted " +
        "this should self-resolve once the heartbeat manager expires the broker's session.",
    );
  }
  if (request.isMigratingZkBroker) {
    const message = "Controller does not support registering ZK brokers.";
    return refusal(ErrorCode.BROKER_ID_NOT_REGISTERED, message);
  }
  return reasonAgainstDirectories(state, request) ?? reasonAgainstFeatures(state, request);
}

function reasonAgainstDirectories(
  state: ControllerState,
  request: RegistrationRequest,
): Refusal | null {
  if (state.image.metadataVersion < DIRECTORIES_LEVEL) return null;
  const { logDirs, brokerId } = request;
  const invalid = (message: string) => refusal(ErrorCode.INVALID_REGISTRATION, message);
  if (logDirs.length === 0) return invalid("No directories specified in request");
  if (logDirs.some(isReservedDirectory)) return invalid("Reserved directory ID in request");
  if (new Set(logDirs).size !== logDirs.length) return invalid("Duplicate directory ID in request");
  for (const other of state.image.cluster.brokers.values()) {
    if (other.id === brokerId) continue;
    const taken = logDirs.find((directory) => other.directories.includes(directory));
    if (taken !== undefined) {
      return invalid(`Broker ${other.id} is already registered with directory ${taken}`);
    }
  }
  return null;
}

/**
 * The broker must be able to run every finalized level; those it does not name, at level 0. The
 * broker of this very node starts all the same, on a directory of a Kafka that could do more: the
 * node says in its log what does not work.
 */
function reasonAgainstFeatures(
  state: ControllerState,
  request: RegistrationRequest,
): Refusal | null {
  const finalized = new Map(state.image.features).set(KRAFT_VERSION, state.kraftVersion);
  const ranges = new Map(request.features.map((feature) => [feature.name, feature]));
  const names = new Set([...ranges.keys(), ...finalized.keys()]);
  for (const name of names) {
    const level = finalized.get(name) ?? 0;
    const min = ranges.get(name)?.minSupportedVersion ?? 0;
    const max = ranges.get(name)?.maxSupportedVersion ?? 0;
    if (name === METADATA_VERSION && !ranges.has(name)) {
      const message = "Request features do not contain 'metadata.version'";
      return refusal(ErrorCode.INVALID_REGISTRATION, message);
    }
    const isOwn = request.brokerId === state.rules.nodeId;
    if (!isOwn && (level < min || level > max)) {
      return refusal(
        ErrorCode.UNSUPPORTED_VERSION,
        `Unable to register because the broker does not support finalized version ${level} of ` +
          `${name}. The broker wants a version between ${min} and ${max}, inclusive.`,
      );
    }
  }
  return null;
}
