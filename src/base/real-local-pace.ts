/**
 * Connections of this very machine are not paced.
 *
 * BBR sends at the pace that it has measured, by a timer, even where there is nothing but memory
 * between the two: large answers take a third longer then, and a fifth more CPU (`bun run bench
 * --suite fetch`). Who has begun with a pace keeps it, whatever control the socket gets later. So
 * the listener has a control without one, which those that it accepts inherit, and those that come
 * from elsewhere are given the system's. Where the system has another control, nothing is changed.
 */
import type { SocketCalls } from "./real-socket-calls.ts";

/** The addresses of both ends, as Bun tells them. */
export interface Ends {
  readonly remoteAddress: string;
  readonly localAddress: string;
}

/** What is to be done with each socket that was accepted. */
export type Pace = (descriptor: number, ends: Ends) => void;

export const keepPace: Pace = () => undefined;

type Calls = Pick<SocketCalls, "congestionControl" | "setCongestionControl">;

/** Of a socket that listens. */
export function unpaceLocal(calls: Calls, listener: number): Pace {
  const usual = calls.congestionControl(listener);
  const isPaced = usual?.startsWith(PACED) ?? false;
  if (!isPaced || !calls.setCongestionControl(listener, UNPACED)) return keepPace;
  return (descriptor, ends) => {
    if (!isLocal(ends)) calls.setCongestionControl(descriptor, usual!);
  };
}

/** All versions of it. */
const PACED = "bbr";
/** Every Linux has it, and lets everybody use it. */
const UNPACED = "reno";

function isLocal({ remoteAddress, localAddress }: Ends): boolean {
  return remoteAddress === localAddress || LOOPBACK.test(remoteAddress);
}

const LOOPBACK = /^(?:::1$|(?:::ffff:)?127\.)/;
