package io.swav.conformance;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Runs the cases of one world size in processes, which are started again after one died or hung, until all have run. */
final class CaseProcesses {
    private CaseProcesses() {}

    /**
     * Every rank runs {@code main} with arguments rank, size, {@code folder}, and the names of the cases to leave out; it
     * reports by a {@link RankReport}.
     *
     * @param patience how long a case may take
     */
    static void run(Class<?> main, int size, Duration patience, String folder, Consumer<GoldenCase> report)
            throws IOException, InterruptedException {
        // one rank runs every file, with loops in Java that take twice as long when they are compiled fast
        List<String> jvm = size == 1 ? List.of() : ProcessGroup.QUICK;
        CaseTracker cases = new CaseTracker("world size " + size, report);
        Optional<RankFailure> failure;
        do {
            List<String> arguments = new ArrayList<>(List.of(folder));
            arguments.addAll(cases.settled());
            failure = ProcessGroup.run(
                    jvm, main, size, patience, arguments, (rank, line) -> cases.heard(rank, CaseEvent.parse(line)));
        } while (failure.isPresent() && cases.died(failure.get()));
    }
}
