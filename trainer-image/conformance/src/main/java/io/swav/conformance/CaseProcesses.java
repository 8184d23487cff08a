package io.swav.conformance;

import io.swav.multiprocess.ProcessGroup;
import io.swav.multiprocess.RankFailure;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Runs the cases of one world size in processes. If one dies or hangs, all are started again, until all cases have run.
 */
final class CaseProcesses {
    private CaseProcesses() {}

    /**
     * Runs all cases. Every rank runs {@code main} with arguments rank, size, {@code folder}, and the names of the
     * cases to skip; it reports through a {@link RankReport}.
     *
     * @param silenceLimit time without output after which the processes count as hung; more than the longest case takes
     */
    static void run(Class<?> main, int size, Duration silenceLimit, String folder, Consumer<GoldenCase> report)
            throws IOException, InterruptedException {
        // a single rank runs every file, and QUICK would double the time of its loops in Java
        List<String> jvm = size == 1 ? List.of() : ProcessGroup.QUICK;
        CaseTracker cases = new CaseTracker("world size " + size, report);
        Optional<RankFailure> failure;
        do {
            List<String> arguments = new ArrayList<>(List.of(folder));
            arguments.addAll(cases.settled());
            failure = ProcessGroup.run(
                    jvm,
                    main,
                    size,
                    silenceLimit,
                    arguments,
                    (rank, line) -> cases.record(rank, CaseEvent.parse(line)));
        } while (failure.isPresent() && cases.died(failure.get()));
    }
}
