package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;

/** Clients over their limits: what they are told, and how long they take. */
final class QuotaScenarios {
    private static final String TOPIC = "throttled";
    private static final int BYTES_A_SECOND = 100_000;
    /** Ten seconds' worth comes through at once, the rest takes its time. */
    private static final int RECORDS = 14;

    private final Clients clients;

    QuotaScenarios(Clients clients) {
        this.clients = clients;
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("throttling", this::throttling);
    }

    private Object throttling() throws Exception {
        clients.createTopic(TOPIC, 1);
        var all = Map.of("client-id", TOPIC);
        var produced = limited(all, "producer_byte_rate", BYTES_A_SECOND, this::produce);
        var consumed = limited(all, "consumer_byte_rate", BYTES_A_SECOND, this::consume);
        var anonymous = Map.of("user", "ANONYMOUS");
        var created = limited(anonymous, "controller_mutation_rate", 5, this::create);
        return facts("produced", produced, "consumed", consumed, "created", created);
    }

    private interface Step {
        Object run() throws Exception;
    }

    private Object limited(Map<String, String> entity, String limit, double value, Step step)
            throws Exception {
        alter(entity, limit, value);
        try {
            return step.run();
        } finally {
            alter(entity, limit, null);
        }
    }

    private void alter(Map<String, String> entity, String limit, Double value) throws Exception {
        var op = new ClientQuotaAlteration.Op(limit, value);
        var alteration = new ClientQuotaAlteration(
                new ClientQuotaEntity(new HashMap<>(entity)), List.of(op));
        clients.admin.alterClientQuotas(List.of(alteration)).all().get();
        // A broker of Kafka hears of it a moment later.
        Thread.sleep(500);
    }

    private Object produce() throws Exception {
        long from = System.nanoTime();
        try (var producer = clients.producer("client.id", TOPIC, "linger.ms", 0)) {
            for (int i = 0; i < RECORDS; i++) {
                producer.send(new ProducerRecord<>(TOPIC, new byte[BYTES_A_SECOND])).get();
            }
            return facts("took", took(from),
                    "told", isTold(producer.metrics(), "produce-throttle-time-max"));
        }
    }

    private Object consume() throws Exception {
        long from = System.nanoTime();
        try (var consumer = clients.consumer("client.id", TOPIC,
                "max.partition.fetch.bytes", 2 * BYTES_A_SECOND)) {
            var partitions = clients.partitionsOf(TOPIC);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            int count = Clients.pollUntil(consumer, RECORDS).size();
            return facts("records", count, "took", took(from),
                    "told", isTold(consumer.metrics(), "fetch-throttle-time-max"));
        }
    }

    /** With 55 permits at first: the debt of the second is what the third meets. */
    private Object create() throws Exception {
        var outcomes = new ArrayList<Object>();
        for (int i = 0; i < 3; i++) {
            var topic = new NewTopic("mutated-" + i, Optional.of(40), Optional.empty());
            var options = new CreateTopicsOptions().retryOnQuotaViolation(false);
            outcomes.add(outcomeOf(() ->
                    clients.admin.createTopics(List.of(topic), options).all().get()));
        }
        return outcomes;
    }

    /** About four seconds more than without a limit. */
    private static String took(long fromNanos) {
        double seconds = (System.nanoTime() - fromNanos) / 1e9;
        return seconds < 2.5 ? "too short" : "a while";
    }

    private static boolean isTold(Map<MetricName, ? extends Metric> metrics, String name) {
        return metrics.values().stream()
                .filter(metric -> metric.metricName().name().equals(name))
                .anyMatch(metric -> ((Number) metric.metricValue()).doubleValue() > 0);
    }
}
