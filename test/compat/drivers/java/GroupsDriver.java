package compat;

import java.util.Arrays;
import java.util.LinkedHashMap;

/** Groups of the consumer protocol, and of both at once: `GroupsDriver HOST:PORT [SCENARIO]...`. */
public final class GroupsDriver {
    private GroupsDriver() {}

    public static void main(String[] args) throws Exception {
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        new ConsumerGroupScenarios(new Clients(args[0])).addTo(scenarios);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }
}
