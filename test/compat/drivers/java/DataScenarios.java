package compat;

import static compat.Clients.record;
import static compat.Kit.T0;
import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Produce, fetch and offsets with the Java producer and consumer. */
final class DataScenarios {
    private final Clients clients;

    DataScenarios(Clients clients) {
        this.clients = clients;
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("produce-consume", this::produceConsume);
        scenarios.put("codecs", this::codecs);
        scenarios.put("topic-settings", this::topicSettings);
        scenarios.put("large-values", this::largeValues);
        scenarios.put("many-partitions", this::manyPartitions);
        scenarios.put("acks", this::acks);
        scenarios.put("idempotent", this::idempotent);
        scenarios.put("offsets", this::offsets);
        scenarios.put("fetch-from", this::fetchFrom);
        scenarios.put("out-of-range", this::outOfRange);
        scenarios.put("record-too-large", this::recordTooLarge);
        scenarios.put("invalid-record", this::invalidRecord);
        scenarios.put("unknown-topic", this::unknownTopic);
        scenarios.put("auto-create", this::autoCreate);
    }

    private Object produceConsume() throws Exception {
        var topic = "j-produce";
        clients.createTopic(topic, 2);
        var withHeaders = record(topic, 0, T0, "k0", "v0");
        withHeaders.headers().add("h", Clients.bytes("1")).add("null", null)
                .add("empty", new byte[0]).add("h", Clients.bytes("again"));
        var records = List.of(withHeaders,
                record(topic, 0, T0 + 1, null, "no key"),
                record(topic, 0, T0 + 2, "tombstone", null),
                record(topic, 0, T0 + 3, "", ""),
                record(topic, 1, T0 + 9, "ключ", "值 🐦"),
                record(topic, 1, T0 + 5, "earlier than the one before", "v"),
                record(topic, 1, 0, null, null));
        var sent = clients.send(records);
        var read = clients.readAll(topic, records.size()).stream().map(Clients::plain).toList();
        return facts("sent", sent, "read", read);
    }

