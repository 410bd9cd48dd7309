/**
 * BrokerHeartbeat: a broker says that it lives, how far it has read the log, and whether it wants
 * to be fenced or to stop.
 *
 *   FENCED --has read its registration--> UNFENCED --wants to stop--> CONTROLLED SHUTDOWN
 *     ^                                      |                               |
 *     +---- wants it, or not heard of -------+        leads nothing, and all others know: may stop
 */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { brokerHeartbeat } from "../../protocol/messages/63-broker-heartbeat.ts";
import type { Value } from "../../protocol/schema.ts";
import { CORDONED_DIRECTORIES_LEVEL, DIRECTORIES_LEVEL } from "../features.ts";
import type { NewRecord } from "../record.ts";
import {
  directoriesCordoned,
  directoriesOffline,
  fenceBroker,
  hasLeaderships,
  startControlledShutdown,
  unfenceBroker,
} from "./broker-changes.ts";
import {
  type Command,
  type ControllerState,
  type Refusal,
  divisible,
  refusal,
  unchanged,
} from "./command.ts";

type HeartbeatRequest = Value<typeof brokerHeartbeat.request>;

export interface BrokerHeartbeatReply {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly isCaughtUp: boolean;
  readonly isFenced: boolean;
  readonly shouldShutDown: boolean;
}

type BrokerState = "fenced" | "unfenced" | "controlled shutdown" | "shut down now";

export function heartbeat(request: HeartbeatRequest): Command<BrokerHeartbeatReply> {
  return (state) => {
    const { brokerId, brokerEpoch, currentMetadataOffset } = request;
    const refused = reasonAgainstEpoch(state, brokerId, brokerEpoch);
    if (refused !== null) {
      const reply = { isCaughtUp: false, isFenced: true, shouldShutDown: false };
      return unchanged({ ...refused, ...reply });
    }
    const { sessions, image } = state;
    sessions.heard(brokerId, brokerEpoch);
    const current = currentState(state, brokerId);
    const next = nextState(state, current, request);
    const records = current === next ? [] : recordsTowards(state, next, brokerId);
    sessions.hasReached(brokerId, brokerEpoch, currentMetadataOffset);
    if (image.metadataVersion >= DIRECTORIES_LEVEL) {
      records.push(...directoriesOffline(state, brokerId, request.offlineLogDirs));
    }
    if (image.metadataVersion >= CORDONED_DIRECTORIES_LEVEL) {
      records.push(...directoriesCordoned(state, brokerId, request.cordonedLogDirs));
    }
    // It goes: another incarnation need not wait for the end of its session.
    if (next === "shut down now") sessions.forget(brokerId);
    if (next === "controlled shutdown") {
      const endOffset = state.nextOffset + records.length - 1;
      sessions.controlledShutdownStarted(brokerId, brokerEpoch, endOffset);
    }
    return divisible(records, {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      isCaughtUp: isCaughtUp(state, request),
      isFenced: next === "fenced" || next === "shut down now",
      shouldShutDown: next === "shut down now",
    });
  };
}

/** Fences one broker that was not heard of for too long; null when there is none. */
export function fenceStaleBroker(): Command<number | null> {
  return (state) => {
    const brokerId = state.sessions.findExpired(state.image);
    if (brokerId === null) return unchanged(null);
    return divisible(fenceBroker(state, brokerId), brokerId);
  };
}

/** The process of this incarnation has ended: another need not wait. Whether it was fenced now. */
export function fenceEndedBroker(brokerId: number, brokerEpoch: number): Command<boolean> {
  return (state) => {
    const broker = state.image.cluster.broker(brokerId);
    if (broker?.epoch !== brokerEpoch) return unchanged(false);
    state.sessions.forget(brokerId);
    return broker.fenced ? unchanged(false) : divisible(fenceBroker(state, brokerId), true);
  };
}

/** Null when the broker is registered, and this incarnation is the newest. */
export function reasonAgainstEpoch(
  state: ControllerState,
  brokerId: number,
  brokerEpoch: number,
): Refusal | null {
  const broker = state.image.cluster.broker(brokerId);
  if (broker === null) {
    const message = `No broker registration found for broker id ${brokerId}`;
    return refusal(ErrorCode.STALE_BROKER_EPOCH, message);
  }
  if (broker.epoch === brokerEpoch) return null;
  const message = `Expected broker epoch ${broker.epoch}, but got broker epoch ${brokerEpoch}`;
  return refusal(ErrorCode.STALE_BROKER_EPOCH, message);
}

function currentState(state: ControllerState, brokerId: number): BrokerState {
  if (state.sessions.controlledShutdownOffset(brokerId) >= 0) return "controlled shutdown";
  return state.image.cluster.broker(brokerId)?.fenced === false ? "unfenced" : "fenced";
}

function nextState(
  state: ControllerState,
  current: BrokerState,
  request: HeartbeatRequest,
): BrokerState {
  const { brokerId, wantFence, wantShutDown } = request;
  switch (current) {
    case "fenced":
      if (wantShutDown) return "shut down now";
      return !wantFence && isCaughtUp(state, request) ? "unfenced" : "fenced";
    case "unfenced":
      if (wantFence) return wantShutDown ? "shut down now" : "fenced";
      if (!wantShutDown) return "unfenced";
      return hasLeaderships(state, brokerId) ? "controlled shutdown" : "shut down now";
    case "controlled shutdown": {
      if (hasLeaderships(state, brokerId)) return current;
      const needed = state.sessions.controlledShutdownOffset(brokerId);
      const reached = state.sessions.lowestActiveOffset(state.image);
      return needed <= reached ? "shut down now" : current;
    }
    case "shut down now":
      assert(false, "a broker is never left in this state");
  }
}

function recordsTowards(state: ControllerState, next: BrokerState, brokerId: number): NewRecord[] {
  switch (next) {
    case "fenced":
    case "shut down now":
      return fenceBroker(state, brokerId);
    case "unfenced":
      return unfenceBroker(state, brokerId);
    case "controlled shutdown":
      return startControlledShutdown(state, brokerId);
  }
}

/** Whether the broker has seen its own registration, and so everything before it. */
function isCaughtUp(state: ControllerState, request: HeartbeatRequest): boolean {
  const offset = state.image.cluster.registrationOffsets.get(request.brokerId) ?? 0;
  return request.currentMetadataOffset >= offset;
}
