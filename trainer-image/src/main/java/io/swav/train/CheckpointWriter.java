package io.swav.train;

import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.Checkpoints;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes snapshots while training goes on, one at a time. A write that fails is told and the next one tried: a full
 * disk in the middle of a run is no reason to stop it.
 */
final class CheckpointWriter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointWriter.class);

    private final Checkpoints store;
    private final Progress progress;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(runnable -> {
        Thread writer = new Thread(runnable, "checkpoint-writer");
        writer.setDaemon(true);
        return writer;
    });
    private CompletableFuture<Void> running = CompletableFuture.completedFuture(null);

    CheckpointWriter(Checkpoints store, Progress progress) {
        this.store = store;
        this.progress = progress;
    }

    /** Starts to write; waits first for a write that still runs, so that no more than one snapshot takes memory. */
    void write(Checkpoint checkpoint) {
        settle();
        running = CompletableFuture.runAsync(
                () -> {
                    try {
                        store.save(checkpoint);
                        LOG.info(
                                "checkpoint of step {} written",
                                checkpoint.state().step());
                    } catch (CheckpointException e) {
                        throw new CompletionException(e);
                    }
                },
                thread);
    }

    /** Waits for the write in progress. */
    void settle() {
        try {
            running.join();
        } catch (CompletionException e) {
            String problem =
                    String.valueOf(e.getCause() == null ? e : e.getCause().getMessage());
            LOG.error("{}", problem);
            progress.message(problem);
        }
        running = CompletableFuture.completedFuture(null);
    }

    @Override
    public void close() {
        settle();
        thread.shutdown();
    }
}
