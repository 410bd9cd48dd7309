package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.AbortTransactionOptions;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.FeatureUpdate.UpgradeType;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;

/** Transactions: what readers see, offsets in them, fencing, time-outs, both generations. */
final class TransactionScenarios {
    private static final String TRANSACTION_VERSION = "transaction.version";

    private final Clients clients;
    private final TransactionKit kit;

    TransactionScenarios(Clients clients) {
        this.clients = clients;
        this.kit = new TransactionKit(clients);
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("txn-commit", this::commit);
        scenarios.put("txn-abort", this::abort);
        scenarios.put("txn-offsets", this::offsets);
        scenarios.put("txn-offsets-errors", this::offsetsErrors);
        scenarios.put("txn-fencing", this::fencing);
        scenarios.put("txn-timeout", this::timeout);
        scenarios.put("txn-admin", this::admin);
        scenarios.put("txn-errors", this::errors);
        scenarios.put("txn-many", () -> many("j-txn-many"));
        scenarios.put("txn-generations", this::generations);
    }

    private Object commit() throws Exception {
        var topic = "j-txn-commit";
        clients.createTopic(topic, 2);
        var outcome = facts();
        try (var producer = kit.producer(topic)) {
            outcome.put("initialised", kit.described(topic));
            producer.beginTransaction();
            TransactionKit.send(producer, topic, 2, "a");
            outcome.put("open", kit.views(topic));
            outcome.put("ongoing", kit.described(topic));
            outcome.put("producersWhileOpen", kit.producers(topic));
            producer.commitTransaction();
            outcome.put("after", kit.viewsAfter(topic, topic));
            producer.beginTransaction();
            TransactionKit.send(producer, topic, 2, "b");
            TransactionKit.send(producer, topic, 2, "c");
            clients.fill(topic, 2, 1, "beside");
            outcome.put("secondOpen", kit.views(topic));
            producer.commitTransaction();
            kit.untilState(topic, "CompleteCommit");
            outcome.put("secondAfter", kit.views(topic));
            outcome.put("described", kit.described(topic));
            outcome.put("producers", kit.producers(topic));
            producer.beginTransaction();
            producer.commitTransaction();
            outcome.put("afterEmpty", kit.ends(topic));
        }
        return outcome;
    }

    private Object abort() throws Exception {
        var topic = "j-txn-abort";
        clients.createTopic(topic, 2);
        var outcome = facts();
        try (var first = kit.producer(topic); var second = kit.producer(topic + "-2")) {
            first.beginTransaction();
            TransactionKit.send(first, topic, 2, "first");
            second.beginTransaction();
            TransactionKit.send(second, topic, 2, "second");
            first.abortTransaction();
            outcome.put("firstAborted", kit.viewsAfter(topic, topic));
            TransactionKit.send(second, topic, 1, "second again");
            second.commitTransaction();
            outcome.put("secondCommitted", kit.viewsAfter(topic + "-2", topic));
            first.beginTransaction();
            TransactionKit.send(first, topic, 2, "third");
            first.commitTransaction();
            outcome.put("third", kit.viewsAfter(topic, topic));
            second.beginTransaction();
            second.abortTransaction();
            second.beginTransaction();
            TransactionKit.send(second, topic, 2, "dropped");
            second.close(Duration.ZERO);
            outcome.put("left", kit.views(topic));
            try (var again = kit.producer(topic + "-2")) {
                outcome.put("abortedByTheNext", kit.viewsAfter(topic + "-2", topic));
            }
            outcome.put("described", kit.described(topic + "-2"));
        }
        return outcome;
    }

    private KafkaConsumer<byte[], byte[]> member(String group, String topic, Object... settings)
            throws Exception {
        var all = new ArrayList<Object>(List.of("group.id", group,
                "isolation.level", "read_committed", "enable.auto.commit", false));
        all.addAll(List.of(settings));
        var consumer = clients.consumer(all.toArray());
        consumer.subscribe(List.of(topic));
        Clients.pollUntil(consumer, 6);
        return consumer;
    }

    private static Map<TopicPartition, OffsetAndMetadata> positions(
            KafkaConsumer<byte[], byte[]> consumer) {
        var positions = new TreeMap<TopicPartition, OffsetAndMetadata>(
                (a, b) -> a.toString().compareTo(b.toString()));
        for (var place : consumer.assignment()) {
            positions.put(place, new OffsetAndMetadata(consumer.position(place), "in txn"));
        }
        return positions;
    }

