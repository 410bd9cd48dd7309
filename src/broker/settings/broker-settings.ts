/**
 * Every setting of a broker, in one table; so is every setting of a topic, a group and the rest.
 *
 * Validation, defaults, DescribeConfigs and the list of settings without effect derive from it.
 */
import { groupSettings } from "./group-settings.ts";
import { logSettings } from "./log-settings.ts";
import { metricSettings } from "./metric-settings.ts";
import { networkSettings } from "./network-settings.ts";
import { nodeSettings } from "./node-settings.ts";
import { remoteSettings } from "./remote-settings.ts";
import { replicationSettings } from "./replication-settings.ts";
import { securitySettings } from "./security-settings.ts";
import type { Setting, ValueOf } from "./setting.ts";
import { shareSettings } from "./share-settings.ts";
import { streamsSettings } from "./streams-settings.ts";
import { transactionSettings } from "./transaction-settings.ts";

export const brokerSettings = {
  ...nodeSettings,
  ...networkSettings,
  ...logSettings,
  ...replicationSettings,
  ...remoteSettings,
  ...groupSettings,
  ...shareSettings,
  ...streamsSettings,
  ...transactionSettings,
  ...securitySettings,
  ...metricSettings,
};

export type BrokerSettingName = keyof typeof brokerSettings;
export type BrokerSettingValue<N extends BrokerSettingName> = ValueOf<(typeof brokerSettings)[N]>;

/** The same table, for names that are only known at run time. */
export const brokerTable: ReadonlyMap<string, Setting> = new Map(Object.entries(brokerSettings));
