package compat;

import static compat.Kit.facts;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;

/**
 * Apache Kafka's tools for whoever asks on standard input, one JSON array a line: the main class and
 * its arguments. Each is answered by a line with its exit code and what it printed. The scenarios of
 * clusters ask for dozens of them: in one JVM that takes a tenth of the time.
 */
public final class ToolServer {
    private static final ObjectMapper JSON = new ObjectMapper();

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
            var result = Tools.runPlain(mainClass, "", arguments);
            return facts("code", result.code(), "out", result.out(), "err", result.err());
        } catch (Throwable error) {
            return facts("code", -1, "out", "", "err", String.valueOf(error));
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