    private Object offsets() throws Exception {
        var topic = "j-txn-offsets";
        clients.createTopic(topic, 2);
        clients.createTopic(topic + "-out", 1);
        clients.fill(topic, 2, 3, "v");
        var outcome = facts();
        try (var producer = kit.producer(topic); var consumer = member(topic, topic)) {
            var positions = positions(consumer);
            producer.beginTransaction();
            TransactionKit.send(producer, topic + "-out", 1, "copied");
            producer.sendOffsetsToTransaction(positions, consumer.groupMetadata());
            outcome.put("pending", kit.committed(topic, false));
            outcome.put("pendingStable", kit.committed(topic, true));
            outcome.put("ongoing", kit.described(topic));
            producer.abortTransaction();
            kit.untilState(topic, "CompleteAbort");
            outcome.put("aborted", kit.committed(topic, true));
            producer.beginTransaction();
            TransactionKit.send(producer, topic + "-out", 1, "copied again");
            producer.sendOffsetsToTransaction(positions, consumer.groupMetadata());
            producer.commitTransaction();
            kit.untilState(topic, "CompleteCommit");
            outcome.put("committed", kit.committed(topic, true));
            outcome.put("out", kit.views(topic + "-out"));
            var zero = new TopicPartition(topic, 0);
            // Plain commits in the middle of a transaction, and offsets without any record.
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(
                    Map.of(zero, new OffsetAndMetadata(1, "only offsets")),
                    consumer.groupMetadata());
            consumer.commitSync(Map.of(zero, new OffsetAndMetadata(2, "plain")));
            outcome.put("plain", kit.committed(topic, false));
            producer.commitTransaction();
            kit.untilState(topic, "CompleteCommit");
            outcome.put("laterWins", kit.committed(topic, true));
        }
        return outcome;
    }

    private Object offsetsErrors() throws Exception {
        var topic = "j-txn-offsets-errors";
        clients.createTopic(topic, 2);
        clients.fill(topic, 2, 3, "v");
        var outcome = facts();
        try (var consumer = member(topic, topic, "group.instance.id", "one")) {
            var real = consumer.groupMetadata();
            var positions = positions(consumer);
            var wrong = new TreeMap<String, ConsumerGroupMetadata>(Map.of(
                    "oldGeneration", new ConsumerGroupMetadata(topic, real.generationId() - 1,
                            real.memberId(), real.groupInstanceId()),
                    "unknownMember", new ConsumerGroupMetadata(topic, real.generationId(),
                            "nobody", java.util.Optional.empty()),
                    "fencedInstance", new ConsumerGroupMetadata(topic, real.generationId(),
                            "nobody", real.groupInstanceId()),
                    "withoutMember", new ConsumerGroupMetadata(topic),
                    "emptyGroup", new ConsumerGroupMetadata("j-txn-no-such-group")));
            for (var entry : wrong.entrySet()) {
                try (var producer = kit.producer(topic + entry.getKey())) {
                    producer.beginTransaction();
                    outcome.put(entry.getKey(), outcomeOf(() -> {
                        producer.sendOffsetsToTransaction(positions, entry.getValue());
                        producer.commitTransaction();
                        return "committed";
                    }));
                    outcome.put(entry.getKey() + " abort", outcomeOf(() -> {
                        producer.abortTransaction();
                        return "aborted";
                    }));
                }
            }
            outcome.put("committed", kit.committed(topic, true));
        }
        return outcome;
    }

    private Object send(KafkaProducer<byte[], byte[]> producer, String topic) {
        return outcomeOf(() -> Clients.place(
                producer.send(Clients.record(topic, 0, Kit.T0, null, "late")).get()));
    }

