/** Processes that may not outlive this one, however it ends. */

interface Child {
  readonly exited: Promise<unknown>;
  kill(signal: "SIGKILL"): void;
}

const children = new Set<Child>();
let isWatching = false;

/** Gives it back. */
export function tied<T extends Child>(child: T): T {
  watchTheEnd();
  children.add(child);
  void child.exited.then(() => children.delete(child));
  return child;
}

/** A signal ends this process as it ends by itself: with its children, and what it does at `exit`. */
export function endBySignals(): void {
  watchTheEnd();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
}

function watchTheEnd(): void {
  if (isWatching) return;
  isWatching = true;
  process.on("exit", () => {
    for (const child of children) child.kill("SIGKILL");
  });
}
