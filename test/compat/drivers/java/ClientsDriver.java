package compat;

import java.util.Arrays;
import java.util.LinkedHashMap;

/** Apache Kafka's own Java clients: `ClientsDriver HOST:PORT [SCENARIO]...`. */
public final class ClientsDriver {
    private ClientsDriver() {}

    public static void main(String[] args) throws Exception {
        var clients = new Clients(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        new TopicScenarios(clients).addTo(scenarios);
        new ConfigScenarios(clients).addTo(scenarios);
        new DataScenarios(clients).addTo(scenarios);
        new QuotaScenarios(clients).addTo(scenarios);
        new GroupScenarios(clients).addTo(scenarios);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }
}