    private Object fencing() throws Exception {
        var topic = "j-txn-fencing";
        clients.createTopic(topic, 1);
        var outcome = facts();
        try (var zombie = kit.producer(topic)) {
            zombie.beginTransaction();
            TransactionKit.send(zombie, topic, 1, "zombie");
            try (var next = kit.producer(topic)) {
                outcome.put("takenOver", kit.views(topic));
                outcome.put("zombieSends", send(zombie, topic));
                // Which of two texts comes with it depends on what was sent last.
                outcome.put("zombieCommits", outcomeOf(() -> {
                    zombie.commitTransaction();
                    return "committed";
                }).toString().replaceAll(":.*", ""));
                next.beginTransaction();
                TransactionKit.send(next, topic, 1, "next");
                next.commitTransaction();
                outcome.put("after", kit.viewsAfter(topic, topic));
                clients.admin.fenceProducers(List.of(topic)).all().get();
                outcome.put("fencedByAdmin", outcomeOf(() -> {
                    next.beginTransaction();
                    TransactionKit.send(next, topic, 1, "fenced");
                    next.commitTransaction();
                    return "committed";
                }).toString().replaceAll(":.*", ""));
            }
            outcome.put("end", kit.views(topic));
            outcome.put("fenceUnknown", outcomeOf(() -> clients.admin.fenceProducers(
                    List.of("j-txn-never-seen")).all().get()));
        }
        try (var idle = kit.producer(topic + "-idle"); var other = kit.producer(topic + "-idle")) {
            outcome.put("idleZombie", outcomeOf(() -> {
                idle.beginTransaction();
                TransactionKit.send(idle, topic, 1, "idle");
                idle.commitTransaction();
                return "committed";
            }).toString().replaceAll(":.*", ""));
            outcome.put("otherGoesOn", outcomeOf(() -> {
                other.beginTransaction();
                TransactionKit.send(other, topic, 1, "other");
                other.commitTransaction();
                return "committed";
            }));
        }
        outcome.put("afterIdle", kit.viewsAfter(topic + "-idle", topic));
        return outcome;
    }

    private Object timeout() throws Exception {
        var topic = "j-txn-timeout";
        clients.createTopic(topic, 1);
        var outcome = facts();
        try (var producer = kit.producer(topic, "transaction.timeout.ms", 500)) {
            producer.beginTransaction();
            TransactionKit.send(producer, topic, 1, "late");
            kit.untilState(topic, "CompleteAbort");
            outcome.put("views", kit.views(topic));
            outcome.put("described", kit.described(topic));
            outcome.put("commit", outcomeOf(() -> {
                producer.commitTransaction();
                return "committed";
            }));
            outcome.put("abort", outcomeOf(() -> {
                producer.abortTransaction();
                return "aborted";
            }));
            outcome.put("next", outcomeOf(() -> {
                producer.beginTransaction();
                TransactionKit.send(producer, topic, 1, "next");
                producer.commitTransaction();
                return "committed";
            }));
        }
        outcome.put("end", kit.views(topic));
        return outcome;
    }

    private static List<String> plain(java.util.Collection<TransactionListing> listings) {
        return listings.stream()
                .filter(listing -> listing.transactionalId().startsWith("j-txn-admin"))
                .map(listing -> listing.transactionalId() + " " + listing.state())
                .sorted().toList();
    }

    private Object listed(ListTransactionsOptions options) {
        return outcomeOf(() -> plain(clients.admin.listTransactions(options).all().get()));
    }

    private Object admin() throws Exception {
        var topic = "j-txn-admin";
        clients.createTopic(topic, 2);
        var outcome = facts();
        try (var open = kit.producer(topic); var done = kit.producer(topic + "-done")) {
            kit.producer(topic + "-empty").close();
            done.beginTransaction();
            TransactionKit.send(done, topic, 1, "done");
            done.commitTransaction();
            kit.untilState(topic + "-done", "CompleteCommit");
            open.beginTransaction();
            TransactionKit.send(open, topic, 2, "open");
            var producerId = kit.producersOf(topic, 1).get(0).producerId();
            var ongoing = new ListTransactionsOptions()
                    .filterStates(Set.of(TransactionState.ONGOING));
            outcome.put("all", listed(new ListTransactionsOptions()));
            outcome.put("ongoing", listed(ongoing));
            outcome.put("byProducer", listed(new ListTransactionsOptions()
                    .filterProducerIds(Set.of(producerId))));
            outcome.put("long", listed(new ListTransactionsOptions().filterOnDuration(3_600_000)));
            outcome.put("short", listed(new ListTransactionsOptions().filterOnDuration(0)));
            outcome.put("pattern", listed(new ListTransactionsOptions()
                    .filterOnTransactionalIdPattern("j-txn-.*-(done|empty)")));
            outcome.put("badPattern", listed(new ListTransactionsOptions()
                    .filterOnTransactionalIdPattern("(")));
            outcome.put("described", kit.described(topic));
            outcome.put("unknown", kit.described("j-txn-admin-unknown"));
            var state = kit.producersOf(topic, 1).get(0);
            var spec = new AbortTransactionSpec(new TopicPartition(topic, 1), producerId,
                    (short) state.producerEpoch(), state.coordinatorEpoch().orElse(0));
            var briefly = new AbortTransactionOptions().timeoutMs(2000);
            outcome.put("abortPartition", outcomeOf(
                    () -> clients.admin.abortTransaction(spec, briefly).all().get()));
            outcome.put("afterAbort", kit.views(topic));
            outcome.put("stillOngoing", listed(ongoing));
            clients.admin.forceTerminateTransaction(topic).result().get();
            outcome.put("terminated", kit.views(topic));
            outcome.put("terminatedState", kit.described(topic));
            outcome.put("terminateUnknown", outcomeOf(() -> clients.admin
                    .forceTerminateTransaction("j-txn-admin-unknown").result().get()));
        }
        return outcome;
    }

