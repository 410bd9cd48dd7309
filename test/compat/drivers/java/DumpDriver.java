package compat;

import static compat.Kit.facts;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;

/** DumpLogSegments on a stopped broker's data: `DumpDriver DIRECTORY [SCENARIO]...`. */
public final class DumpDriver {
    private static final String DUMP = "org.apache.kafka.tools.DumpLogSegments";
    private static final List<String> CHECKPOINTS = List.of("recovery-point-offset-checkpoint",
            "replication-offset-checkpoint", "log-start-offset-checkpoint");

    private final Path data;

    private DumpDriver(Path data) {
        this.data = data;
    }

    public static void main(String[] args) throws Exception {
        var driver = new DumpDriver(Path.of(args[0]));
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("dump-files", driver::files);
        scenarios.put("dump-checkpoints", driver::checkpoints);
        scenarios.put("dump-logs", driver::logs);
        scenarios.put("dump-indexes", driver::indexes);
        scenarios.put("dump-producers", driver::producers);
        scenarios.put("dump-offsets", driver::offsets);
        scenarios.put("dump-transactions", driver::transactions);
        scenarios.put("dump-metadata", driver::metadata);
        scenarios.put("dump-complaints", driver::complaints);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    /** The files of all partitions whose folder starts with `prefix` and that end so. */
    private List<Path> find(String prefix, String... endings) throws IOException {
        try (Stream<Path> files = Files.walk(data, 2)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> file.getParent().getFileName().toString().startsWith(prefix))
                    .filter(file -> Arrays.stream(endings)
                            .anyMatch(ending -> file.getFileName().toString().endsWith(ending)))
                    .sorted()
                    .toList();
        }
    }

    private String name(Path file) {
        return data.relativize(file).toString().replaceAll("\\.[0-9a-f]{32}-delete", ".ID-delete");
    }

    /** DumpLogSegments itself stumbles over the indexes of a log without a record. */
    private List<Path> findIndexes(String prefix) throws IOException {
        var found = new ArrayList<Path>();
        for (var file : find(prefix, ".index", ".timeindex")) {
            var base = file.getFileName().toString().replaceAll("\\..*", "");
            var log = file.resolveSibling(base + ".log");
            if (Files.size(log) > 0) found.add(file);
        }
        return found;
    }

    /** The names of all files, with the size of those whose bytes are the same in every run. */
    private Object files() throws IOException {
        var sizes = new TreeMap<String, Object>();
        for (var file : find("d-", "")) {
            // Of a deleted topic only what was written; how far its folder was made is chance.
            if (name(file).contains("-delete") && !name(file).endsWith(".log")) continue;
            var isSized = file.toString().matches(".*-\\d+/\\d+\\.(log|index|timeindex)");
            sizes.put(name(file), isSized ? Files.size(file) : "present");
        }
        try (Stream<Path> top = Files.list(data)) {
            top.filter(Files::isRegularFile)
                    .forEach(file -> sizes.put(name(file), "present"));
        }
        return sizes;
    }

