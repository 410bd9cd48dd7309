package compat;

import static compat.Kit.facts;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Kafka Streams with exactly_once_v2, killed in the middle: `StreamsDriver HOST:PORT`. */
public final class StreamsDriver {
    private static final int PARTITIONS = 2;
    private static final int ROUNDS = 4;
    private static final int LINES = 60;
    private static final List<String> WORDS = List.of("a", "bird", "sang", "and", "the", "river");

    private final Clients clients;
    private final Map<String, Integer> counts = new TreeMap<>();
    private final Map<String, Integer> windows = new TreeMap<>();
    private final List<String> clicks = new ArrayList<>();

    private StreamsDriver(String bootstrap) {
        this.clients = new Clients(bootstrap);
    }

    public static void main(String[] args) throws Exception {
        var driver = new StreamsDriver(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("streams-count", driver::count);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private App app(Path folder) throws Exception {
        return new App("compat.StreamsApp", List.of(clients.bootstrap, folder.toString()));
    }

    private Object count() throws Exception {
        for (var topic : List.of("st-lines", "st-users", "st-clicks", "st-counts", "st-windows",
                "st-joined")) {
            clients.createTopic(topic, PARTITIONS);
        }
        var users = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int user = 0; user < 5; user++) {
            users.add(Clients.record("st-users", user % PARTITIONS, Kit.T0, "u" + user,
                    "name" + user));
        }
        clients.send(users);
        var folder = App.folder("streams");
        for (int round = 0; round < ROUNDS; round++) {
            feed(round);
            try (var app = app(folder)) {
                int wanted = wordCount(round);
                Kit.until("progress", () -> output("st-counts").size() >= wanted);
                if (round == 0) continue;
                if (round == 2) {
                    feed(9);
                    App.killBroker();
                    Kit.until("progress after the broker's end", () ->
                            output("st-counts").size() > wanted);
                }
                if (round < ROUNDS - 1) app.kill();
                else Kit.until("the end", this::isAtEnd);
            }
        }
        return facts("counts", increments("st-counts", counts),
                "windows", increments("st-windows", windows),
                "joined", output("st-joined").stream().sorted().toList()
                        .equals(clicks.stream().sorted().toList()),
                "words", counts.values().stream().mapToInt(Integer::intValue).sum(),
                "clicks", clicks.size());
    }

    /** So much of the round that killing it is in the middle of something. */
    private int wordCount(int round) {
        int all = counts.values().stream().mapToInt(Integer::intValue).sum();
        return round == 0 ? all : all - LINES;
    }

    private boolean isAtEnd() throws Exception {
        return output("st-counts").size() >= counts.values().stream().mapToInt(i -> i).sum()
                && output("st-windows").size() >= windows.values().stream().mapToInt(i -> i).sum()
                && output("st-joined").size() >= clicks.size();
    }

    private void feed(int round) throws Exception {
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int i = 0; i < LINES; i++) {
            var first = WORDS.get(i % WORDS.size());
            var second = WORDS.get((i * 7 + round) % WORDS.size());
            long time = Kit.T0 + i * 5_000L;
            records.add(Clients.record("st-lines", i % PARTITIONS, time, "k" + i,
                    first + " " + second));
            for (var word : List.of(first, second)) {
                counts.merge(word, 1, Integer::sum);
                windows.merge(word + "@" + (time - time % 60_000), 1, Integer::sum);
            }
            int user = i % 5;
            records.add(Clients.record("st-clicks", user % PARTITIONS, time, "u" + user,
                    "click" + round + "." + i));
            clicks.add("u" + user + "=click" + round + "." + i + " by name" + user);
        }
        clients.send(records);
    }

    private List<String> output(String topic) throws Exception {
        return new TransactionKit(clients).readToEnd(topic, "read_committed").stream()
                .map(record -> Kit.text(record.key()) + "=" + Kit.text(record.value())).toList();
    }

    /** Whether each key was counted up one by one, to what the input gives. */
    private Object increments(String topic, Map<String, Integer> wanted) throws Exception {
        var seen = new TreeMap<String, Integer>();
        for (var line : output(topic)) {
            var parts = line.split("=");
            int expected = seen.getOrDefault(parts[0], 0) + 1;
            if (Integer.parseInt(parts[1]) != expected) return "after " + seen + ": " + line;
            seen.put(parts[0], expected);
        }
        return seen.equals(wanted) ? "exactly once" : "wanted " + wanted + ", got " + seen;
    }
}