    private Object errors() throws Exception {
        var topic = "j-txn-errors";
        clients.createTopic(topic, 1);
        var outcome = facts("timeoutTooLong", outcomeOf(() -> {
            kit.producer(topic + "-long", "transaction.timeout.ms", 2_000_000_000).close();
            return null;
        }));
        try (var producer = kit.producer(topic, "max.request.size", 4_000_000)) {
            producer.beginTransaction();
            var large = new org.apache.kafka.clients.producer.ProducerRecord<byte[], byte[]>(
                    topic, 0, Kit.T0, null, Kit.filled(2_000_000, 7));
            outcome.put("tooLarge", outcomeOf(() -> producer.send(large).get()));
            // Which of two errors depends on how far the producer is with the first one.
            outcome.put("commitAfterError", Kit.succeeds(() -> {
                producer.commitTransaction();
                return "committed";
            }));
            producer.abortTransaction();
            producer.beginTransaction();
            TransactionKit.send(producer, topic, 1, "after the error");
            producer.commitTransaction();
        }
        outcome.put("views", kit.viewsAfter(topic, topic));
        return outcome;
    }

    /** Many transactions over ten partitions; every third is aborted. */
    private Object many(String topic) throws Exception {
        clients.createTopic(topic, 10);
        try (var producer = kit.producer(topic)) {
            for (int i = 0; i < 60; i++) {
                producer.beginTransaction();
                for (int partition = 0; partition < 10; partition += 1 + i % 3) {
                    producer.send(Clients.record(topic, partition, Kit.T0, null, "t" + i));
                }
                // What is not sent yet when it is aborted never comes to the log.
                producer.flush();
                if (i % 3 == 2) producer.abortTransaction();
                else producer.commitTransaction();
            }
        }
        var epoch = Pattern.compile("epoch=\\d+").matcher(kit.described(topic).toString());
        var views = kit.viewsAfter(topic, topic);
        return facts("committed", Kit.digest(views.get("committed")),
                "count", ((List<?>) views.get("committed")).size(),
                "ends", views.get("ends"), "epoch", epoch.find() ? epoch.group() : "none");
    }

    /** The broker with transactions of the older generations, and back; some producers live on. */
    private Object generations() throws Exception {
        var topic = "j-txn-generations";
        clients.createTopic(topic, 1);
        var outcome = facts("before", kit.finalized(TRANSACTION_VERSION));
        for (var level : List.of(1, 0, 1, 2)) {
            int before = kit.finalized(TRANSACTION_VERSION);
            var at = before + " to " + level;
            var type = level > before ? UpgradeType.UPGRADE : UpgradeType.SAFE_DOWNGRADE;
            try (var survivor = kit.producer(topic + at)) {
                // Kafka itself cannot finish a transaction that began above level 0 at level 0.
                var crosses = level > 0 && before > 0;
                if (crosses) {
                    survivor.beginTransaction();
                    TransactionKit.send(survivor, topic, 1, "across " + at);
                }
                outcome.put(at, kit.setFeature(TRANSACTION_VERSION, level, type));
                if (crosses) {
                    outcome.put(at + " across", outcomeOf(() -> {
                        survivor.commitTransaction();
                        return "committed";
                    }));
                }
            }
            try (var fresh = kit.producer(topic + level)) {
                fresh.beginTransaction();
                TransactionKit.send(fresh, topic, 1, "fresh " + at);
                fresh.commitTransaction();
                fresh.beginTransaction();
                TransactionKit.send(fresh, topic, 1, "aborted " + at);
                fresh.abortTransaction();
            }
            kit.untilState(topic + level, "CompleteAbort");
            outcome.put(at + " described", kit.described(topic + level));
        }
        outcome.put("views", kit.views(topic));
        outcome.put("tooHigh", kit.setFeature(TRANSACTION_VERSION, 9, UpgradeType.UPGRADE));
        return outcome;
    }
}
