package compat;

import static compat.Kit.facts;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.ProcessBuilder.Redirect;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Apache Kafka's command-line tools inside this JVM: the same `main`, but without two seconds
 * for a JVM each. Exiting becomes an exception, and shutdown hooks run when the tool has ended.
 */
final class Tools {
    private final String bootstrap;

    Tools(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    /** The end of a tool. Some tools catch it too, so its code and moment are kept beside it. */
    private static final class Ended extends Error {
        private static final long serialVersionUID = 1L;
    }

    /** What a tool left: its exit code and what it printed. */
    record Result(int code, String out, String err) {
        /** The lines of standard output and the end of standard error, made equal for every run. */
        Map<String, Object> plain() {
            return facts("code", code, "out", plainLines(out), "err", plainLines(err));
        }

        Map<String, Object> sorted() {
            var lines = plainLines(out).stream().sorted().toList();
            return facts("code", code, "out", lines, "err", plainLines(err));
        }
    }

    static List<String> plainLines(String text) {
        // The formatters of __consumer_offsets print one JSON object right behind the other.
        return text.replace("}{\"key\"", "}\n{\"key\"").lines()
                .filter(line -> !line.contains("console-consumer-"))
                .filter(line -> !line.contains("perf-consumer-"))
                .filter(line -> !line.isBlank() && !line.startsWith("\tat "))
                .filter(line -> !line.startsWith("[") || !line.contains(" WARN "))
                .map(Tools::plainLine)
                .toList();
    }

    /** TopicCommand lists the configs of a topic in the order of a hash map. */
    private static String withConfigsSorted(String line) {
        var parts = line.split("Configs: ", 2);
        if (parts.length < 2) return line;
        var sorted = new TreeSet<>(List.of(parts[1].split(",")));
        return parts[0] + "Configs: " + String.join(",", sorted);
    }

    private static String plainLine(String line) {
        return Kit.withoutChance(withConfigsSorted(line))
                .replaceAll("\\[pool-\\d+-thread-\\d+\\] ", "")
                .replaceAll("\"topicId\":\"\\S{22}\"", "\"topicId\":\"ID\"")
                .replaceAll("TopicId: \\S{22}", "TopicId: ID")
                .replaceAll("\\(kafka\\.[\\w.$]+\\)|\\(org\\.[\\w.$]+\\)", "")
                .replaceAll("\\[\\d{4}-\\d\\d-\\d\\d [\\d:,]+\\] ", "")
                .replaceAll("\\s+", " ")
                .strip();
    }

    /** Runs a tool with `--bootstrap-server` in front of its arguments. */
    Result run(String mainClass, String... arguments) throws Exception {
        return runWithInput(mainClass, "", arguments);
    }

    Result runWithInput(String mainClass, String input, String... arguments) throws Exception {
        var first = Stream.of("--bootstrap-server", bootstrap);
        var all = Stream.concat(first, Arrays.stream(arguments));
        return runPlain(mainClass, input, all.toArray(String[]::new));
    }

    /** Runs a tool with just these arguments. */
    static synchronized Result runPlain(String mainClass, String input, String... arguments)
            throws Exception {
        var hooks = new ArrayList<Runnable>();
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        var codes = new ArrayList<Integer>();
        var printed = new ArrayList<String>();
        Exit.Procedure end = (code, message) -> {
            if (message != null) System.err.println(message);
            codes.add(code);
            printed.add(err.toString(StandardCharsets.UTF_8));
            throw new Ended();
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        var realOut = System.out;
        var realErr = System.err;
        var realIn = System.in;
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        try {
            main(mainClass, arguments);
            if (codes.isEmpty()) codes.add(0);
            for (var hook : hooks) hook.run();
        } finally {
            System.setOut(realOut);
            System.setErr(realErr);
            System.setIn(realIn);
        }
        var errText = printed.isEmpty() ? err.toString(StandardCharsets.UTF_8) : printed.get(0);
        return new Result(codes.get(0), out.toString(StandardCharsets.UTF_8), errText);
    }

    /** Runs a tool in a JVM of its own, for those that finish in a hook of the JVM itself. */
    Result runApart(String mainClass, String... arguments) throws Exception {
        var command = new ArrayList<String>(List.of("java", "-XX:TieredStopAtLevel=1", "-cp",
                System.getProperty("java.class.path"),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", mainClass,
                "--bootstrap-server", bootstrap));
        command.addAll(List.of(arguments));
        var process = new ProcessBuilder(command).redirectError(Redirect.INHERIT).start();
        try {
            var out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Result(process.waitFor(), out, "");
        } finally {
            process.destroyForcibly();
        }
    }

    private static void main(String mainClass, String[] arguments) throws Exception {
        try {
            Class.forName(mainClass).getMethod("main", String[].class)
                    .invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            if (thrown.getCause() instanceof Ended) return;
            thrown.getCause().printStackTrace();
            throw thrown;
        }
    }
}
