package io.swav.collective;

import io.swav.torch.CommunicationStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Runs a step's communication on a separate thread over separate connections ({@link Collective#duplicate}), piece by
 * piece in the order of the calls of {@link #run}. The first piece that fails ends it: later pieces are not run. In a
 * world of one rank every piece runs immediately on the calling thread.
 */
public final class CommunicationThread implements AutoCloseable {
    /** When a piece ran, in the time of {@link System#nanoTime}, which all processes of one Linux share. */
    public record Piece(long from, long to) {}

    /** The thread's name, which profiles show and which a test for leaked threads looks for. */
    public static final String THREAD = "gradients";

    private final Collective collective;
    private final Collective line;
    private final ExecutorService thread;
    private final Optional<CommunicationStream> stream;
    private CompletableFuture<Void> pieces = CompletableFuture.completedFuture(null);
    private final List<Piece> done = new ArrayList<>();
    private long waitedFrom;
    private long waitedTo;

    public CommunicationThread(Collective collective) {
        this(collective, CommunicationStream.ofProcess());
    }

    CommunicationThread(Collective collective, Optional<CommunicationStream> stream) {
        this.collective = collective;
        this.stream = stream;
        this.line = collective.duplicate();
        this.thread = Executors.newSingleThreadExecutor(work -> {
            Thread made = new Thread(work, THREAD);
            made.setDaemon(true);
            return made;
        });
    }

    /**
     * Runs {@code piece} after the earlier ones. The caller must not modify what it reads until {@link #await} has
     * returned.
     *
     * @throws RuntimeException the exception that an earlier piece failed with
     */
    public void run(Consumer<Collective> piece) {
        if (collective.size() == 1) {
            piece.accept(line);
            return;
        }
        if (pieces.isCompletedExceptionally()) {
            collective.await(pieces);
        }
        Runnable begin = stream.map(CommunicationStream::fork).orElse(() -> {});
        pieces = pieces.thenRunAsync(
                () -> {
                    long start = System.nanoTime();
                    begin.run();
                    piece.accept(line);
                    done.add(new Piece(start, System.nanoTime()));
                },
                thread);
    }

    /**
     * Waits for all pieces.
     *
     * @throws RuntimeException the exception that one of them failed with
     */
    public void await() {
        waitedFrom = System.nanoTime();
        collective.await(pieces);
        stream.ifPresent(CommunicationStream::join);
        waitedTo = System.nanoTime();
    }

    /** When each piece ran on the communication thread, in order; to be called after {@link #await}. */
    public List<Piece> pieces() {
        return List.copyOf(done);
    }

    /** When {@link #await} waited; to be called after it. */
    public Piece waited() {
        return new Piece(waitedFrom, waitedTo);
    }

    /**
     * Ends the thread and waits for its end. If pieces are left, this aborts the collective: this rank has given up the
     * step, and the pieces of the other ranks would wait for this rank's.
     */
    @Override
    public void close() {
        if (!pieces.isDone()) {
            collective.abort();
        }
        thread.shutdown();
        boolean interrupted = false;
        while (true) {
            try {
                if (thread.awaitTermination(1, TimeUnit.DAYS)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        stream.ifPresent(CommunicationStream::join); // a failed piece may have left work on the device
    }
}
