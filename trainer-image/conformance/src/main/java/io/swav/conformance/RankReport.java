package io.swav.conformance;

import io.swav.multiprocess.RankProcess;
import java.util.Collection;
import java.util.Set;

/** Reports cases to the process that started this rank. Every rank announces its cases; only rank 0 sends results. */
final class RankReport implements CaseReport {
    private final int rank;
    private final Set<String> settled;

    /** @param settled names of the cases to skip */
    RankReport(int rank, Collection<String> settled) {
        this.rank = rank;
        this.settled = Set.copyOf(settled);
    }

    @Override
    public boolean begin(String name) {
        if (settled.contains(name)) {
            return false;
        }
        send(new CaseEvent.Begun(name));
        return true;
    }

    @Override
    public void accept(GoldenCase result) {
        if (rank == 0) {
            send(new CaseEvent.Compared(result));
        }
    }

    @Override
    public void end(String name) {
        send(new CaseEvent.Ended(name));
    }

    private static void send(CaseEvent event) {
        RankProcess.say(event.line());
    }
}