    private List<ProducerRecord<byte[], byte[]>> many(String topic, int count, int partitions) {
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int i = 0; i < count; i++) {
            var value = ("value " + i + " ").repeat(20);
            records.add(record(topic, i % partitions, T0 + i, "key-" + i % 7, value));
        }
        return records;
    }

    private Object codecs() throws Exception {
        var outcome = facts();
        for (var codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            var topic = "j-codec-" + codec;
            clients.createTopic(topic, 1);
            var settings = new Object[] {"compression.type", codec, "linger.ms", 50};
            var sent = clients.send(many(topic, 200, 1), settings);
            var read = clients.readAll(topic, 200).stream().map(Clients::plain).toList();
            outcome.put(codec, facts("lastSent", sent.get(199), "count", read.size(),
                    "digest", Kit.digest(read), "last", read.get(199)));
        }
        return outcome;
    }

    /** Settings of a topic that change what is stored: recompression and the broker's time. */
    private Object topicSettings() throws Exception {
        var outcome = facts();
        for (var codec : List.of("uncompressed", "gzip", "snappy", "lz4", "zstd")) {
            var topic = "j-recompressed-" + codec;
            clients.createTopic(topic, 1, Map.of("compression.type", codec));
            clients.send(many(topic, 100, 1), "compression.type", "gzip", "linger.ms", 50);
            clients.send(many(topic, 100, 1), "linger.ms", 50);
            var read = clients.readAll(topic, 200).stream().map(Clients::plain).toList();
            outcome.put(codec, facts("count", read.size(), "digest", Kit.digest(read)));
        }
        var topic = "j-append-time";
        clients.createTopic(topic, 1, Map.of("message.timestamp.type", "LogAppendTime"));
        clients.send(List.of(record(topic, 0, T0, null, "v")));
        var first = clients.readAll(topic, 1).get(0);
        outcome.put("appendTime", facts("type", first.timestampType().toString(),
                "isNow", Math.abs(System.currentTimeMillis() - first.timestamp()) < 60_000));
        return outcome;
    }

    private Object largeValues() throws Exception {
        var topic = "j-large";
        clients.createTopic(topic, 1);
        for (int size : List.of(100_000, 1_000_000, 1_048_480)) {
            var value = Kit.filled(size, size % 251);
            clients.send(List.of(new ProducerRecord<>(topic, 0, T0, null, value)),
                    "max.request.size", 2_000_000);
        }
        var outcome = new ArrayList<>();
        for (var read : clients.readAll(topic, 3)) {
            outcome.add(read.offset() + " " + read.value().length + " " + Kit.digest(read.value()));
        }
        return outcome;
    }

    private Object manyPartitions() throws Exception {
        var topic = "j-many";
        clients.createTopic(topic, 50);
        clients.send(many(topic, 500, 50));
        var read = clients.readAll(topic, 500);
        var ends = new TreeMap<Integer, Long>();
        try (var consumer = clients.consumer()) {
            consumer.endOffsets(clients.partitionsOf(topic))
                    .forEach((place, end) -> ends.put(place.partition(), end));
        }
        return facts("digest", Kit.digest(read.stream().map(Clients::plain).toList()),
                "ends", ends.toString());
    }

    private Object acks() throws Exception {
        var topic = "j-acks";
        clients.createTopic(topic, 1);
        var outcome = facts();
        for (var level : List.of("1", "all", "0")) {
            var sent = clients.send(List.of(record(topic, 0, T0, null, "acks " + level)),
                    "acks", level, "enable.idempotence", level.equals("all"));
            outcome.put(level, sent);
        }
        outcome.put("read", clients.readAll(topic, 3).stream().map(Clients::shortly).toList());
        return outcome;
    }

    private Object idempotent() throws Exception {
        var topic = "j-idempotent";
        clients.createTopic(topic, 2);
        var settings = new Object[] {"enable.idempotence", true, "batch.size", 500, "linger.ms", 5};
        clients.send(many(topic, 300, 2), settings);
        var read = clients.readAll(topic, 300).stream().map(Clients::plain).toList();
        var place = new TopicPartition(topic, 0);
        var producers = clients.admin.describeProducers(List.of(place)).all().get().get(place);
        var states = producers.activeProducers().stream().map(state -> facts(
                "epoch", state.producerEpoch(), "lastSequence", state.lastSequence(),
                "lastTimestamp", state.lastTimestamp(),
                "coordinatorEpoch", state.coordinatorEpoch().toString(),
                "transactionStart", state.currentTransactionStartOffset().toString())).toList();
        return facts("digest", Kit.digest(read), "producers", states);
    }

    private Object offsets() throws Exception {
        var topic = "j-offsets";
        clients.createTopic(topic, 2);
        clients.fill(topic, 1, 10, "v");
        var outcome = facts();
        for (var partition : List.of(0, 1)) {
            outcome.put("partition " + partition, facts(
                    "earliest", list(topic, partition, OffsetSpec.earliest()),
                    "latest", list(topic, partition, OffsetSpec.latest()),
                    "maxTimestamp", list(topic, partition, OffsetSpec.maxTimestamp()),
                    "earliestLocal", list(topic, partition, OffsetSpec.earliestLocal()),
                    "latestTiered", list(topic, partition, OffsetSpec.latestTiered()),
                    "before", list(topic, partition, OffsetSpec.forTimestamp(T0 - 1)),
                    "exact", list(topic, partition, OffsetSpec.forTimestamp(T0 + 3000)),
                    "between", list(topic, partition, OffsetSpec.forTimestamp(T0 + 3001)),
                    "behind", list(topic, partition, OffsetSpec.forTimestamp(T0 + 100_000))));
        }
        try (var consumer = clients.consumer()) {
            var place = new TopicPartition(topic, 0);
            outcome.put("forTimes", consumer.offsetsForTimes(Map.of(place, T0 + 2500)).toString());
            outcome.put("beginning", consumer.beginningOffsets(List.of(place)).toString());
            outcome.put("end", consumer.endOffsets(List.of(place)).toString());
            consumer.assign(List.of(place));
            consumer.poll(Duration.ofMillis(200));
            outcome.put("lag", String.valueOf(consumer.currentLag(place)));
        }
        return outcome;
    }

    private Object list(String topic, int partition, OffsetSpec spec) {
        var place = new TopicPartition(topic, partition);
        return outcomeOf(() -> {
            var info = clients.admin.listOffsets(Map.of(place, spec)).partitionResult(place).get();
            return info.offset() + " t" + info.timestamp() + " epoch " + info.leaderEpoch();
        });
    }

    private Object fetchFrom() throws Exception {
        var topic = "j-fetch-from";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 10, "v");
        var place = new TopicPartition(topic, 0);
        var outcome = facts();
        try (var consumer = clients.consumer("max.poll.records", 3)) {
            consumer.assign(List.of(place));
            consumer.seek(place, 5);
            var fromFive = Clients.pollUntil(consumer, 3);
            outcome.put("fromFive", fromFive.stream().map(Clients::shortly).toList());
            outcome.put("position", consumer.position(place));
            consumer.seekToEnd(List.of(place));
            outcome.put("end", consumer.position(place));
            clients.send(List.of(record(topic, 0, T0, null, "new")));
            var added = Clients.pollUntil(consumer, 1);
            outcome.put("new", added.stream().map(Clients::shortly).toList());
        }
        try (var consumer = clients.consumer("isolation.level", "read_committed")) {
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            outcome.put("readCommitted", Clients.pollUntil(consumer, 11).size());
        }
        var small = new Object[] {"max.partition.fetch.bytes", 1, "fetch.max.bytes", 1};
        try (var consumer = clients.consumer(small)) {
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            // However small the limit, the first batch is given whole.
            outcome.put("smallFetches", Clients.pollUntil(consumer, 11).size());
        }
        return outcome;
    }

    private Object outOfRange() throws Exception {
        var topic = "j-out-of-range";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 10, "v");
        var place = new TopicPartition(topic, 0);
        var outcome = facts();
        for (var policy : List.of("none", "earliest", "latest")) {
            outcome.put(policy, outcomeOf(() -> {
                try (var consumer = clients.consumer("auto.offset.reset", policy)) {
                    consumer.assign(List.of(place));
                    consumer.seek(place, 1000);
                    Kit.until("a reset", () -> {
                        consumer.poll(Duration.ofMillis(100));
                        return consumer.position(place) != 1000;
                    });
                    return consumer.position(place);
                }
            }));
        }
        return outcome;
    }

    private Object send(
            String topic, byte[] key, byte[] value, long timestamp, Object... settings) {
        var record = new ProducerRecord<>(topic, 0, timestamp, key, value);
        return outcomeOf(() -> clients.send(List.of(record), settings));
    }

    private Object recordTooLarge() throws Exception {
        var topic = "j-too-large";
        clients.createTopic(topic, 1);
        clients.createTopic("j-small", 1, Map.of("max.message.bytes", "1000"));
        var large = new Object[] {"max.request.size", 10_000_000};
        var gzip = new Object[] {"max.request.size", 10_000_000, "compression.type", "gzip"};
        return facts(
                "over", send(topic, null, new byte[1_048_600], T0, large),
                "twice", send(topic, null, new byte[2_097_152], T0, large),
                "compressed", send(topic, null, new byte[2_097_152], T0, gzip),
                "overOfTopic", send("j-small", null, new byte[1000], T0),
                "underOfTopic", send("j-small", null, new byte[900], T0),
                "read", clients.readAll("j-small", 1).size());
    }

    /** Records that the broker refuses for what is in them. */
    private Object invalidRecord() throws Exception {
        clients.createTopic("j-keys", 1, Map.of("cleanup.policy", "compact"));
        clients.createTopic("j-times", 1, Map.of("message.timestamp.before.max.ms", "1000"));
        var value = Clients.bytes("v");
        var future = System.currentTimeMillis() + Duration.ofDays(1).toMillis();
        return facts(
                "noKeyOnCompacted", send("j-keys", null, value, T0),
                "keyOnCompacted", send("j-keys", value, value, T0),
                "inTheFuture", send("j-times", null, value, future),
                "tooOld", send("j-times", null, value, T0));
    }

    private Object unknownTopic() throws Exception {
        clients.createTopic("j-one-partition", 1);
        var quick = new Object[] {"max.block.ms", 1500};
        var place = new TopicPartition("j-no-such-topic", 0);
        var noCreation = new Object[] {
            "allow.auto.create.topics", false, "default.api.timeout.ms", 1500};
        return facts(
                "produceBadName", send("j/slash", null, null, T0, quick),
                "partitionsFor", outcomeOf(() -> {
                    try (var consumer = clients.consumer(noCreation)) {
                        return consumer.partitionsFor("j-no-such-topic").size();
                    }
                }),
                "endOffsets", outcomeOf(() -> {
                    try (var consumer = clients.consumer(noCreation)) {
                        return consumer.endOffsets(List.of(place)).size();
                    }
                }),
                "subscribeBadName", outcomeOf(() -> {
                    try (var consumer = clients.consumer("group.id", "j-bad-name")) {
                        consumer.subscribe(List.of("j/slash"));
                        return Clients.pollUntil(consumer, 1).size();
                    }
                }));
    }

    private Object autoCreate() throws Exception {
        var sent = clients.send(List.of(record("j-auto", 0, T0, "k", "first")));
        return facts("sent", sent, "partitions", clients.partitionsOf("j-auto").size(),
                "read", clients.readAll("j-auto", 1).stream().map(Clients::shortly).toList());
    }
}
