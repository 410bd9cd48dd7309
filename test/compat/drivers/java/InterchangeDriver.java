package compat;

import static compat.Kit.facts;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** For interchange.ts: `InterchangeDriver HOST:PORT fill|view|work|end...`. */
public final class InterchangeDriver {
    private final Clients clients;
    private final TransactionKit transactions;

    private InterchangeDriver(String bootstrap) {
        this.clients = new Clients(bootstrap);
        this.transactions = new TransactionKit(clients);
    }

    public static void main(String[] args) throws Exception {
        var driver = new InterchangeDriver(args[0]);
        var view = new InterchangeView(driver.clients);
        var fill = new InterchangeFill(driver.clients);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        for (var name : Arrays.asList(args).subList(1, args.length)) {
            switch (name) {
                case "fill" -> scenarios.put("fill", fill::run);
                case "work" -> scenarios.put("work", driver::work);
                case "end" -> scenarios.put("end", driver::end);
                case "view" -> {
                    scenarios.put("topics", view::topics);
                    scenarios.put("records", view::records);
                    scenarios.put("producers", view::producers);
                    scenarios.put("groups", view::groups);
                    scenarios.put("share", view::share);
                    scenarios.put("streams", view::streams);
                    scenarios.put("transactions", view::transactions);
                    scenarios.put("settings", view::settings);
                    scenarios.put("acls", view::accessRules);
                    scenarios.put("features", view::features);
                }
                default -> throw new IllegalArgumentException(name);
            }
        }
        Kit.run(scenarios, List.of());
    }

    /** What goes on as before after a change of brokers: records, offsets, transactions, groups. */
    private Object work() throws Exception {
        InterchangeFill.fill(clients, "i-plain", 3, 5, "more");
        var outcome = facts();
        for (var group : List.of("i-classic", "i-consumer")) {
            var protocol = group.substring(2);
            try (var member = new Member(clients, group, "i-plain", "group.protocol", protocol)) {
                // Only what came since its last commit.
                Member.pollUntil("15 records", () -> member.records.size() >= 15, member);
                member.consumer.commitSync();
                outcome.put(group, member.records.size());
            }
        }
        // The share group, too: what it acknowledged before does not come again.
        InterchangeFill.share(clients, 15);
        try (var producer = transactions.producer("i-txn")) {
            producer.beginTransaction();
            TransactionKit.send(producer, "i-txn", 2, "more");
            producer.sendOffsetsToTransaction(Map.of(new TopicPartition("i-plain", 0),
                    new OffsetAndMetadata(10)),
                    new org.apache.kafka.clients.consumer.ConsumerGroupMetadata("i-txn-group"));
            producer.commitTransaction();
        }
        transactions.untilState("i-txn", "CompleteCommit");
        clients.createTopic("i-late-" + System.nanoTime(), 1);
        return outcome;
    }

    /** The next lives of the producers that left transactions open end those. */
    private Object end() throws Exception {
        for (var id : List.of("i-open", "i-open-offsets")) {
            transactions.producer(id).close();
            transactions.untilState(id, "(Complete.*|Empty)");
        }
        return transactions.ends("i-txn");
    }
}
