package io.swav.local;

import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Incident;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What has happened to a job since one looked last: a line for each incident and each change of the world. */
final class JobEventLog {
    private final Set<String> told = new HashSet<>();
    private long generation;
    private int size;

    List<String> news(SwavJobStatus status) {
        List<String> lines = new ArrayList<>();
        SwavJobStatus.Ledger ledger = status.ledger();
        if (ledger != null && ledger.incidents() != null) {
            for (Incident incident : ledger.incidents()) {
                boolean change = incident.kind().equals("Resize"); // which the new world below tells
                if (told.add(incident.time() + incident.pod()) && !change) {
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
