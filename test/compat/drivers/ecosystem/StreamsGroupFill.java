package compat;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/** For interchange.ts: a group of Kafka's streams protocol, which goes on where it was. */
public final class StreamsGroupFill {
    private StreamsGroupFill() {}

    public static void main(String[] args) throws Exception {
        var clients = new Clients(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("fill-streams", () -> {
            clients.createTopic("i-streamed", 1);
            return run(clients);
        });
        scenarios.put("work-streams", () -> run(clients));
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    /** All that is in i-plain comes to i-streamed, once. */
    private static Object run(Clients clients) throws Exception {
        var settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "i-streams");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, clients.bootstrap);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, App.folder("streams").toString());
        settings.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, "streams");
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        var builder = new StreamsBuilder();
        builder.<byte[], byte[]>stream("i-plain").to("i-streamed");
        try (var streams = new KafkaStreams(builder.build(), settings)) {
            streams.start();
            var kit = new TransactionKit(clients);
            int wanted = kit.view("i-plain", "read_committed").size();
            Kit.until("all records", () -> kit.view("i-streamed", "read_committed").size() >= wanted);
        }
        var kit = new TransactionKit(clients);
        int more = kit.view("i-streamed", "read_committed").size()
                - kit.view("i-plain", "read_committed").size();
        return Map.of("more than there were", more);
    }
}
