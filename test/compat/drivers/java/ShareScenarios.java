package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Share groups (KIP-932): who gets which record, how often, and what becomes of it. */
final class ShareScenarios {
    private static final String TOOLS = "org.apache.kafka.tools.";

    private final Clients clients;
    private final Tools tools;

    ShareScenarios(Clients clients) {
        this.clients = clients;
        this.tools = new Tools(clients.bootstrap);
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("share-implicit", this::implicit);
        scenarios.put("share-explicit", this::explicit);
        scenarios.put("share-delivery-limit", this::deliveryLimit);
        scenarios.put("share-two-members", this::twoMembers);
        scenarios.put("share-two-groups", this::twoGroups);
        scenarios.put("share-lock-timeout", this::lockTimeout);
        scenarios.put("share-renew", this::renew);
        scenarios.put("share-left-behind", this::leftBehind);
        scenarios.put("share-record-limit", this::recordLimit);
        scenarios.put("share-read-committed", this::readCommitted);
        scenarios.put("share-reset", this::reset);
        scenarios.put("share-deleted-records", this::deletedRecords);
        scenarios.put("share-compacted", this::compacted);
        scenarios.put("share-codecs", this::codecs);
        scenarios.put("share-console", this::console);
        scenarios.put("share-verifiable", this::verifiable);
        if (killable()) scenarios.put("share-kill", this::kill);
    }

