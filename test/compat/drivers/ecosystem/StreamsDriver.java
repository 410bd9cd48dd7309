package compat;

import static compat.Kit.facts;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec;
import org.apache.kafka.clients.admin.StreamsGroupDescription;
import org.apache.kafka.clients.admin.StreamsGroupMemberAssignment;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.config.ConfigResource;

/** Kafka Streams with exactly_once_v2, killed in the middle: `StreamsDriver HOST:PORT`. */
public final class StreamsDriver {
    private static final String TOOL = "org.apache.kafka.tools.streams.StreamsGroupCommand";
    private static final int PARTITIONS = 2;
    private static final int ROUNDS = 4;
    private static final int LINES = 60;
    private static final int USERS = 5;
    private static final List<String> WORDS = List.of("a", "bird", "sang", "and", "the", "river");

    private final Clients clients;
    private final String prefix;
    private final List<String> settings;
    private final Map<String, Integer> counts = new TreeMap<>();
    private final Map<String, Integer> windows = new TreeMap<>();
    private final List<String> clicks = new ArrayList<>();

    /** Topics and the application id begin with the prefix; settings are those of the application. */
    private StreamsDriver(Clients clients, String prefix, String... settings) {
        this.clients = clients;
        this.prefix = prefix;
        this.settings = List.of(settings);
    }

    public static void main(String[] args) throws Exception {
        var clients = new Clients(args[0]);
        var next = "group.protocol=streams";
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("streams-count", () -> new StreamsDriver(clients, "st").count());
        // First of these, so that it finds no groups of others.
        scenarios.put("streams-next-tool",
                () -> new StreamsDriver(clients, "sg", next).useTool());
        scenarios.put("streams-next-count", () -> new StreamsDriver(clients, "sn", next).count());
        scenarios.put("streams-next-standby",
                () -> new StreamsDriver(clients, "ss", next, "num.stream.threads=2").standBy());
        scenarios.put("streams-next-places",
                () -> new StreamsDriver(clients, "sp", next).knowPlaces());
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private App app(Path folder, String... more) throws Exception {
        var arguments = new ArrayList<>(List.of(clients.bootstrap, folder.toString(), prefix));
        arguments.addAll(settings);
        arguments.addAll(List.of(more));
        return new App("compat.StreamsApp", arguments);
    }

    private void begin() throws Exception {
        for (var topic : List.of("lines", "users", "clicks", "counts", "windows", "joined")) {
            clients.createTopic(prefix + "-" + topic, PARTITIONS);
        }
        var users = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int user = 0; user < USERS; user++) {
            users.add(Clients.record(prefix + "-users", user % PARTITIONS, Kit.T0, "u" + user,
                    "name" + user));
        }
        clients.send(users);
    }

    private Object count() throws Exception {
        begin();
        var folder = App.folder(prefix + "-streams");
        try (var app = app(folder)) {
            untilUsersAreRead();
        }
        for (int round = 0; round < ROUNDS; round++) {
            feed(round);
            try (var app = app(folder)) {
                int wanted = wordCount(round);
                // In a cluster a node dies in every round; the only broker there is, in one.
                var death = round == 2 ? Death.NONE : Death.inCluster(clients.bootstrap);
                Kit.until("progress", () -> output("counts").size() >= wanted);
                death.await();
                if (round == 0) continue;
                if (round == 2) {
                    feed(9);
                    App.killBroker();
                    Kit.until("progress after the broker's end", () ->
                            output("counts").size() > wanted);
                }
                if (round < ROUNDS - 1) app.kill();
                else Kit.until("the end", this::isAtEnd);
            }
        }
        return outcome();
    }

    private Map<String, Object> outcome() throws Exception {
        return facts("counts", increments("counts", counts),
                "windows", increments("windows", windows),
                "joined", output("joined").stream().sorted().toList()
                        .equals(clicks.stream().sorted().toList()),
                "words", counts.values().stream().mapToInt(Integer::intValue).sum(),
                "clicks", clicks.size());
    }

    /** Two processes share the tasks, each a standby for the other; one is killed. */
    private Object standBy() throws Exception {
        begin();
        var group = prefix + "-app";
        askForStandbys(group);
        var outcome = facts();
        try (var one = app(App.folder(prefix + "-one"))) {
            try (var two = app(App.folder(prefix + "-two"))) {
                Kit.until("two processes with standbys", () -> isShared(group, 2, 8, 6));
                outcome.put("shared", tasksOf(group));
                untilUsersAreRead();
                feed(0);
                feed(1);
                int wanted = wordCount(1);
                Kit.until("progress", () -> output("counts").size() >= wanted);
                two.kill();
                var death = Death.inCluster(clients.bootstrap);
                feed(2);
                death.await();
                Kit.until("one process with all", () -> isShared(group, 1, 8, 0));
                outcome.put("alone", tasksOf(group));
                Kit.until("the end", this::isAtEnd);
            }
        }
        Kit.until("nobody", () -> describe(group).members().isEmpty());
        outcome.put("left", describe(group).groupState().toString());
        outcome.putAll(outcome());
        return outcome;
    }

