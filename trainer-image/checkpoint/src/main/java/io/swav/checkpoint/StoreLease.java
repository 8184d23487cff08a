package io.swav.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a store belong to one training at a time. The owner is named in the folder {@code owner-N} with the largest N,
 * which a store creates only if it does not exist, so of several claimants one succeeds. To take the store over is to
 * create the next folder: an owner that was away finds that, and never overwrites its successor's file, because every
 * file has one writing training.
 *
 * <p>The owner rewrites its file now and then ({@link #refresh}). Another training takes over if the owner has released
 * the store, if its process has ended on this machine, or if its file has not changed for {@link Timing#silence} while
 * the other one was looking: no clocks are compared. Otherwise it waits; it is refused if the owner lives on and is not
 * an earlier job of the same name, whose pods may be ending. Thread-safe.
 */
public final class StoreLease {
    private static final Logger LOG = LoggerFactory.getLogger(StoreLease.class);
    private static final String FOLDER = "owner-";
    private static final Pattern TERM = Pattern.compile(FOLDER + "([1-9]\\d{0,8})(?:/.*)?");
    private static final long LAST_TERM = 999_999_999;
    /** More bytes than any owner's file has. */
    private static final int MAX_BYTES = 1 << 16;

    private static final int ATTEMPTS = 5;

    /**
     * The time between two signs of life, and the time that passes at least between what is seen and what is concluded.
     *
     * @param period of {@link #refresh}
     * @param silence after which an owner counts as ended: several times the period
     * @param patience for an owner of another name to end, before the claimant is refused
     * @param settling after a claim in a store that cannot refuse a second one: the time in which others may have claimed
     */
    public record Timing(Duration period, Duration silence, Duration patience, Duration settling) {
        public static final Timing STANDARD = new Timing(
                Duration.ofSeconds(10), Duration.ofSeconds(60), Duration.ofSeconds(60), Duration.ofSeconds(3));
    }

    /** The result of a claim. */
    public sealed interface Claim {
        /** Returns why the store does not belong to this training; empty if it does. */
        default Optional<String> obstacle() {
            return Optional.empty();
        }

        /** The store belongs to this training. */
        record Held() implements Claim {}

        /** Another training may still use the store; a later claim may succeed. */
        record Waiting(String why) implements Claim {
            @Override
            public Optional<String> obstacle() {
                return Optional.of(why);
            }
        }

        /** Another training uses the store, and waiting is not expected to help. */
        record Refused(String why) implements Claim {
            @Override
            public Optional<String> obstacle() {
                return Optional.of(why);
            }
        }
    }

    /**
     * What a claimant has seen of another owner, in the time of the clock.
     *
     * @param first when this owner was seen first
     * @param since since when its file has been seen unchanged, looked at again and again
     * @param looked when it was seen last
     * @param alive whether its file has changed since it was seen first
     */
    private record Sighting(long term, ByteBuffer content, long first, long since, long looked, boolean alive) {
        static Sighting first(long term, ByteBuffer content, long at) {
            return new Sighting(term, content, at, at, at, false);
        }

        /**
         * Returns what is known after another look.
         *
         * @param gap the longest time between two looks, nanoseconds: while a store is away, its owner cannot refresh it
         *     either, and needs time to do so afterwards
         */
        Sighting next(long nowTerm, ByteBuffer now, long at, long gap) {
            if (nowTerm != term) {
                return first(nowTerm, now, at);
            }
            boolean changed = !now.equals(content);
            return new Sighting(term, now, first, changed || at - looked > gap ? at : since, at, alive || changed);
        }
    }

    private final Store store;
    private final Training training;
    private final Timing timing;
    private final LongSupplier clock;
    /** A name of this process alone: processes of one training may claim its store at the same moment. */
    private final DraftWriter writer = new DraftWriter(UUID.randomUUID().toString(), 0);

    private Optional<Sighting> sighting = Optional.empty();
    private long heldTerm;
    private boolean settling;
    private long settled;
    private long beat;
    private boolean over;

    public StoreLease(Store store, Training training, Timing timing) {
        this(store, training, timing, System::nanoTime);
    }

    /** @param clock nanoseconds, never backwards */
    StoreLease(Store store, Training training, Timing timing, LongSupplier clock) {
        this.store = store;
        this.training = training;
        this.timing = timing;
        this.clock = clock;
    }

    Training training() {
        return training;
    }

    /** Returns the time between two calls of {@link #refresh}. */
    public Duration period() {
        return timing.period();
    }

    /**
     * Claims the store, or finds that it belongs to this training already. Does not wait.
     *
     * @throws IOException if the store cannot be read or written
     */
    public synchronized Claim claim() throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            long term = newestTerm();
            byte[] content = term == 0 ? new byte[0] : content(term);
            Optional<OwnerFile> owner = OwnerFile.parse(content);
            if (owner.filter(of -> of.isOf(training) && !of.released()).isPresent()) {
                return held(term);
            }
            boolean free = term == 0 || owner.filter(StoreLease::isFree).isPresent();
            Optional<Claim> objection = free ? Optional.empty() : objection(term, content, owner);
            if (objection.isPresent()) {
                return objection.get();
            }
            if (takeOver(term, owner)) {
                return held(term + 1);
            }
        }
        return new Claim.Waiting(store.uri() + " is claimed by several trainings at this moment");
    }

    private Claim held(long term) {
        sighting = Optional.empty();
        heldTerm = term;
        if (settling && clock.getAsLong() - settled < 0) {
            return new Claim.Waiting("it is being checked that no other training claims " + store.uri()
                    + " at the same moment; that takes seconds");
        }
        settling = false;
        return new Claim.Held();
    }

    private static boolean isFree(OwnerFile owner) {
        return owner.released() || owner.isDead();
    }

    /** Returns why another owner's store cannot be taken over now; empty if it can. */
    private Optional<Claim> objection(long term, byte[] content, Optional<OwnerFile> owner) {
        long now = clock.getAsLong();
        long gap = timing.silence().toNanos() / 2;
        Sighting seen = sighting.map(before -> before.next(term, ByteBuffer.wrap(content), now, gap))
                .orElseGet(() -> Sighting.first(term, ByteBuffer.wrap(content), now));
        sighting = Optional.of(seen);
        long silence = now - seen.since();
        if (silence >= timing.silence().toNanos()) {
            return Optional.empty();
        }
        String who = owner.map(OwnerFile::describe).orElse("a training whose " + at(term) + " cannot be read");
        boolean sameName = owner.filter(of -> of.name().equals(training.name())).isPresent();
        boolean watched =
                seen.alive() && now - seen.first() >= timing.patience().toNanos();
        if (owner.filter(OwnerFile::isAlive).isPresent() || (watched && !sameName)) {
            return Optional.of(new Claim.Refused(store.uri() + " belongs to " + who
                    + ", which is training there now. Two trainings in one place would remove each other's checkpoints:"
                    + " give this one a checkpoint.uri (--out) of its own, or end the other one, then start this one"
                    + " again"));
        }
        return Optional.of(new Claim.Waiting(store.uri() + " belongs to " + who
                + ", which may still train or be ending. This one begins as soon as"
                + " that one has ended, at the latest " + timing.silence().toSeconds()
                + " s after its last sign of life. If it has certainly ended, remove " + store.uri()
                + "/" + FOLDER + term + " to begin at once"));
    }

    /** Tries to become the owner after this term; returns whether it did. */
    private boolean takeOver(long term, Optional<OwnerFile> before) throws IOException {
        if (term >= LAST_TERM) {
            throw new IOException(at(term) + " is of no trainer: remove it");
        }
        long next = term + 1;
        byte[] content = OwnerFile.of(training, ++beat, false).toJson();
        try (Store.Draft draft = store.draft(FOLDER + next, writer, UploadShare.ALONE)) {
            draft.commit(OwnerFile.NAME, content);
        } catch (FileAlreadyExistsException e) {
            return false;
        }
        if (!store.refusesSecond(at(next), content)) {
            settling = true;
            settled = clock.getAsLong() + timing.settling().toNanos();
        }
        if (newestTerm() != next || !Arrays.equals(content(next), content)) {
            return false;
        }
        before.ifPresent(of -> LOG.info("{} belonged to {}, which has ended", store.uri(), of.describe()));
        removeBefore(next);
        return true;
    }

    private void removeBefore(long term) {
        try {
            for (long earlier : terms()) {
                if (earlier < term) {
                    store.remove(FOLDER + earlier, OwnerFile.NAME);
                }
            }
        } catch (IOException e) {
            LOG.warn("cannot remove the files of earlier owners from {}: {}", store.uri(), e.toString());
        }
    }

    /**
     * Claims the store, and gives a sign of life if it is held. Does nothing after {@link #release}.
     *
     * @throws IOException if the store cannot be read or written
     */
    public synchronized Claim refresh() throws IOException {
        if (over) {
            return new Claim.Held();
        }
        Claim claim = claim();
        if (claim instanceof Claim.Held) {
            write(false);
        }
        return claim;
    }

    /** Gives the store up, because the training has ended; another one can begin at once. */
    public synchronized void release() {
        over = true;
        try {
            if (claim() instanceof Claim.Held) {
                write(true);
            }
        } catch (IOException e) {
            LOG.info("{} was not released, so the next training there waits a little: {}", store.uri(), e.toString());
        }
    }

    /**
     * Requires the store to be this training's.
     *
     * @throws IOException saying whose it is
     */
    void require() throws IOException {
        Optional<String> obstacle = claim().obstacle();
        if (obstacle.isPresent()) {
            throw new IOException(obstacle.get());
        }
    }

    /** Writes this training's own file, even if another training has become the owner meanwhile: that has another file. */
    private void write(boolean released) throws IOException {
        try (Store.Sink sink = store.create(at(heldTerm), writer)) {
            FolderStore.writeAll(
                    sink,
                    ByteBuffer.wrap(OwnerFile.of(training, ++beat, released).toJson()));
            sink.commit();
        }
    }

    private static String at(long term) {
        return FOLDER + term + "/" + OwnerFile.NAME;
    }

    private long newestTerm() throws IOException {
        return terms().stream().mapToLong(Long::longValue).max().orElse(0);
    }

    private List<Long> terms() throws IOException {
        return store.names(FOLDER).stream()
                .map(TERM::matcher)
                .filter(Matcher::matches)
                .map(term -> Long.parseLong(term.group(1)))
                .distinct()
                .toList();
    }

    /** Returns the bytes of an owner's file; empty for one that is missing, or of no trainer. */
    private byte[] content(long term) throws IOException {
        try (Store.Source source = store.open(at(term))) {
            if (source.size() > MAX_BYTES) {
                return new byte[0];
            }
            ByteBuffer bytes = ByteBuffer.allocate((int) source.size());
            for (int read = 0; read >= 0 && bytes.hasRemaining(); ) {
                read = source.read(bytes);
            }
            return bytes.array();
        } catch (NoSuchFileException | CorruptCheckpointException e) {
            return new byte[0];
        }
    }
}
