/** The few calls on sockets that Bun lacks, from the C library. */
import { dlopen, FFIType, ptr } from "bun:ffi";

export interface SocketCalls {
  /** Bytes sent; 0 when the call failed, for whatever reason. */
  sendfile(output: number, input: number, position: number, length: number): number;
  /** Bytes sent with MSG_MORE; 0 when the call failed, for whatever reason. */
  sendAhead(descriptor: number, bytes: Uint8Array, offset: number, length: number): number;
  /** Sets the queue of a socket that listens already; its failure changes nothing. */
  listen(descriptor: number, backlog: number): void;
  /**
   * Lets a descriptor be a socket that is not connected, and what it was be open by the one that is
   * returned; null where that cannot be done, and nothing has changed.
   */
  setAside(descriptor: number): number | null;
  /** False when it cannot be done, and nothing has changed. */
  putBack(descriptor: number, aside: number): boolean;
  /** The name of what tells a socket how fast to send; null when the system does not say. */
  congestionControl(descriptor: number): string | null;
  /** False when it may not be had, and nothing has changed. */
  setCongestionControl(descriptor: number, name: string): boolean;
}

/** Null where they cannot be had: every caller has a portable way. Opened once. */
export function socketCalls(): SocketCalls | null {
  calls ??= { value: process.platform === "linux" ? open() : null };
  return calls.value;
}

let calls: { readonly value: SocketCalls | null } | null = null;

/** MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE */
const SEND_AHEAD = 0x40 | 0x4000 | 0x8000;

/** IPPROTO_TCP and TCP_CONGESTION, whose names have up to 16 bytes */
const TCP = 6;
const CONGESTION = 13;
const CONGESTION_NAME_SIZE = 16;

/** AF_UNIX, and SOCK_STREAM with SOCK_NONBLOCK and SOCK_CLOEXEC */
const UNIX = 1;
const UNIX_STREAM = 1 | 0x800 | 0x80000;
/** F_DUPFD_CLOEXEC */
const DUPLICATE = 1030;
const CLOSE_ON_EXEC = 0x80000;

const LIBRARY_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

function open(): SocketCalls | null {
  for (const name of LIBRARY_NAMES) {
    try {
      return openLibrary(name);
    } catch {
      // The next name.
    }
  }
  return null;
}

function openLibrary(name: string): SocketCalls {
  const { symbols } = dlopen(name, {
    sendfile: {
      args: [FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u64_fast],
      returns: FFIType.i64_fast,
    },
    send: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64_fast, FFIType.i32],
      returns: FFIType.i64_fast,
    },
    listen: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    fcntl: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    dup3: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    close: { args: [FFIType.i32], returns: FFIType.i32 },
    getsockopt: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.ptr],
      returns: FFIType.i32,
    },
    setsockopt: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i32,
    },
  });
  // One offset for ever: calls are synchronous. Both architectures are little-endian.
  const offset = new Uint32Array(2);
  return {
    sendfile(output, input, position, length) {
      offset[0] = position;
      offset[1] = position / 0x1_0000_0000;
      return Math.max(0, Number(symbols.sendfile(output, input, offset, length)));
    },
    sendAhead(descriptor, bytes, from, length) {
      const sent = Number(symbols.send(descriptor, ptr(bytes, from), length, SEND_AHEAD));
      return Math.max(0, sent);
    },
    listen(descriptor, backlog) {
      symbols.listen(descriptor, backlog);
    },
    setAside(descriptor) {
      const aside = symbols.fcntl(descriptor, DUPLICATE, 0);
      if (aside < 0) return null;
      const other = symbols.socket(UNIX, UNIX_STREAM, 0);
      const isDone = other >= 0 && symbols.dup3(other, descriptor, CLOSE_ON_EXEC) >= 0;
      if (other >= 0) symbols.close(other);
      if (!isDone) symbols.close(aside);
      return isDone ? aside : null;
    },
    putBack(descriptor, aside) {
      if (symbols.dup3(aside, descriptor, CLOSE_ON_EXEC) < 0) return false;
      symbols.close(aside);
      return true;
    },
    congestionControl(descriptor) {
      const name = Buffer.alloc(CONGESTION_NAME_SIZE);
      const size = new Uint32Array([name.length]);
      if (symbols.getsockopt(descriptor, TCP, CONGESTION, name, size) !== 0) return null;
      return name.toString("latin1", 0, name.indexOf(0));
    },
    setCongestionControl(descriptor, name) {
      const bytes = Buffer.from(name);
      return symbols.setsockopt(descriptor, TCP, CONGESTION, bytes, bytes.length) === 0;
    },
  };
}
