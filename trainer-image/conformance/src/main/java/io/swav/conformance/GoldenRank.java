package io.swav.conformance;

import io.swav.collective.Collective;
import io.swav.multiprocess.RankProcess;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** One rank of {@code golden}; it reports its cases and their results as {@link CaseEvent}s. */
public final class GoldenRank {
    private GoldenRank() {}

    /** Runs the fixtures. Arguments: rank, size, folder of fixtures, names of the cases to skip. */
    public static void main(String[] args) throws IOException {
        int rank = Integer.parseInt(args[0]);
        int size = Integer.parseInt(args[1]);
        CaseReport report = new RankReport(rank, List.of(args).subList(3, args.length));
        try (Collective world = RankProcess.join(rank, size)) {
            TorchRuntime.start();
            TorchRuntime.setThreads(1);
            FixtureRunner golden = new FixtureRunner(Path.of(args[2]));
            if (size == 1) {
                golden.alone(world, report);
            } else {
                golden.together(world, report);
            }
        }
    }
}
