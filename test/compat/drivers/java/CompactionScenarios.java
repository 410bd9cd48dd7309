package compat;

import static compat.Kit.facts;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.config.ConfigResource;

/** Compacted topics: what is left of keys, tombstones and transactions, and where. */
final class CompactionScenarios {
    private static final int KEYS = 20;
    private static final int ROUNDS = 12;
    private static final String NEVER = "1.0";
    private static final String ALWAYS = "0.001";

    private final Clients clients;
    private final TransactionKit kit;

    CompactionScenarios(Clients clients) {
        this.clients = clients;
        this.kit = new TransactionKit(clients);
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("compaction", this::compaction);
        scenarios.put("compaction-delete", this::compactAndDelete);
    }

    private Object compaction() throws Exception {
        var topic = "j-compacted";
        alter(ConfigResource.Type.BROKER, "", "log.cleaner.backoff.ms", "100");
        clients.createTopic(topic, 1, Map.of("cleanup.policy", "compact",
                "internal.segment.bytes", "4000", "delete.retention.ms", "0",
                "min.cleanable.dirty.ratio", NEVER));
        for (var codec : List.of("none", "lz4", "zstd")) plain(topic, codec, codec);
        transactions(topic);
        plain(topic, "none", "last");
        tombstones(topic);
        roll(topic);
        var outcome = facts("before", kit.view(topic, "read_committed").size());
        clean(topic, () -> isUnique(topic, "read_uncommitted"));
        // The first pass that keeps a tombstone says how long: the next one takes it.
        outcome.put("tombstones", tombstonesIn(topic));
        outcome.put("first", kit.views(topic));
        plain(topic, "gzip", "again");
        roll(topic);
        clean(topic, () -> isUnique(topic, "read_uncommitted") && tombstonesIn(topic) == 0);
        outcome.put("second", kit.views(topic));
        outcome.put("producers", kit.producers(topic));
        return outcome;
    }

    /** Old segments go, whatever their keys. */
    private Object compactAndDelete() throws Exception {
        var topic = "j-compacted-deleted";
        alter(ConfigResource.Type.BROKER, "", "log.cleaner.backoff.ms", "100");
        clients.createTopic(topic, 1, Map.of("cleanup.policy", "compact",
                "internal.segment.bytes", "4000", "retention.ms", "1000",
                "min.cleanable.dirty.ratio", NEVER));
        for (var text : List.of("a", "b", "c")) plain(topic, "none", text);
        roll(topic);
        var outcome = facts("before", kit.ends(topic));
        // All is from long ago; what is in the active segment goes as well.
        alter(ConfigResource.Type.TOPIC, topic, "cleanup.policy", "compact,delete");
        Kit.until("empty", () -> kit.view(topic, "read_uncommitted").isEmpty());
        outcome.put("after", kit.views(topic));
        plain(topic, "none", "later");
        outcome.put("ends", kit.ends(topic));
        return outcome;
    }

    /** A batch for each key, several times. */
    private void plain(String topic, String codec, String text) throws Exception {
        try (var producer = clients.producer("compression.type", codec, "linger.ms", 0)) {
            for (int round = 0; round < ROUNDS; round++) {
                for (int key = round % 3; key < KEYS; key += 3) {
                    var value = text + round + "-" + "x".repeat(30);
                    producer.send(Clients.record(topic, 0, Kit.T0 + round, "k" + key, value));
                    producer.send(Clients.record(topic, 0, Kit.T0 + round, "k" + round, value));
                    producer.flush();
                }
            }
        }
    }

    private void transactions(String topic) throws Exception {
        try (var producer = kit.producer(topic)) {
            for (var isCommit : List.of(true, false)) {
                producer.beginTransaction();
                for (int key = 0; key < KEYS; key += 4) {
                    var value = (isCommit ? "committed" : "aborted") + key;
                    producer.send(Clients.record(topic, 0, Kit.T0, "t" + key, value));
                    producer.flush();
                }
                if (isCommit) producer.commitTransaction();
                else producer.abortTransaction();
                kit.untilState(topic, "Complete(Commit|Abort)");
            }
        }
    }

    private void tombstones(String topic) throws Exception {
        try (var producer = clients.producer("linger.ms", 0)) {
            for (var key : List.of("k3", "k5", "t4", "never")) {
                producer.send(Clients.record(topic, 0, Kit.T0, key, null));
                producer.flush();
            }
        }
    }

    /** The record is alone in the active segment: all before it may be cleaned. */
    private void roll(String topic) throws Exception {
        clients.send(List.of(Clients.record(topic, 0, Kit.T0, "roll", "r".repeat(3800))));
    }

    private void clean(String topic, Kit.Condition isClean) throws Exception {
        alter(ConfigResource.Type.TOPIC, topic, "min.cleanable.dirty.ratio", ALWAYS);
        Kit.until(topic + " is clean", isClean);
        alter(ConfigResource.Type.TOPIC, topic, "min.cleanable.dirty.ratio", NEVER);
    }

    private boolean isUnique(String topic, String isolation) throws Exception {
        var keys = new HashSet<String>();
        for (var record : kit.readToEnd(topic, isolation)) {
            if (!keys.add(Kit.text(record.key())) && !isRoll(record)) return false;
        }
        return true;
    }

    private static boolean isRoll(ConsumerRecord<byte[], byte[]> record) {
        return "roll".equals(Kit.text(record.key()));
    }

    private int tombstonesIn(String topic) throws Exception {
        var keys = new ArrayList<String>();
        for (var record : kit.readToEnd(topic, "read_uncommitted")) {
            if (record.value() == null) keys.add(Kit.text(record.key()));
        }
        return keys.size();
    }

    private void alter(ConfigResource.Type type, String name, String setting, String value)
            throws Exception {
        var operation = new AlterConfigOp(new ConfigEntry(setting, value),
                AlterConfigOp.OpType.SET);
        clients.admin.incrementalAlterConfigs(
                Map.of(new ConfigResource(type, name), List.of(operation))).all().get();
    }
}
