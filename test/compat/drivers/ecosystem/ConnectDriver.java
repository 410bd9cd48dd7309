package compat;

import static compat.Kit.facts;

import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;

/** Kafka Connect in distributed mode with the file connectors: `ConnectDriver HOST:PORT`. */
public final class ConnectDriver {
    private final Clients clients;
    private final HttpClient http = HttpClient.newHttpClient();
    private final Path folder;
    private final int port;

    private ConnectDriver(String bootstrap) throws Exception {
        this.clients = new Clients(bootstrap);
        this.folder = App.folder("connect");
        try (var socket = new ServerSocket(0)) {
            this.port = socket.getLocalPort();
        }
    }

    public static void main(String[] args) throws Exception {
        var driver = new ConnectDriver(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("connect-files", driver::files);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private App worker() throws Exception {
        var json = "org.apache.kafka.connect.storage.StringConverter";
        var file = App.writeProperties(folder, "worker.properties", List.of(
                "bootstrap.servers=" + clients.bootstrap, "group.id=connect",
                "key.converter=" + json, "value.converter=" + json,
                "config.storage.topic=connect-configs", "config.storage.replication.factor=1",
                "offset.storage.topic=connect-offsets", "offset.storage.replication.factor=1",
                "offset.storage.partitions=3", "status.storage.topic=connect-status",
                "status.storage.replication.factor=1", "status.storage.partitions=2",
                "exactly.once.source.support=enabled", "offset.flush.interval.ms=500",
                "scheduled.rebalance.max.delay.ms=0", "session.timeout.ms=6000",
                // What the killed worker left open must not hold the next one up for a minute.
                "producer.transaction.timeout.ms=4000",
                "consumer.session.timeout.ms=6000", "consumer.heartbeat.interval.ms=500",
                "heartbeat.interval.ms=500", "listeners=http://127.0.0.1:" + port));
        return new App("org.apache.kafka.connect.cli.ConnectDistributed",
                List.of(file.toString()));
    }

    private String rest(String method, String path, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .header("Content-Type", "application/json")
                .method(method, body == null ? BodyPublishers.noBody()
                        : BodyPublishers.ofString(body)).build();
        var response = http.send(request, BodyHandlers.ofString());
        return response.statusCode() + " " + response.body();
    }

    private void configure(String name, String config) throws Exception {
        Kit.until(name, () -> Kit.succeeds(() -> {
            var answer = rest("PUT", "/connectors/" + name + "/config", config);
            if (!answer.startsWith("20")) throw new IllegalStateException(answer);
            return answer;
        }));
        untilRunning(name);
    }

    private void untilRunning(String name) throws Exception {
        Kit.until(name + " runs", () -> {
            try {
                var status = rest("GET", "/connectors/" + name + "/status", null);
                return status.matches("(?s)200 .*RUNNING.*tasks.*RUNNING.*");
            } catch (java.io.IOException notYet) {
                return false;
            }
        });
    }

    private static List<String> lines(Path file) throws Exception {
        return Files.exists(file) ? Files.readAllLines(file) : List.of();
    }

    private List<String> append(Path file, int from, int to) throws Exception {
        var added = new ArrayList<String>();
        for (int i = from; i < to; i++) added.add("line " + i);
        Files.write(file, added, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        return added;
    }

    private List<String> inTopic() throws Exception {
        return new TransactionKit(clients).readToEnd("lines", "read_committed").stream()
                .map(record -> Kit.text(record.value())).toList();
    }

    private Object files() throws Exception {
        clients.createTopic("lines", 1);
        var input = folder.resolve("in.txt");
        var output = folder.resolve("out.txt");
        var all = new ArrayList<String>(append(input, 0, 300));
        var outcome = facts();
        var source = "{\"connector.class\":\"FileStreamSource\",\"tasks.max\":\"1\","
                + "\"topic\":\"lines\",\"file\":\"" + input + "\"}";
        var sink = "{\"connector.class\":\"FileStreamSink\",\"tasks.max\":\"1\","
                + "\"topics\":\"lines\",\"file\":\"" + output + "\"}";
        try (var worker = worker()) {
            configure("source", source);
            configure("sink", sink);
            Kit.until("the first lines", () -> lines(output).size() >= 300);
            outcome.put("first", lines(output).equals(all));
            outcome.put("plugins", rest("GET", "/connector-plugins", null).startsWith("200"));
            all.addAll(append(input, 300, 400));
            Kit.until("some lines more", () -> lines(output).size() > 320);
            worker.kill();
        }
        all.addAll(append(input, 400, 600));
        try (var worker = worker()) {
            untilRunning("source");
            untilRunning("sink");
            Kit.until("all lines in the topic", () -> inTopic().size() >= all.size());
            Kit.until("all lines", () -> lines(output).contains("line 599"));
            outcome.put("topicExactlyOnce", inTopic().equals(all));
            // A sink that is killed may write lines again: it writes them at least once.
            outcome.put("file", new LinkedHashSet<>(lines(output)).containsAll(all));
            outcome.put("paused", rest("PUT", "/connectors/sink/pause", null).substring(0, 3));
            outcome.put("offsets", rest("GET", "/connectors/source/offsets", null)
                    .matches("(?s)200 .*\"position\":\\d+.*"));
            outcome.put("deleted", rest("DELETE", "/connectors/source", null).substring(0, 3));
        }
        return outcome;
    }
}
