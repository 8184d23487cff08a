package io.swav.trainer;

import io.swav.api.World;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps what the ranks found about a step that is not finite beside the checkpoints, for people. */
final class NotFiniteCapture {
    private static final Logger LOG = LoggerFactory.getLogger(NotFiniteCapture.class);
    /** How long all ranks wait for the store. A pod with notice, or one that the operator ends, has 30 s by default. */
    private static final long SECONDS = 15;
    /** The number of ranks whose findings are kept, so that the file stays small. */
    private static final int RANKS = 16;

    /**
     * The content of a capture.
     *
     * @param step global steps applied when the step was begun
     * @param job uid of the SwavJob, empty outside a cluster
     * @param ranksWithFindings all of them; {@code ranks} has the first
     */
    private record Content(
            long step,
            long generation,
            String job,
            String time,
            NotFiniteDecision decision,
            String what,
            long ranksWithFindings,
            List<NotFiniteReport> ranks) {}

    private final Optional<CheckpointCatalog> store;
    private final String job;

    NotFiniteCapture(Optional<CheckpointCatalog> store, String job) {
        this.store = store;
        this.job = job;
    }

    /** Returns a clause that says where the capture of a step is. */
    String place(long step) {
        return store.map(in -> ". What was found is kept in " + in.captures().uri(step))
                .orElse("");
    }

    /**
     * Keeps a capture. A store that fails or does not answer in time is logged: what was found is in the log as well.
     *
     * @return a clause that says where it is, or why it is not
     */
    String keep(World world, long step, NotFiniteDecision decision, String what, List<NotFiniteReport> ranks) {
        if (store.isEmpty()) {
            return "";
        }
        Content content = new Content(
                step,
                world.generation(),
                job,
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                decision,
                what,
                NotFiniteReport.culprits(ranks).count(),
                NotFiniteReport.culprits(ranks).limit(RANKS).toList());
        byte[] json = NotFiniteReport.toJson(content).getBytes(StandardCharsets.UTF_8);
        Optional<String> problem = writeInTime(store.get(), step, world.generation(), json);
        if (problem.isEmpty()) {
            return place(step);
        }
        LOG.error(
                "what was found could not be kept, here it is ({}): {}",
                problem.get(),
                new String(json, StandardCharsets.UTF_8));
        return ". What was found could not be kept (" + problem.get() + "), and is in the log of rank 0";
    }

    private static Optional<String> writeInTime(CheckpointCatalog to, long step, long generation, byte[] json) {
        try {
            return CompletableFuture.supplyAsync(
                            () -> write(to, step, generation, json),
                            work -> DaemonThreads.create("capture", work).start())
                    .completeOnTimeout(
                            Optional.of("the store did not answer within " + SECONDS + " s"), SECONDS, TimeUnit.SECONDS)
                    .join();
        } catch (Error e) { // for example, no thread can be started
            return Optional.of(MemoryLimits.describe(e));
        }
    }

    private static Optional<String> write(CheckpointCatalog to, long step, long generation, byte[] json) {
        try {
            to.captures().keep(step, generation, json);
            return Optional.empty();
        } catch (IOException | RuntimeException | Error e) {
            return Optional.of(MemoryLimits.describe(e));
        }
    }
}
