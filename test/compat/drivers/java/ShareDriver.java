package compat;

import java.util.Arrays;
import java.util.LinkedHashMap;

/** Consumers of share groups: `ShareDriver HOST:PORT [SCENARIO]...`. */
public final class ShareDriver {
    private ShareDriver() {}

    public static void main(String[] args) throws Exception {
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        new ShareScenarios(new Clients(args[0])).addTo(scenarios);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }
}
