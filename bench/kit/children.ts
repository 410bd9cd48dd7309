/** Processes that may not outlive this one, however it ends. */

interface Child {
  readonly exited: Promise<unknown>;
  kill(signal: "SIGKILL"): void;
}

const children = new Set<Child>();
let isWatching = false;

/** Gives it back. */
export function tied<T extends Child>(child: T): T {
  if (!isWatching) watchTheEnd();
  children.add(child);
  void child.exited.then(() => children.delete(child));
  return child;
}

function watchTheEnd(): void {
  isWatching = true;
  process.on("exit", () => {
    for (const child of children) child.kill("SIGKILL");
  });
}