    private void askForStandbys(String group) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.GROUP, group);
        var standby = new ConfigEntry("streams.num.standby.replicas", "1");
        clients.admin.incrementalAlterConfigs(Map.of(resource,
                List.of(new AlterConfigOp(standby, AlterConfigOp.OpType.SET)))).all().get();
    }

    /** Each of two processes knows what is where: interactive queries. */
    private Object knowPlaces() throws Exception {
        begin();
        askForStandbys(prefix + "-app");
        var folder = App.folder(prefix + "-one");
        var outcome = facts();
        try (var one = app(folder, "application.server=one:1")) {
            try (var two = app(App.folder(prefix + "-two"), "application.server=two:2")) {
                Kit.until("both are known", () -> placesIn(folder).equals(BOTH_PLACES));
                outcome.put("both", placesIn(folder));
            }
            Kit.until("one is known", () -> placesIn(folder).equals(ONE_PLACE));
            outcome.put("one", placesIn(folder));
        }
        return outcome;
    }

    /** Of all partitions that the processes read: each is active once, those with state stand by. */
    private static final Map<String, Integer> BOTH_PLACES =
            Map.of("hosts", 2, "active", 10, "active once", 10, "standby", 8);
    private static final Map<String, Integer> ONE_PLACE =
            Map.of("hosts", 1, "active", 10, "active once", 10, "standby", 0);

    private static Map<String, Integer> placesIn(Path folder) throws Exception {
        var file = folder.resolve(StreamsApp.PLACES);
        var hosts = new TreeSet<String>();
        var active = new ArrayList<String>();
        int standby = 0;
        for (var line : Files.exists(file) ? Files.readAllLines(file) : List.<String>of()) {
            var words = line.split(" ");
            hosts.add(words[0]);
            if (words[1].equals("active")) active.add(words[2]);
            else standby++;
        }
        return Map.of("hosts", hosts.size(), "active", active.size(),
                "active once", new TreeSet<>(active).size(), "standby", standby);
    }

    private StreamsGroupDescription describe(String group) throws Exception {
        return clients.admin.describeStreamsGroups(List.of(group)).all().get().get(group);
    }

    private boolean isShared(String group, int processes, int active, int standby) {
        try {
            var seen = tasksOf(group);
            return seen.get("state").equals("Stable") && seen.get("processes").equals(processes)
                    && seen.get("active").equals(active) && seen.get("standby").equals(standby);
        } catch (Exception notYet) {
            return false;
        }
    }

    /** How many tasks of each kind there are, and whether one is somewhere twice. */
    private Map<String, Object> tasksOf(String group) throws Exception {
        var description = describe(group);
        var active = new ArrayList<String>();
        var standby = new ArrayList<String>();
        var everywhere = new ArrayList<String>();
        var processes = new TreeSet<String>();
        for (var member : description.members()) {
            processes.add(member.processId());
            for (var id : namesOf(member.assignment().activeTasks())) {
                active.add(id);
                everywhere.add(member.processId() + id);
            }
            for (var id : namesOf(member.assignment().standbyTasks())) {
                standby.add(id);
                everywhere.add(member.processId() + id);
            }
        }
        return facts("state", description.groupState().toString(), "processes", processes.size(),
                "members", description.members().size(), "active", active.size(),
                "standby", standby.size(), "once", new TreeSet<>(active).size() == active.size()
                        && new TreeSet<>(everywhere).size() == everywhere.size());
    }

    private static List<String> namesOf(List<StreamsGroupMemberAssignment.TaskIds> tasks) {
        return tasks.stream().flatMap(task -> task.partitions().stream()
                .map(partition -> task.subtopologyId() + "_" + partition)).toList();
    }

    /** Everything that kafka-streams-groups.sh does. */
    private Object useTool() throws Exception {
        begin();
        feed(0);
        var group = prefix + "-app";
        var outcome = facts("before", tool("--list"));
        try (var app = app(App.folder(prefix + "-streams"))) {
            Kit.until("the end", () -> hasCounted() && committed(group, "clicks") == LINES
                    && committed(group, "users") == USERS);
            Kit.until("stable", () -> describe(group).groupState() == GroupState.STABLE);
            outcome.put("list", tool("--list"));
            outcome.put("states", tool("--list", "--state"));
            outcome.put("stable", tool("--list", "--state", "stable,empty"));
            outcome.put("empty", tool("--list", "--state", "Empty"));
            outcome.put("state", tool("--describe", "--group", group, "--state"));
            outcome.put("members", tool("--describe", "--group", group, "--members"));
            outcome.put("offsets", tool("--describe", "--group", group));
            outcome.put("busy", tool("--delete", "--group", group));
            outcome.put("reset busy", tool("--reset-offsets", "--group", group, "--to-earliest",
                    "--all-input-topics", "--execute"));
        }
        Kit.until("nobody", () -> describe(group).members().isEmpty());
        outcome.put("left", tool("--describe", "--group", group, "--state"));
        outcome.put("no members", tool("--describe", "--group", group, "--members"));
        outcome.put("dry run", tool("--reset-offsets", "--group", group, "--to-earliest",
                "--all-input-topics", "--dry-run"));
        outcome.put("reset", tool("--reset-offsets", "--group", group, "--to-offset", "3",
                "--input-topic", prefix + "-lines:0", "--execute"));
        outcome.put("after", tool("--describe", "--group", group, "--offsets"));
        outcome.put("delete offsets", tool("--delete-offsets", "--group", group, "--input-topic",
                prefix + "-clicks"));
        outcome.put("without", tool("--describe", "--group", group, "--offsets"));
        outcome.put("unknown", tool("--describe", "--group", "nobody"));
        outcome.put("delete", tool("--delete", "--group", group, "--delete-all-internal-topics"));
        outcome.put("again", tool("--delete", "--group", group));
        outcome.put("gone", tool("--list"));
        outcome.put("topics", clients.admin.listTopics().names().get().stream()
                .filter(name -> name.startsWith(prefix)).sorted().toList());
        return outcome;
    }

    /** Clicks that came before their users were read would be joined with nobody. */
    private void untilUsersAreRead() throws Exception {
        Kit.until("users", () -> committed(prefix + "-app", "users") == USERS);
    }

    private long committed(String group, String topic) throws Exception {
        var all = Map.of(group, new ListStreamsGroupOffsetsSpec());
        var offsets = clients.admin.listStreamsGroupOffsets(all)
                .partitionsToOffsetAndMetadata(group).get();
        return offsets.entrySet().stream()
                .filter(entry -> entry.getKey().topic().equals(prefix + "-" + topic))
                .mapToLong(entry -> entry.getValue().offset()).sum();
    }

    /** Ids of members are random; ends of repartition topics hang on how many transactions were. */
    private Object tool(String... arguments) throws Exception {
        var result = new Tools(clients.bootstrap).run(TOOL, arguments);
        var out = result.out().replaceAll("(-repartition\\s+\\d+\\s+)-?\\d+", "$1N")
                .replaceAll("(?<=\\s)[\\w-]{22}(?=\\s)", "ID")
                // Whoever coordinates it.
                .replaceAll("(:\\d+|ADDRESS)( +)\\(\\d\\)", "$1$2(N)");
        return new Tools.Result(result.code(), out, result.err()).sorted();
    }

    /** So much of the round that killing it is in the middle of something. */
    private int wordCount(int round) {
        int all = counts.values().stream().mapToInt(Integer::intValue).sum();
        return round == 0 ? all : all - LINES;
    }

    private boolean isAtEnd() throws Exception {
        return hasCounted() && output("joined").size() >= clicks.size();
    }

    private boolean hasCounted() throws Exception {
        return output("counts").size() >= counts.values().stream().mapToInt(i -> i).sum()
                && output("windows").size() >= windows.values().stream().mapToInt(i -> i).sum();
    }

    private void feed(int round) throws Exception {
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int i = 0; i < LINES; i++) {
            var first = WORDS.get(i % WORDS.size());
            var second = WORDS.get((i * 7 + round) % WORDS.size());
            long time = Kit.T0 + i * 5_000L;
            records.add(Clients.record(prefix + "-lines", i % PARTITIONS, time, "k" + i,
                    first + " " + second));
            for (var word : List.of(first, second)) {
                counts.merge(word, 1, Integer::sum);
                windows.merge(word + "@" + (time - time % 60_000), 1, Integer::sum);
            }
            int user = i % USERS;
            records.add(Clients.record(prefix + "-clicks", user % PARTITIONS, time, "u" + user,
                    "click" + round + "." + i));
            clicks.add("u" + user + "=click" + round + "." + i + " by name" + user);
        }
        clients.send(records);
    }

    private List<String> output(String topic) throws Exception {
        return new TransactionKit(clients).readToEnd(prefix + "-" + topic, "read_committed").stream()
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
