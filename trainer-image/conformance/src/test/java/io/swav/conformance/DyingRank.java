package io.swav.conformance;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.multiprocess.RankProcess;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** A rank like {@link GoldenRank}; the last rank dies in the case {@code file/second}. */
final class DyingRank {
    /** The way in which it dies. */
    enum Death {
        SIGNAL,
        EXIT,
        HANG,
        BEFORE_ANY_CASE
    }

    static final int EXIT_CODE = 3;

    private final Collective world;
    private final CaseReport report;
    private final Death death;

    private DyingRank(Collective world, CaseReport report, Death death) {
        this.world = world;
        this.report = report;
        this.death = death;
    }

    /** Runs the cases. Arguments: rank, size, {@link Death}, names of the cases to skip. */
    public static void main(String[] args) throws IOException {
        int rank = Integer.parseInt(args[0]);
        Death death = Death.valueOf(args[2]);
        if (death == Death.BEFORE_ANY_CASE) {
            Runtime.getRuntime().halt(EXIT_CODE);
        }
        try (Collective world = RankProcess.join(rank, Integer.parseInt(args[1]))) {
            CaseReport report = new RankReport(rank, List.of(args).subList(3, args.length));
            new DyingRank(world, report, death).cases();
        }
    }

    private void cases() {
        CaseRunner.run("file", report, file -> {
            report.accept(GoldenCase.skipped("file/queue", "unsupported"));
            CaseRunner.run("file/first", report, this::pass);
            CaseRunner.run("file/second", report, name -> {
                pass(name + " half");
                if (world.rank() == world.size() - 1) {
                    die();
                } else {
                    waitForAll();
                }
            });
            CaseRunner.run("file/third", report, this::pass);
        });
        CaseRunner.run("last", report, this::pass);
    }

    private void pass(String name) {
        report.accept(GoldenCase.compared(name, 0, 1, ""));
    }

    private void waitForAll() {
        try (NDManager manager = TorchRuntime.host()) {
            world.allReduceMin(manager.zeros(new Shape(1)));
        }
    }

    private void die() {
        try {
            if (death == Death.EXIT) {
                Runtime.getRuntime().halt(EXIT_CODE);
            } else if (death == Death.SIGNAL) {
                new ProcessBuilder(
                                "kill",
                                "-FPE",
                                String.valueOf(ProcessHandle.current().pid()))
                        .start();
            }
            new CountDownLatch(1).await();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
