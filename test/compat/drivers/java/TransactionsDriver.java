package compat;

import java.util.Arrays;
import java.util.LinkedHashMap;

/** Transactions of Apache Kafka's own Java clients: `TransactionsDriver HOST:PORT [SCENARIO]...`. */
public final class TransactionsDriver {
    private TransactionsDriver() {}

    public static void main(String[] args) throws Exception {
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        var clients = new Clients(args[0]);
        new TransactionScenarios(clients).addTo(scenarios);
        new CompactionScenarios(clients).addTo(scenarios);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }
}