    private Object checkpoints() throws IOException {
        var outcome = facts();
        for (var name : CHECKPOINTS) {
            outcome.put(name, Files.readAllLines(data.resolve(name)).stream()
                    .filter(line -> line.startsWith("d-") || line.equals("0"))
                    .sorted().toList());
        }
        for (var file : find("d-", "leader-epoch-checkpoint", "partition.metadata")) {
            if (name(file).contains("-delete")) continue;
            var text = Files.readString(file).replaceAll("topic_id: \\S{22}", "topic_id: ID");
            outcome.put(name(file), text);
        }
        var properties = Files.readAllLines(data.resolve("meta.properties")).stream()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.replaceAll("=\\S{22}$", "=ID"))
                .sorted().toList();
        outcome.put("meta.properties", properties);
        return outcome;
    }

    private List<String> dump(List<Path> files, String... options) throws Exception {
        var arguments = new ArrayList<String>(List.of(options));
        arguments.add("--files");
        arguments.add(String.join(",", files.stream().map(Path::toString).toList()));
        var result = Tools.runPlain(DUMP, "", arguments.toArray(String[]::new));
        if (result.code() != 0) throw new IllegalStateException(result.err());
        return (result.out() + result.err()).replace(data + "/", "").lines()
                .filter(line -> !line.isBlank()).toList();
    }

    private Object logs() throws Exception {
        var options = new String[] {"--deep-iteration", "--print-data-log"};
        var outcome = facts();
        for (var file : find("d-", ".log")) {
            if (Files.size(file) == 0) continue;
            var isLong = name(file).startsWith("d-segments");
            outcome.put(name(file), dump(List.of(file), isLong ? new String[0] : options));
        }
        return outcome;
    }

    private Object indexes() throws Exception {
        var outcome = facts();
        for (var file : findIndexes("d-")) {
            outcome.put(name(file), dump(List.of(file)));
            var verified = dump(List.of(file), "--verify-index-only");
            var sane = dump(List.of(file), "--index-sanity-check");
            if (name(file).startsWith("d-segments")) {
                outcome.put(name(file) + " checks", List.of(verified, sane));
            }
        }
        return outcome;
    }

    private Object producers() throws Exception {
        var outcome = facts();
        for (var file : find("d-", ".snapshot")) {
            outcome.put(name(file), dump(List.of(file)).stream()
                    .map(line -> line.replaceAll("(lastTimestamp: )\\d+", "$1TIME"))
                    .toList());
        }
        return outcome;
    }

    private Object offsets() throws Exception {
        var files = new ArrayList<Path>();
        for (var file : find("__consumer_offsets-", ".log")) {
            if (Files.size(file) > 0) files.add(file);
        }
        return dump(files, "--deep-iteration", "--offsets-decoder").stream()
                .filter(line -> line.contains("\"d-"))
                .map(line -> line.replaceAll("^.*? keySize", "keySize"))
                .map(DumpDriver::withoutChance)
                .distinct().sorted().toList();
    }

    /** Markers, aborted transactions, producers in the middle of one, and their coordinator's log. */
    private Object transactions() throws Exception {
        var outcome = facts();
        for (var file : find("tx-", ".log", ".txnindex", ".snapshot")) {
            if (Files.size(file) == 0) continue;
            var isLog = file.toString().endsWith(".log");
            var options = isLog ? new String[] {"--deep-iteration"} : new String[0];
            outcome.put(name(file), dump(List.of(file), options).stream()
                    .map(DumpDriver::withoutMarkersTime).toList());
        }
        var states = decoded("__transaction_state-", "--transaction-log-decoder");
        // Which go in one request is left to the client, and their order to hash maps.
        var last = new LinkedHashMap<String, String>();
        for (var line : states) {
            var sorted = line.replace("[1,0]", "[0,1]").replaceAll(
                    "(\\{\"topic\":\"__con[^}]*}),(\\{\"topic\":\"tx-a[^}]*})", "$2,$1");
            last.remove(stateOf(sorted));
            last.put(stateOf(sorted), sorted);
        }
        outcome.put("state", List.copyOf(last.values()));
        outcome.put("offsets", decoded("__consumer_offsets-", "--offsets-decoder"));
        return outcome;
    }

    /** What the decoder tells of these transactions and their group, in the order of the log. */
    private List<String> decoded(String prefix, String decoder) throws Exception {
        var lines = new ArrayList<String>();
        for (var file : find(prefix, ".log")) {
            if (Files.size(file) == 0) continue;
            dump(List.of(file), "--deep-iteration", decoder).stream()
                    .filter(line -> line.contains("\"tx-") || line.contains("endTxnMarker"))
                    .map(line -> line.replaceAll("^.*? keySize", "keySize"))
                    .map(line -> line.replaceAll("(TimestampMs|commitTimestamp)\":\\d{13}", "$1\":1"))
                    .map(DumpDriver::withoutChance)
                    .forEach(lines::add);
        }
        return lines;
    }

    /** Whose record it is, of which epoch, and in which state. */
    private static String stateOf(String line) {
        return line.replaceAll("^.*(\"transactionalId\":\"[^\"]*\").*(\"producerEpoch\":\\d+).*"
                + "(\"transactionStatus\":\\d+).*$", "$1 $2 $3");
    }

    private static String withoutMarkersTime(String line) {
        var masked = line.replaceAll("(lastTimestamp: )\\d+", "$1TIME");
        if (!masked.contains("isControl: true") && !masked.contains("endTxnMarker")) return masked;
        return masked.replaceAll("CreateTime: \\d+", "CreateTime: TIME")
                .replaceAll("crc: \\d+", "crc: N");
    }

    private static String withoutChance(String line) {
        return Tools.plainLines(line).get(0)
                .replaceAll("\"(topicId|directoryId|id)\":\"\\S{22}\"", "\"$1\":\"ID\"")
                .replaceAll("\"directories\":\\[\"\\S{22}\"\\]", "\"directories\":[\"ID\"]")
                .replaceAll("valueSize: \\d+", "valueSize: N");
    }

    /** The records of the topics here, and of features and configs, as Kafka decodes them. */
    private Object metadata() throws Exception {
        var lines = dump(find("__cluster_metadata-0", ".log"), "--cluster-metadata-decoder");
        var wanted = List.of("\"TOPIC_RECORD\"", "\"CONFIG_RECORD\"", "\"PARTITION_RECORD\"",
                "\"REMOVE_TOPIC_RECORD\"", "\"PRODUCER_IDS_RECORD\"");
        return lines.stream()
                .filter(line -> wanted.stream().anyMatch(line::contains))
                .filter(line -> !line.contains("__consumer_offsets"))
                .filter(line -> !line.contains("__transaction_state"))
                // Those of internal topics look the same, but for their numbers.
                .filter(line -> !line.matches(".*\"partitionId\":([3-9]|\\d\\d).*"))
                .map(line -> line.replaceAll("^.*payload: ", ""))
                .map(DumpDriver::withoutChance)
                .map(line -> line.replaceAll("\"brokerEpoch\":\\d+", "\"brokerEpoch\":N"))
                .distinct().sorted().toList();
    }

    /** Everything on the disk, read in one go: there must be nothing to complain about. */
    private Object complaints() throws Exception {
        var all = new ArrayList<Path>(find("", ".log", ".snapshot"));
        all.addAll(findIndexes(""));
        all.removeIf(file -> name(file).startsWith("__cluster_metadata-0"));
        var lines = dump(all, "--deep-iteration");
        var metadata = dump(find("__cluster_metadata-0", ".log", ".checkpoint"),
                "--cluster-metadata-decoder");
        return Stream.concat(lines.stream(), metadata.stream())
                .filter(line -> line.matches("(?i).*(mismatch|corrupt|invalid bytes|could not|fail|"
                        + "error|exception|not found|isvalid: false|out of order).*"))
                .distinct().toList();
    }
}
