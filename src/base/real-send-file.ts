/**
 * `sendfile` of Linux, called on a Bun socket between Bun's own writes: Bun keeps no bytes of a
 * plain TCP socket back, so the order holds.
 *
 * Bun does not know that such a send ran against a full socket, and would never report room again.
 * So the true next bytes of the file are then written through Bun: if they fit, sending goes on; if
 * not, Bun itself has met the full socket and will call `drain`. The same loop, with nothing sent
 * by the kernel, is the portable way: it is used where there is no sendfile, and also takes over
 * when sendfile refuses a file system.
 */
import { socketCalls } from "./real-socket-calls.ts";
import { type DiskFile, DiskError } from "./world.ts";

/** Bytes that went out: fewer than asked when `drain` will come, -1 when the socket is closed. */
export type SendFile = (
  socket: SendTarget,
  file: DiskFile,
  position: number,
  length: number,
) => number;

export interface SendTarget {
  readonly descriptor: number;
  /** As `Socket.write`. */
  write(bytes: Uint8Array, offset: number, length: number): number;
}

/** The best of this machine. */
export function bestSendFile(): SendFile {
  return kernelSendFile() ?? portableSendFile;
}

/** Null where the system has no such call. */
export function kernelSendFile(): SendFile | null {
  const calls = socketCalls();
  if (calls === null) return null;
  return (socket, file, position, length) => {
    for (let sent = 0; ;) {
      sent += calls.sendfile(socket.descriptor, file.descriptor, position + sent, length - sent);
      if (sent === length) return sent;
      const size = Math.min(NUDGE_SIZE, length - sent);
      const taken = copyOnce(socket, file, position + sent, size);
      if (taken === -1) return -1;
      sent += taken;
      if (taken < size || sent === length) return sent;
    }
  };
}

export function portableSendFile(
  socket: SendTarget,
  file: DiskFile,
  position: number,
  length: number,
): number {
  for (let sent = 0; ;) {
    const size = Math.min(scratch.length, length - sent);
    const taken = copyOnce(socket, file, position + sent, size);
    if (taken === -1) return -1;
    sent += taken;
    if (taken < size || sent === length) return sent;
  }
}

/** Small: most of it is read in vain when the socket is full. */
const NUDGE_SIZE = 16 * 1024;
const scratch = Buffer.allocUnsafeSlow(256 * 1024);

function copyOnce(socket: SendTarget, file: DiskFile, position: number, size: number): number {
  const read = file.read(scratch, 0, size, position);
  // The caller promised bytes that are not there.
  if (read < size) throw new DiskError("EIO", file.path, `send up to ${position + size} of`);
  return socket.write(scratch, 0, size);
}
