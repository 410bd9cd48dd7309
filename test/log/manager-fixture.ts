/** All logs of a fake World, loaded. */
import { silentLogger } from "../../src/base/logger.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../src/log/log-config.ts";
import {
  DEFAULT_LOG_SETTINGS,
  type LogManager,
  type LogManagerOptions,
  openLogManager,
} from "../../src/log/log-manager.ts";
import type { FakeWorld } from "../sim/fake-world.ts";

export interface ManagerOptions extends Partial<
  Pick<LogManagerOptions, "directories" | "settings" | "directoryFailed">
> {
  readonly config?: LogConfig;
}

/** Their process is dead: what it still tries is no matter. */
export const deadWorlds = new WeakSet<FakeWorld>();

/** A directory that fails is a failure of the test, unless it says what becomes of it. */
export async function loadedManager(
  world: FakeWorld,
  options: ManagerOptions = {},
): Promise<LogManager> {
  const { manager, load } = managerBeforeLoad(world, options);
  world.clock.settle();
  await load;
  return manager;
}

/** The same for who settles the clock by himself. */
export function managerBeforeLoad(
  world: FakeWorld,
  options: ManagerOptions = {},
): { readonly manager: LogManager; readonly load: Promise<void> } {
  const { config = DEFAULT_LOG_CONFIG, ...given } = options;
  const manager = openLogManager({
    ...world,
    logger: silentLogger,
    directories: ["/data"],
    configOf: () => config,
    settings: DEFAULT_LOG_SETTINGS,
    directoryFailed: (directory, error) => {
      if (!deadWorlds.has(world)) throw new Error(`${directory.path}: ${error.message}`);
    },
    ...given,
  });
  return { manager, load: manager.load() };
}
