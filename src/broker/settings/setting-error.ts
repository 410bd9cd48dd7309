/** A setting that is refused; the message is one line that names it. */
export class SettingError extends Error {}

/** Kafka's words for a value that a setting does not take. */
export function invalidValue(name: string, value: string | null, reason?: string): SettingError {
  const head = `Invalid value ${value} for configuration ${name}`;
  return new SettingError(reason === undefined ? head : `${head}: ${reason}`);
}
