/** How a thread in C wakes the loop: it writes a byte to one of a pair of sockets. */
import { dlopen, ptr } from "bun:ffi";

const AF_UNIX = 1;
/** SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC */
const SOCKET_TYPE = 0o1 | 0o4000 | 0o2000000;

/**
 * The descriptor that the thread writes to; null where the C library cannot be opened. The loop
 * does not go on for its sake.
 */
export function wakingPair(woken: () => void): number | null {
  const pair = socketPair();
  if (pair === null) return null;
  // Bun has it, and the types of its function do not.
  const options: Bun.FdSocketOptions = {
    fd: pair.loop,
    socket: { open: (socket) => socket.unref(), data: woken },
  };
  void (Bun.connect as unknown as (options: Bun.FdSocketOptions) => Promise<unknown>)(options);
  return pair.thread;
}

function socketPair(): { readonly loop: number; readonly thread: number } | null {
  try {
    const { symbols } = dlopen("libc.so.6", {
      socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
    });
    const pair = new Int32Array(new ArrayBuffer(8));
    if (symbols.socketpair(AF_UNIX, SOCKET_TYPE, 0, ptr(pair)) !== 0) return null;
    return { loop: pair[0]!, thread: pair[1]! };
  } catch {
    return null;
  }
}
