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
 * What a step does with its peers on a thread of its own, over connections of their own ({@link Collective#duplicate}),
 * piece by piece in the order of {@link #run}. The first piece that fails ends it: the rest is not done. Alone in its
 * world, a rank does everything at once on the thread that asks.
 */
public final class CommunicationThread implements AutoCloseable {
    /** When a piece was under way, in the time of {@link System#nanoTime}, which the processes of one Linux share. */
    public record Piece(long from, long to) {}

    /** A name that a profile, or a test that looks for threads left behind, finds. */
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
     * Does {@code piece} after those before it; what it reads is not touched until {@link #await} has returned.
     *
     * @throws RuntimeException what an earlier piece failed with
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
     * @throws RuntimeException what one of them failed with
     */
    public void await() {
        waitedFrom = System.nanoTime();
        collective.await(pieces);
        stream.ifPresent(CommunicationStream::join);
        waitedTo = System.nanoTime();
    }

    /** After {@link #await}: all that another thread did, in order. */
    public List<Piece> pieces() {
        return List.copyOf(done);
    }

    /** After {@link #await}: when that waited. */
    public Piece waited() {
        return new Piece(waitedFrom, waitedTo);
    }

    /**
     * Ends the thread and waits for its end. Where pieces are left, the collective is aborted: this rank has given the
     * step up, and the others' pieces would wait for ours.
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
        stream.ifPresent(CommunicationStream::join); // pieces that failed may have left the device something to do
    }
}
