package compat;

import java.io.File;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program in a JVM of its own, as people run it, with this JVM's class path. */
final class App implements AutoCloseable {
    final Process process;

    App(String mainClass, List<String> arguments) throws Exception {
        var command = new ArrayList<String>(List.of("java", "-XX:TieredStopAtLevel=1", "-Xmx320m",
                "-cp", System.getProperty("java.class.path"),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", mainClass));
        command.addAll(arguments);
        // What it prints goes where the driver's own complaints go: to the log of the driver.
        process = new ProcessBuilder(command).redirectOutput(Redirect.to(new File("/dev/stderr")))
                .redirectError(Redirect.INHERIT).start();
    }

    /** kill -9. */
    void kill() throws Exception {
        process.destroyForcibly().waitFor();
    }

    int await(long seconds) throws Exception {
        if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
            throw new IllegalStateException("the program does not end");
        }
        return process.exitValue();
    }

    @Override
    public void close() throws Exception {
        process.destroy();
        if (!process.waitFor(20, TimeUnit.SECONDS)) kill();
    }

    /** Kills the broker by SIGKILL and waits until the next one answers. */
    static void killBroker() throws Exception {
        var file = Path.of(System.getenv("BUNKA_COMPAT_BROKER_PID"));
        // In a cluster nobody may die until all others are back.
        Kit.until("a broker that may die", () -> !Files.readString(file).isBlank());
        var before = Files.readString(file);
        ProcessHandle.of(Long.parseLong(before)).orElseThrow().destroyForcibly();
        Kit.until("the next broker", () -> {
            var now = Files.readString(file);
            return !now.isEmpty() && !now.equals(before);
        });
    }

    /** A folder of the harness's, which goes with all else that the run leaves. */
    static Path folder(String name) throws Exception {
        var beside = Path.of(System.getenv("BUNKA_COMPAT_BROKER_PID")).getParent();
        return Files.createDirectories(beside.resolve(name));
    }

    static Path writeProperties(Path folder, String name, List<String> lines) throws Exception {
        return Files.write(folder.resolve(name), lines);
    }
}
