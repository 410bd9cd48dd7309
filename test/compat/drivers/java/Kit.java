package compat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.protocol.Errors;

/** What the Java drivers share: running scenarios, printing outcomes, naming errors, waiting. */
final class Kit {
    /** A fixed moment, so that timestamps in outcomes are the same in every run. */
    static final long T0 = 1_700_000_000_000L;

    private static final int SCENARIO_DEADLINE_SECONDS =
            Integer.getInteger("compat.scenario.seconds", 150);
    private static final int UNTIL_SECONDS = Integer.getInteger("compat.until.seconds", 60);
    private static final ObjectMapper JSON =
            new ObjectMapper().configure(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS, false);

    private Kit() {}

    interface Scenario extends Callable<Object> {}

    /** Runs all scenarios, or those named in `names`, and prints one JSON line for each. */
    static void run(Map<String, Scenario> scenarios, List<String> names) throws Exception {
        // The tools print to standard output too: the outcomes keep a hold of the real one.
        var out = System.out;
        var executor = Executors.newCachedThreadPool();
        for (var entry : scenarios.entrySet()) {
            if (!names.isEmpty() && !names.contains(entry.getKey())) continue;
            Object outcome;
            try {
                outcome = executor.submit(entry.getValue())
                        .get(SCENARIO_DEADLINE_SECONDS, TimeUnit.SECONDS);
            } catch (Exception error) {
                var cause = error instanceof ExecutionException ? error.getCause() : error;
                cause.printStackTrace();
                outcome = Map.of("failed", String.valueOf(cause));
            }
            out.println(JSON.writeValueAsString(Map.of(entry.getKey(), outcome)));
            out.flush();
        }
        // What a failed scenario left behind must not keep the driver alive.
        Runtime.getRuntime().halt(0);
    }

    /** An ordered map of names and values: `facts("a", 1, "b", 2)`. */
    static Map<String, Object> facts(Object... namesAndValues) {
        var facts = new LinkedHashMap<String, Object>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            facts.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return facts;
    }

    /** The Kafka name of the error, and its message as the broker (or client) gave it. */
    static String errorName(Throwable error) {
        var cause = error;
        while ((cause instanceof ExecutionException || cause instanceof CompletionException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        var known = Errors.forException(cause);
        var name = known == Errors.UNKNOWN_SERVER_ERROR
                ? cause.getClass().getSimpleName()
                : known.name();
        // How a time-out is put depends on what the client was waiting for at that moment.
        if (known == Errors.REQUEST_TIMED_OUT) return name;
        return name + ": " + withoutChance(String.valueOf(cause.getMessage()));
    }

    /** The text without what differs from run to run: ports, ids and moments. */
    static String withoutChance(String text) {
        return text.replaceAll("127\\.0\\.0\\.1:\\d+", "ADDRESS")
                // Before the moments: an id may hold as many digits in a row.
                .replaceAll("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID")
                .replaceAll("\\b[\\w-]{22}(?= (with instance|member))", "ID")
                .replaceAll("\\d{10,}", "TIME");
    }

    static boolean succeeds(Callable<?> work) {
        try {
            work.call();
            return true;
        } catch (Exception notYet) {
            return false;
        }
    }

    /** The value that `work` gives, or the name of its error. */
    static Object outcomeOf(Callable<?> work) {
        try {
            return facts("value", work.call());
        } catch (Exception error) {
            return facts("error", errorName(error));
        }
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    /** Asks again and again until the condition holds. */
    static void until(String what, Condition condition) throws Exception {
        long end = System.nanoTime() + Duration.ofSeconds(UNTIL_SECONDS).toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() > end) throw new IllegalStateException(what + ": not in time");
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    static String digest(Object value) throws Exception {
        return digest(JSON.writeValueAsString(value).getBytes(StandardCharsets.UTF_8));
    }

    static String digest(byte[] bytes) throws Exception {
        var hash = MessageDigest.getInstance("SHA-256").digest(bytes);
        return HexFormat.of().formatHex(hash).substring(0, 16);
    }

    static byte[] filled(int size, int value) {
        var bytes = new byte[size];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    static List<String> sorted(Set<?> values) {
        return values.stream().map(String::valueOf).sorted().toList();
    }
}
