/** ISO 8601 durations of days and below, as Java's Duration reads them. */

/** Null for anything else, and for a negative one. */
export function durationMs(text: string): number | null {
  if (/[PT]$/i.test(text)) return null;
  const match = FORM.exec(text);
  if (match === null) return null;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return Math.floor(((days! * 24 + hours!) * 60 + minutes!) * 60_000 + seconds! * 1000);
}

const FORM = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{0,9})?)S)?)?$/i;
