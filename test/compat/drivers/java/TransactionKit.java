package compat;

import static compat.Kit.facts;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.FeatureUpdate.UpgradeType;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/** The steps that the transaction scenarios share: producers, what readers see, what is open. */
final class TransactionKit {
    final Clients clients;

    TransactionKit(Clients clients) {
        this.clients = clients;
    }

    /** A producer that has its transactional id. */
    KafkaProducer<byte[], byte[]> producer(String id, Object... settings) {
        var all = new ArrayList<Object>(List.of("transactional.id", id,
                "transaction.timeout.ms", 60_000, "linger.ms", 0));
        all.addAll(List.of(settings));
        var producer = clients.producer(all.toArray());
        producer.initTransactions();
        return producer;
    }

    static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partitions,
            String value) throws Exception {
        for (int partition = 0; partition < partitions; partition++) {
            producer.send(Clients.record(topic, partition, Kit.T0, null, value));
        }
        // Each call is a batch of its own: where a record lies is the same in every run.
        producer.flush();
    }

    /** What readers of both isolation levels see now, from the beginning to what they call end. */
    Map<String, Object> views(String topic) throws Exception {
        return facts("committed", view(topic, "read_committed"),
                "uncommitted", view(topic, "read_uncommitted"),
                "ends", ends(topic));
    }

    /** The same once the markers of the transaction are written: the producer does not wait. */
    Map<String, Object> viewsAfter(String id, String topic) throws Exception {
        untilState(id, "(Complete.*|Empty)");
        return views(topic);
    }

    List<String> view(String topic, String isolation) throws Exception {
        return readToEnd(topic, isolation).stream().map(Clients::shortly).toList();
    }

    List<ConsumerRecord<byte[], byte[]>> readToEnd(String topic, String isolation)
            throws Exception {
        var records = new ArrayList<ConsumerRecord<byte[], byte[]>>();
        try (var consumer = clients.consumer("isolation.level", isolation)) {
            var partitions = clients.partitionsOf(topic);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            var ends = consumer.endOffsets(partitions);
            Kit.until(topic + " is read", () -> {
                consumer.poll(Duration.ofMillis(50)).forEach(records::add);
                return partitions.stream()
                        .allMatch(place -> consumer.position(place) >= ends.get(place));
            });
        }
        records.sort(Comparator.<ConsumerRecord<byte[], byte[]>>comparingInt(r -> r.partition())
                .thenComparingLong(r -> r.offset()));
        return records;
    }

    /** The end offsets of the partitions, as `last stable/high watermark`. */
    List<String> ends(String topic) throws Exception {
        var asked = new HashMap<TopicPartition, OffsetSpec>();
        var partitions = clients.partitionsOf(topic);
        for (var place : partitions) asked.put(place, OffsetSpec.latest());
        var stable = clients.admin.listOffsets(asked,
                new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all().get();
        var high = clients.admin.listOffsets(asked,
                new ListOffsetsOptions(IsolationLevel.READ_UNCOMMITTED)).all().get();
        return partitions.stream()
                .map(place -> stable.get(place).offset() + "/" + high.get(place).offset())
                .toList();
    }

    /** The transaction as its coordinator describes it; the time it began is chance. */
    Object described(String id) {
        return Kit.outcomeOf(() -> {
            var found = clients.admin.describeTransactions(List.of(id)).all().get().get(id);
            return facts("state", found.state().toString(), "epoch", found.producerEpoch(),
                    "timeoutMs", found.transactionTimeoutMs(),
                    "hasStarted", found.transactionStartTimeMs().isPresent(),
                    "coordinator", found.coordinatorId(),
                    "partitions", Kit.sorted(found.topicPartitions()));
        });
    }

    void untilState(String id, String state) throws Exception {
        Kit.until(id + " is " + state, () -> clients.admin.describeTransactions(List.of(id)).all()
                .get().get(id).state().toString().matches(state));
    }

    List<ProducerState> producersOf(String topic, int partition) throws Exception {
        var place = new TopicPartition(topic, partition);
        return clients.admin.describeProducers(List.of(place)).all().get().get(place)
                .activeProducers();
    }

    List<String> producers(String topic) throws Exception {
        return producersOf(topic, 0).stream()
                .map(state -> "epoch " + state.producerEpoch() + " sequence " + state.lastSequence()
                        + " coordinator " + state.coordinatorEpoch() + " start "
                        + state.currentTransactionStartOffset())
                .sorted().toList();
    }

    /** What the group has committed; `requireStable` waits for open transactions to end. */
    Object committed(String group, boolean requireStable) {
        return Kit.outcomeOf(() -> {
            var options = new ListConsumerGroupOffsetsOptions().requireStable(requireStable);
            var offsets = clients.admin.listConsumerGroupOffsets(group, options.timeoutMs(800))
                    .partitionsToOffsetAndMetadata().get();
            return offsets.entrySet().stream()
                    .map(entry -> entry.getKey() + " " + entry.getValue().offset() + " '"
                            + entry.getValue().metadata() + "'")
                    .sorted().toList();
        });
    }

    Object setFeature(String name, int level, UpgradeType type) {
        return Kit.outcomeOf(() -> {
            var update = Map.of(name, new FeatureUpdate((short) level, type));
            clients.admin.updateFeatures(update, new UpdateFeaturesOptions()).all().get();
            Kit.until(name + " is " + level, () -> finalized(name) == level);
            return level;
        });
    }

    int finalized(String name) throws Exception {
        var features = clients.admin.describeFeatures().featureMetadata().get();
        var found = features.finalizedFeatures().get(name);
        return found == null ? 0 : found.maxVersionLevel();
    }
}
