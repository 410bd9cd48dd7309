/** What the settings of a share group, and the broker's where it has none, say of its records. */
import { groupValue } from "../settings/group-config.ts";
import type { SettingTexts, Settings } from "../settings/settings.ts";

export interface ShareGroupLimits {
  /** share.record.lock.duration.ms */
  readonly recordLockDurationMs: number;
  /** share.delivery.count.limit: a record that was delivered so often is archived. */
  readonly deliveryCountLimit: number;
  /** share.partition.max.record.locks: records that may be in flight in one partition. */
  readonly recordLocksMax: number;
  /** share.renew.acknowledge.enable (KIP-1222) */
  readonly mayRenew: boolean;
}

/** Asks the settings anew each time, as they change while the node runs. */
export function shareGroupLimits(settings: Settings, own: () => SettingTexts): ShareGroupLimits {
  return {
    get recordLockDurationMs() {
      return groupValue(settings, own(), "share.record.lock.duration.ms");
    },
    get deliveryCountLimit() {
      return groupValue(settings, own(), "share.delivery.count.limit");
    },
    get recordLocksMax() {
      return groupValue(settings, own(), "share.partition.max.record.locks");
    },
    get mayRenew() {
      return groupValue(settings, own(), "share.renew.acknowledge.enable");
    },
  };
}

/**
 * From this count on a record is delivered among fewer and fewer others, so that one which nobody
 * can read does not take the others with it.
 */
export function throttlingDeliveryCount({ deliveryCountLimit }: ShareGroupLimits): number {
  return Math.max(2, Math.ceil(deliveryCountLimit / 2));
}