    /** Groups begin at the end of the log unless they are told otherwise. */
    private void configure(String group, String... namesAndValues) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.GROUP, group);
        var changes = new ArrayList<AlterConfigOp>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            var entry = new ConfigEntry(namesAndValues[i], namesAndValues[i + 1]);
            changes.add(new AlterConfigOp(entry, AlterConfigOp.OpType.SET));
        }
        clients.admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
        Kit.until("the configs of " + group, () -> {
            var known = clients.admin.describeConfigs(List.of(resource)).all().get().get(resource);
            return changes.stream().map(AlterConfigOp::configEntry).allMatch(entry ->
                    entry.value().equals(known.get(entry.name()).value()));
        });
    }

    private void earliest(String group, String... namesAndValues) throws Exception {
        configure(group, "share.auto.offset.reset", "earliest");
        if (namesAndValues.length > 0) configure(group, namesAndValues);
    }

    /** A topic, and a group by its name that begins with the first of its records. */
    private String filled(String topic, int partitions, int perPartition, String... namesAndValues)
            throws Exception {
        clients.createTopic(topic, partitions);
        clients.fill(topic, partitions, perPartition, "v");
        earliest(topic, namesAndValues);
        return topic;
    }

    private Object implicit() throws Exception {
        var topic = filled("s-implicit", 2, 5);
        var outcome = facts();
        try (var sharer = new Sharer(clients, topic, topic)) {
            outcome.put("first", sharer.take(10, null));
            outcome.put("lock", sharer.consumer.acquisitionLockTimeoutMs().orElse(null));
        }
        clients.fill(topic, 1, 2, "w");
        try (var sharer = new Sharer(clients, topic, topic)) {
            outcome.put("second", sharer.take(2, null));
            outcome.put("nothing", sharer.listen(300));
        }
        return outcome;
    }

    private Object explicit() throws Exception {
        var topic = filled("s-explicit", 1, 10);
        var outcome = facts();
        var types = List.of(AcknowledgeType.ACCEPT, AcknowledgeType.RELEASE, AcknowledgeType.REJECT);
        try (var sharer = Sharer.explicit(clients, topic, topic)) {
            outcome.put("first", sharer.pollSome());
            outcome.put("unfinished", outcomeOf(() -> sharer.poll(100)));
            for (int i = 0; i < sharer.polled.size(); i++) {
                sharer.consumer.acknowledge(sharer.polled.get(i), types.get(i % 3));
            }
            outcome.put("committed", sharer.commit());
            outcome.put("given back", sharer.pollSome());
            sharer.acknowledge(AcknowledgeType.RELEASE);
            outcome.put("on the way", sharer.pollSome());
            sharer.acknowledge(AcknowledgeType.ACCEPT);
            var last = sharer.polled.get(0);
            outcome.put("committed again", sharer.commit());
            outcome.put("not its own", outcomeOf(() -> {
                sharer.consumer.acknowledge(last, AcknowledgeType.ACCEPT);
                return "acknowledged";
            }));
            outcome.put("nothing", sharer.listen(300));
        }
        return outcome;
    }

    private Object deliveryLimit() throws Exception {
        var topic = filled("s-limit", 1, 4, "share.delivery.count.limit", "3");
        var polls = new ArrayList<List<String>>();
        try (var sharer = Sharer.explicit(clients, topic, topic)) {
            polls.add(sharer.pollSome());
            long end = System.nanoTime() + Duration.ofSeconds(2).toNanos();
            while (System.nanoTime() < end) {
                sharer.acknowledge(AcknowledgeType.RELEASE);
                var polled = sharer.poll(100);
                if (!polled.isEmpty()) polls.add(polled);
            }
        }
        return polls;
    }

    /** Each record comes to one of them, whichever that is. */
    private Object twoMembers() throws Exception {
        var topic = "s-two";
        clients.createTopic(topic, 1);
        earliest(topic);
        var seen = new TreeMap<Integer, Integer>();
        var perMember = new int[2];
        try (var first = new Sharer(clients, topic, topic, "max.poll.records", 5);
                var second = new Sharer(clients, topic, topic, "max.poll.records", 5)) {
            for (int round = 0; round < 40; round++) clients.fill(topic, 1, 5, "v" + round + "-");
            Kit.until("all records", () -> {
                for (var sharer : List.of(first, second)) {
                    sharer.poll(50);
                    perMember[sharer == first ? 0 : 1] += sharer.polled.size();
                    sharer.polled.forEach(r -> seen.merge((int) r.offset(), 1, Integer::sum));
                }
                return seen.size() == 200;
            });
        }
        return facts("records", seen.size(), "once", seen.values().stream().allMatch(n -> n == 1),
                "both", perMember[0] > 0 && perMember[1] > 0);
    }

    private Object twoGroups() throws Exception {
        var topic = "s-groups";
        clients.createTopic(topic, 3);
        clients.fill(topic, 3, 3, "v");
        var outcome = facts();
        for (var group : List.of("s-groups-a", "s-groups-b")) {
            earliest(group);
            try (var sharer = new Sharer(clients, group, topic)) {
                outcome.put(group, sharer.take(9, null));
            }
        }
        return outcome;
    }

    private Object lockTimeout() throws Exception {
        var topic = filled("s-lock", 1, 5, "share.record.lock.duration.ms", "1000");
        var outcome = facts();
        try (var slow = Sharer.explicit(clients, topic, topic);
                var quick = Sharer.explicit(clients, topic, topic)) {
            outcome.put("slow", slow.pollSome());
            outcome.put("lock", slow.consumer.acquisitionLockTimeoutMs().orElse(null));
            outcome.put("quick", quick.pollSome());
            slow.acknowledge(AcknowledgeType.ACCEPT);
            outcome.put("too late", slow.commit());
            quick.acknowledge(AcknowledgeType.ACCEPT);
            outcome.put("in time", quick.commit());
            outcome.put("nothing", quick.listen(300));
        }
        return outcome;
    }

    private Object renew() throws Exception {
        var topic = filled("s-renew", 1, 3, "share.record.lock.duration.ms", "1500");
        var outcome = facts();
        try (var sharer = Sharer.explicit(clients, topic, topic)) {
            outcome.put("first", sharer.pollSome());
            var records = sharer.polled;
            var renewals = new TreeSet<String>();
            for (int round = 0; round < 4; round++) {
                for (var record : records) {
                    sharer.consumer.acknowledge(record, AcknowledgeType.RENEW);
                }
                renewals.add(sharer.commit().toString());
                // Longer in all than one lock lasts.
                pause(600);
                // Renewed records come back with the next poll, delivered no more often.
                outcome.put("again", sharer.poll(600));
                records = sharer.polled.isEmpty() ? records : sharer.polled;
            }
            outcome.put("renewals", renewals);
            for (var record : records) {
                sharer.consumer.acknowledge(record, AcknowledgeType.ACCEPT);
            }
            outcome.put("accepted", sharer.commit());
            outcome.put("nothing", sharer.listen(300));
        }
        return outcome;
    }

    /** A member that closes gives back what it has not acknowledged. */
    private Object leftBehind() throws Exception {
        var topic = filled("s-left", 1, 6);
        var outcome = facts();
        try (var first = Sharer.explicit(clients, topic, topic)) {
            outcome.put("first", first.pollSome());
            for (var record : first.polled.subList(0, 2)) {
                first.consumer.acknowledge(record, AcknowledgeType.ACCEPT);
            }
        }
        try (var second = new Sharer(clients, topic, topic)) {
            outcome.put("second", second.take(4, null));
        }
        return outcome;
    }

    private Object recordLimit() throws Exception {
        var topic = filled("s-strict", 1, 10);
        var polls = new ArrayList<List<String>>();
        try (var sharer = Sharer.explicit(clients, topic, topic, "max.poll.records", 3,
                "share.acquire.mode", "record_limit")) {
            for (int round = 0; round < 4; round++) {
                polls.add(sharer.pollSome());
                sharer.acknowledge(AcknowledgeType.ACCEPT);
                sharer.commit();
            }
        }
        return polls;
    }

    private Object readCommitted() throws Exception {
        var topic = "s-committed";
        clients.createTopic(topic, 1);
        earliest(topic, "share.isolation.level", "read_committed");
        earliest("s-uncommitted");
        try (var producer = clients.producer("transactional.id", "s-tx")) {
            producer.initTransactions();
            for (int i = 0; i < 4; i++) {
                producer.beginTransaction();
                for (int j = 0; j < 3; j++) {
                    producer.send(Clients.record(topic, 0, Kit.T0, null, "t" + i + "-" + j));
                }
                // An abort drops what was not sent yet.
                producer.flush();
                if (i % 2 == 0) producer.abortTransaction();
                else producer.commitTransaction();
            }
        }
        clients.fill(topic, 1, 2, "plain");
        var outcome = facts();
        try (var sharer = new Sharer(clients, topic, topic)) {
            outcome.put("committed", sharer.take(8, null));
            outcome.put("nothing", sharer.listen(300));
        }
        try (var sharer = new Sharer(clients, "s-uncommitted", topic)) {
            outcome.put("all", sharer.take(14, null));
        }
        return outcome;
    }

    private Object reset() throws Exception {
        var topic = "s-reset";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 3, "old");
        configure("s-lately", "share.auto.offset.reset", "by_duration:PT1H");
        var outcome = facts();
        try (var latest = new Sharer(clients, "s-latest", topic)) {
            outcome.put("latest, before", latest.listen(1500));
            clients.send(List.of(
                    Clients.record(topic, 0, System.currentTimeMillis(), null, "new")));
            outcome.put("latest", latest.take(1, null));
        }
        try (var lately = new Sharer(clients, "s-lately", topic)) {
            outcome.put("by duration", lately.take(1, null));
        }
        return outcome;
    }

    /** Deleted while they are acquired: a fetch of the client's own may wait for what is released. */
    private Object deletedRecords() throws Exception {
        var topic = "s-deleted";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 5, "v");
        clients.fill(topic, 1, 5, "w");
        earliest(topic);
        var outcome = facts();
        try (var sharer = Sharer.explicit(clients, topic, topic)) {
            outcome.put("all", sharer.pollSome());
            var place = new TopicPartition(topic, 0);
            clients.admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(7))).all().get();
            sharer.acknowledge(AcknowledgeType.RELEASE);
            outcome.put("given back", sharer.commit());
            outcome.put("what is left", sharer.take(3, AcknowledgeType.ACCEPT));
        }
        return outcome;
    }

    /** What a compacted log has lost leaves gaps that nobody waits for. */
    private Object compacted() throws Exception {
        var topic = "s-compacted";
        clients.createTopic(topic, 1, Map.of("cleanup.policy", "compact",
                "min.cleanable.dirty.ratio", "0.01", "segment.ms", "100", "delete.retention.ms", "0"));
        for (int round = 0; round < 3; round++) {
            var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
            for (int i = 0; i < 5; i++) {
                records.add(Clients.record(topic, 0, Kit.T0 + round, "k" + i, "v" + round));
            }
            clients.send(records, "linger.ms", 100);
        }
        clients.send(List.of(Clients.record(topic, 0, Kit.T0 + 1_000_000, "end", "end")));
        Kit.until("the compaction", () -> clients.readAll(topic, 1).size() <= 6
                || pause(200));
        earliest(topic);
        try (var sharer = new Sharer(clients, topic, topic)) {
            return facts("records", sharer.take(6, null), "nothing", sharer.listen(300));
        }
    }

    private static boolean pause(int ms) throws Exception {
        Thread.sleep(ms);
        return false;
    }

    private Object codecs() throws Exception {
        var topic = "s-codecs";
        clients.createTopic(topic, 1);
        for (var codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            clients.send(List.of(Clients.record(topic, 0, Kit.T0, null, codec + "0"),
                    Clients.record(topic, 0, Kit.T0, null, codec + "1")),
                    "compression.type", codec, "linger.ms", 1000);
        }
        earliest(topic);
        try (var sharer = new Sharer(clients, topic, topic)) {
            return sharer.take(10, null);
        }
    }

    private Object console() throws Exception {
        var topic = filled("s-console", 1, 4);
        var first = tools.run(TOOLS + "consumer.ConsoleShareConsumer", "--topic", topic, "--group",
                topic, "--max-messages", "4", "--timeout-ms", "20000",
                "--formatter-property", "print.offset=true",
                "--formatter-property", "print.delivery=true");
        var second = tools.run(TOOLS + "consumer.ConsoleShareConsumer", "--topic", topic, "--group",
                topic, "--timeout-ms", "1500", "--reject");
        return facts("first", first.plain(), "second", second.plain());
    }

    private Object verifiable() throws Exception {
        var topic = "s-verifiable";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 10, "v");
        var consumed = tools.runApart(TOOLS + "VerifiableShareConsumer", "--topic", topic,
                "--group-id", topic, "--max-messages", "10", "--offset-reset-strategy", "earliest",
                "--acknowledgement-mode", "sync", "--verbose");
        return Tools.plainLines(consumed.out()).stream()
                // How many come with a poll is chance.
                .filter(line -> !line.contains("records_consumed\""))
                .filter(line -> !line.contains("offsets_acknowledged\""))
                .map(line -> line.replaceAll("\"timestamp\":TIME,?", ""))
                .sorted()
                .toList();
    }

    private static boolean killable() {
        var pidFile = System.getenv("BUNKA_COMPAT_BROKER_PID");
        return pidFile != null && Files.exists(Path.of(pidFile));
    }

    /**
     * The broker dies between an acknowledgement and the next fetch, and between a fetch and its
     * acknowledgement: what was acknowledged never comes again, and all else does.
     */
    private Object kill() throws Exception {
        var topic = "s-kill";
        int count = 200;
        clients.createTopic(topic, 1);
        for (int i = 0; i < count / 10; i++) clients.fill(topic, 1, 10, "v" + i + "-");
        earliest(topic);
        var done = new TreeSet<Long>();
        var again = new TreeSet<Long>();
        int kills = 0;
        try (var sharer = Sharer.explicit(clients, topic, topic, "max.poll.records", 10)) {
            long end = System.nanoTime() + Duration.ofSeconds(50).toNanos();
            while (done.size() < count && System.nanoTime() < end) {
                sharer.poll(200);
                var offsets = sharer.polled.stream().map(record -> record.offset()).toList();
                offsets.stream().filter(done::contains).forEach(again::add);
                if (kills == 1 && done.size() >= 100 && !offsets.isEmpty()) {
                    killBroker();
                    kills++;
                }
                sharer.acknowledge(AcknowledgeType.ACCEPT);
                if (sharer.commit().equals(Map.of(topic + "-0", "fine"))) done.addAll(offsets);
                if (kills == 0 && done.size() >= 50) {
                    killBroker();
                    kills++;
                }
            }
        }
        return facts("done", done.size(), "again", again, "kills", kills);
    }

    private static void killBroker() throws Exception {
        var file = Path.of(System.getenv("BUNKA_COMPAT_BROKER_PID"));
        // In a cluster nobody may die until all others are back.
        Kit.until("a broker that may die", () -> !Files.readString(file).isBlank());
        var pid = Files.readString(file).strip();
        var process = ProcessHandle.of(Long.parseLong(pid)).orElseThrow();
        process.destroyForcibly();
        process.onExit().get();
    }
}
