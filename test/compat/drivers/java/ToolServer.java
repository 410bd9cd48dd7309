package compat;

import static compat.Kit.facts;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Apache Kafka's tools for whoever asks on standard input, one JSON array a line: the main class and
 * its arguments. Each is answered by a line with its exit code and what it printed. The scenarios of
 * clusters ask for dozens of them: in one JVM that takes a tenth of the time.
 */
public final class ToolServer {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final long READ_NANOS_MAX = 30_000_000_000L;

    private ToolServer() {}

    public static void main(String[] args) throws Exception {
        var out = System.out;
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = in.readLine(); line != null; line = in.readLine()) {
            var words = JSON.readValue(line, String[].class);
            var arguments = Arrays.copyOfRange(words, 1, words.length);
            out.println(JSON.writeValueAsString(answer(words[0], arguments)));
            out.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static Map<String, Object> answer(String mainClass, String[] arguments) {
        try {
            if (mainClass.equals("quorum")) return facts("code", 0, "out", quorum(arguments[0]), "err", "");
            if (mainClass.equals("nearest")) return facts("code", 0, "out", nearest(arguments), "err", "");
            var result = Tools.runPlain(mainClass, "", arguments);
            return facts("code", result.code(), "out", result.out(), "err", result.err());
        } catch (Throwable error) {
            return facts("code", -1, "out", "", "err", String.valueOf(error));
        }
    }

    /** How many records it has read, and from which node most of the bytes came (KIP-392). */
    private static String nearest(String[] arguments) {
        var count = Integer.parseInt(arguments[3]);
        var settings = Map.<String, Object>of(
                CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, arguments[0],
                CommonClientConfigs.CLIENT_RACK_CONFIG, arguments[2]);
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            var partition = new TopicPartition(arguments[1], 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            var read = 0;
            var end = System.nanoTime() + READ_NANOS_MAX;
            while (read < count && System.nanoTime() < end) read += consumer.poll(Duration.ofMillis(200)).count();
            var most = consumer.metrics().values().stream()
                    .filter(metric -> metric.metricName().name().equals("incoming-byte-total"))
                    .filter(metric -> metric.metricName().tags().getOrDefault("node-id", "").matches("node-\\d"))
                    .max(Comparator.comparingDouble(metric -> (Double) metric.metricValue()));
            return read + " " + most.map(metric -> metric.metricName().tags().get("node-id")).orElse("none");
        }
    }

    /** Who leads the quorum and how far its voters are: what the tool prints is for eyes. */
    private static String quorum(String bootstrap) throws Exception {
        var settings = Map.<String, Object>of(
                CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        try (var admin = Admin.create(settings)) {
            var info = admin.describeMetadataQuorum().quorumInfo().get();
            return info.leaderId() + " " + info.leaderEpoch() + " "
                    + info.voters().stream().map(voter -> voter.replicaId() + "=" + voter.logEndOffset())
                            .collect(Collectors.joining(","));
        }
    }
}
