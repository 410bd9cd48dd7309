package compat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.TimeWindows;

/**
 * The application that StreamsDriver starts and kills: `StreamsApp HOST:PORT FOLDER PREFIX
 * [SETTING=VALUE]...`. Its topics, and its application id, begin with the prefix.
 */
public final class StreamsApp {
    /** The file in its folder in which a process with an `application.server` says whom it knows. */
    static final String PLACES = "places";

    private StreamsApp() {}

    public static void main(String[] args) throws Exception {
        var settings = new Properties();
        var prefix = args[2];
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + "-app");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[1]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        // Without a cache every record shows in the output, so that one too many shows as well.
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        // The records are of long ago: half a minute after its start a broker would drop windows.
        settings.put(StreamsConfig.WINDOW_STORE_CHANGE_LOG_ADDITIONAL_RETENTION_MS_CONFIG,
                Duration.ofDays(3_650).toMillis());
        settings.put(StreamsConfig.producerPrefix("transaction.timeout.ms"), 10_000);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.putAll(Arrays.stream(args).skip(3).collect(java.util.stream.Collectors.toMap(
                setting -> setting.split("=")[0], setting -> setting.split("=")[1])));
        if (!"streams".equals(settings.get(StreamsConfig.GROUP_PROTOCOL_CONFIG))) {
            settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 2000);
            settings.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 300);
        }
        var streams = new KafkaStreams(topology(prefix).build(settings), settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler
                    .StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        var places = Path.of(args[1], PLACES);
        while (settings.containsKey(StreamsConfig.APPLICATION_SERVER_CONFIG)) {
            Thread.sleep(200);
            if (streams.state() != KafkaStreams.State.RUNNING) continue;
            // Moved there, so that nobody reads half of it.
            var half = Files.write(Path.of(args[1], "half"), placesOf(streams));
            Files.move(half, places, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Whom this process would ask for what: "HOST:PORT active TOPIC-PARTITION". */
    private static List<String> placesOf(KafkaStreams streams) {
        return streams.metadataForAllStreamsClients().stream().flatMap(client -> {
            var host = client.hostInfo().host() + ":" + client.hostInfo().port();
            return Stream.concat(
                    client.topicPartitions().stream().map(each -> host + " active " + each),
                    client.standbyTopicPartitions().stream().map(each -> host + " standby " + each));
        }).sorted().toList();
    }

    /** Counts of words, counts of words in windows of a minute, clicks joined with their users. */
    private static StreamsBuilder topology(String prefix) {
        var builder = new StreamsBuilder();
        var words = builder.<String, String>stream(prefix + "-lines")
                .flatMapValues(line -> Arrays.asList(line.split(" ")));
        words.groupBy((key, word) -> word, Grouped.as("words")).count()
                .toStream().mapValues(String::valueOf).to(prefix + "-counts");
        words.groupBy((key, word) -> word, Grouped.as("windowed"))
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofHours(9)))
                .count().toStream((window, count) -> window.key() + "@" + window.window().start())
                .mapValues(String::valueOf).to(prefix + "-windows");
        var users = builder.<String, String>table(prefix + "-users");
        builder.<String, String>stream(prefix + "-clicks")
                .join(users, (click, user) -> click + " by " + user).to(prefix + "-joined");
        return builder;
    }
}
