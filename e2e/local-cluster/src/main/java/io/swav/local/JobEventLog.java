package io.swav.local;

import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Describes the changes of a job since the last call: a line for each incident and each change of the world. */
final class JobEventLog {
    private final Set<String> reported = new HashSet<>();
    private long generation;
    private int size;

    List<String> newEntries(SwavJobStatus status) {
        List<String> lines = new ArrayList<>();
        SwavJobStatus.Ledger ledger = status.ledger();
        if (ledger != null && ledger.incidents() != null) {
            for (Incident incident : ledger.incidents()) {
                boolean change = incident.kind() == IncidentKind.Resize; // reported below as the new world
                if (reported.add(incident.time() + incident.pod()) && !change) {
                    lines.add("  " + incident.kind() + ": " + incident.pod() + ", " + incident.reason());
                }
            }
        }
        SwavJobStatus.WorldStatus world = status.world();
        if (world != null && world.generation() != generation) {
            lines.add("  world of " + world.size() + (generation == 0 ? "" : ", was " + size) + " (generation "
                    + world.generation() + ": " + String.join(", ", world.members()) + ")");
            generation = world.generation();
            size = world.size();
        }
        return lines;
    }
}
