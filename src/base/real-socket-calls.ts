/** The few calls on sockets that Bun lacks, from the C library. */
import { dlopen, FFIType, ptr } from "bun:ffi";

export interface SocketCalls {
  /** Bytes sent; 0 when the call failed, for whatever reason. */
  sendfile(output: number, input: number, position: number, length: number): number;
  /** Bytes sent with MSG_MORE; 0 when the call failed, for whatever reason. */
  sendAhead(descriptor: number, bytes: Uint8Array, offset: number, length: number): number;
  /** Sets the queue of a socket that listens already; its failure changes nothing. */
  listen(descriptor: number, backlog: number): void;
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
