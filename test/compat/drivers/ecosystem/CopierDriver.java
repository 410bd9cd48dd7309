package compat;

import static compat.Kit.facts;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Apache Kafka's TransactionalMessageCopier, killed in a loop: `CopierDriver HOST:PORT`. */
public final class CopierDriver {
    private static final int RECORDS = 1000;
    private static final int KILLS = 3;

    private final Clients clients;

    private CopierDriver(String bootstrap) {
        this.clients = new Clients(bootstrap);
    }

    public static void main(String[] args) throws Exception {
        var driver = new CopierDriver(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("copier", driver::copy);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private App copier() throws Exception {
        return new App("org.apache.kafka.tools.TransactionalMessageCopier", List.of(
                "--broker-list", clients.bootstrap, "--input-topic", "copy-in",
                "--input-partition", "0", "--output-topic", "copy-out",
                "--consumer-group", "copiers", "--transactional-id", "copier",
                "--transaction-size", "20", "--transaction-timeout", "20000",
                "--enable-random-aborts", "--use-group-metadata"));
    }

    private List<String> output() throws Exception {
        return new TransactionKit(clients).readToEnd("copy-out", "read_committed").stream()
                .map(record -> Kit.text(record.value())).toList();
    }

    private Object copy() throws Exception {
        clients.createTopic("copy-in", 1);
        clients.createTopic("copy-out", 1);
        var input = new ArrayList<String>();
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int i = 0; i < RECORDS; i++) {
            input.add("v" + i);
            records.add(Clients.record("copy-in", 0, Kit.T0, "k", "v" + i));
        }
        clients.send(records);
        int before = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            try (var copier = copier()) {
                int copied = before;
                Kit.until("progress", () -> output().size() > copied || !copier.process.isAlive());
                copier.kill();
            }
            if (kill == 1) App.killBroker();
            before = output().size();
        }
        // Until it ends by itself, at the end of its input.
        int code;
        try (var copier = copier()) {
            code = copier.await(90);
        }
        var output = output();
        return facts("code", code, "records", output.size(), "same", output.equals(input));
    }
}
