package io.swav.conformance;

import java.util.Collection;
import java.util.Set;

/** What a rank says to the process that started it. Every rank announces its cases; results are rank 0's. */
final class RankReport implements CaseReport {
    private final int rank;
    private final Set<String> settled;

    /** @param settled names of the cases that are not run again */
    RankReport(int rank, Collection<String> settled) {
        this.rank = rank;
        this.settled = Set.copyOf(settled);
    }

    @Override
    public boolean begin(String name) {
        if (settled.contains(name)) {
            return false;
        }
        say(new CaseEvent.Begun(name));
        return true;
    }

    @Override
    public void accept(GoldenCase result) {
        if (rank == 0) {
            say(new CaseEvent.Compared(result));
        }
    }

    @Override
    public void end(String name) {
        say(new CaseEvent.Ended(name));
    }

    private static void say(CaseEvent event) {
        RankProcess.say(event.line());
    }
}
