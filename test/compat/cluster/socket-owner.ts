/** Whose process has a socket: what /proc knows of the connections on the loopback address. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const PORT_COLUMN = 1;
const INODE_COLUMN = 9;

/** The process, of those given, whose socket is bound to `port`; null when it is none of theirs. */
export function ownerOf(port: number, pids: Iterable<number>): number | null {
  const inodes = inodesAt(port);
  if (inodes.size === 0) return null;
  for (const pid of pids) if (hasSocket(pid, inodes)) return pid;
  return null;
}

/** Both ends of a connection on one machine name both ports: only the local one counts. */
function inodesAt(port: number): Set<string> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readLines(file)) {
      const columns = line.trim().split(/\s+/);
      const inode = columns[INODE_COLUMN] ?? "0";
      if (columns[PORT_COLUMN]?.endsWith(wanted) === true && inode !== "0") inodes.add(inode);
    }
  }
  return inodes;
}

function hasSocket(pid: number, inodes: ReadonlySet<string>): boolean {
  for (const descriptor of namesIn(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "latin1").split("\n");
  } catch {
    return [];
  }
}

/** A process may be gone by now, and a descriptor closed. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
