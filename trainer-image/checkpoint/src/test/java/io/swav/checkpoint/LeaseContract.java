package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.DataType;
import io.swav.checkpoint.CheckpointCatalog.Owner;
import io.swav.checkpoint.StoreLease.Claim;
import io.swav.checkpoint.StoreLease.Timing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Says when a store belongs to which training, in every store. */
abstract class LeaseContract {
    static final Timing TIMING =
            new Timing(Duration.ofSeconds(10), Duration.ofSeconds(60), Duration.ofSeconds(45), Duration.ofSeconds(3));

    /** The clock of all claimants. */
    final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 5); // it may overflow

    abstract Store store();

    /** Writes a file as others may do it. */
    abstract void put(String name, byte[] content) throws IOException;

    static Training job(String uid, String name) {
        return Training.ofJob(uid, "default", name);
    }

    StoreLease lease(Store store, Training training) {
        return new StoreLease(store, training, TIMING, nanos::get);
    }

    StoreLease lease(Training training) {
        return lease(store(), training);
    }

    void pass(long seconds) {
        nanos.addAndGet(Duration.ofSeconds(seconds).toNanos());
    }

    /** Lets time pass while this claimant looks every ten seconds. */
    void watch(StoreLease claimant, long seconds) throws IOException {
        for (long left = seconds; left > 0; left -= 10) {
            pass(Math.min(10, left));
            claimant.claim();
        }
    }

    @Test
    void belongsToTheFirstAndTheSecondWaits() throws Exception {
        assertThat(lease(job("a", "demo")).claim()).isEqualTo(new Claim.Held());
        assertThat(lease(job("a", "demo")).claim()).as("another pod of it").isEqualTo(new Claim.Held());
        assertThat(lease(job("b", "other")).claim())
                .isInstanceOfSatisfying(
                        Claim.Waiting.class,
                        waiting -> assertThat(waiting.why())
                                .contains("belongs to SwavJob default/demo (job a)")
                                .contains("60 s after its last sign of life")
                                .contains("remove " + store().uri() + "/owner-1"));
    }

    @Test
    void ofManyThatClaimAtOnceOneHolds() throws Exception {
        int many = 8;
        CyclicBarrier start = new CyclicBarrier(many);
        ExecutorService threads = Executors.newFixedThreadPool(many);
        try {
            for (int round = 0; round < 5; round++) {
                List<CompletableFuture<Boolean>> claims = new ArrayList<>();
                for (int i = 0; i < many; i++) {
                    StoreLease lease = lease(job("uid-" + round + "-" + i, "job-" + i));
                    claims.add(CompletableFuture.supplyAsync(
                            () -> {
                                try {
                                    start.await();
                                    boolean held = lease.claim() instanceof Claim.Held;
                                    start.await();
                                    if (held) {
                                        lease.release();
                                    }
                                    return held;
                                } catch (Exception e) {
                                    throw new IllegalStateException(e);
                                }
                            },
                            threads));
                }
                assertThat(claims.stream().filter(CompletableFuture::join).count())
                        .as("round %d", round)
                        .isEqualTo(1);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    /** Storage may be restored into another cluster, or the owner's node may be lost: nothing tells the next one. */
    @Test
    void isTakenOverAfterASilenceAndOnlyThen() throws Exception {
        StoreLease first = lease(job("a", "demo"));
        StoreLease second = lease(job("b", "demo"));
        first.claim();
        assertThat(second.claim()).isInstanceOf(Claim.Waiting.class);
        watch(second, 59);
        assertThat(second.claim()).isInstanceOf(Claim.Waiting.class);
        first.refresh();
        assertThat(second.claim()).isInstanceOf(Claim.Waiting.class);
        watch(second, 59);
        assertThat(second.claim()).as("counted from the last sign").isInstanceOf(Claim.Waiting.class);
        pass(1);
        assertThat(second.claim()).isEqualTo(new Claim.Held());
        assertThat(first.claim()).as("it was away").isInstanceOf(Claim.Waiting.class);
        assertThat(second.claim()).isEqualTo(new Claim.Held());
        assertThat(store().names()).as("one owner's file is left").hasSize(1);
    }

    /** The owner could not refresh it either. */
    @Test
    void aTimeInWhichTheStoreWasAwayIsNoSilence() throws Exception {
        StoreLease owner = lease(job("a", "demo"));
        StoreLease other = lease(job("b", "demo"));
        owner.claim();
        other.claim();
        pass(600);
        assertThat(other.claim()).isInstanceOf(Claim.Waiting.class);
        watch(other, 50);
        assertThat(other.claim()).isInstanceOf(Claim.Waiting.class);
        watch(other, 10);
        assertThat(other.claim()).isEqualTo(new Claim.Held());
    }

    @Test
    void refusesAnotherJobWhileTheOwnerLives() throws Exception {
        StoreLease owner = lease(job("a", "demo"));
        StoreLease other = lease(job("b", "other"));
        owner.claim();
        Claim claim = other.claim();
        for (int seconds = 0; seconds < 50; seconds += 10) {
            assertThat(claim).as("the owner may be ending").isInstanceOf(Claim.Waiting.class);
            pass(10);
            owner.refresh();
            claim = other.claim();
        }
        assertThat(claim)
                .isInstanceOfSatisfying(
                        Claim.Refused.class,
                        refused -> assertThat(refused.why())
                                .contains("belongs to SwavJob default/demo (job a), which is training there now")
                                .contains("checkpoint.uri (--out) of its own"));
    }

    /** After kubectl delete and apply the pods of the deleted job may live on for its grace period. */
    @Test
    void aJobThatWasMadeAnewWaitsForItsPredecessorHoweverLongThatTakes() throws Exception {
        StoreLease deleted = lease(job("a", "demo"));
        StoreLease anew = lease(job("b", "demo"));
        deleted.claim();
        for (int beat = 0; beat < 30; beat++) {
            assertThat(anew.claim()).isInstanceOf(Claim.Waiting.class);
            pass(10);
            deleted.refresh();
        }
        deleted.release();
        assertThat(anew.claim()).isEqualTo(new Claim.Held());
    }

    @Test
    void isFreeAtOnceIfItWasReleased() throws Exception {
        StoreLease first = lease(job("a", "demo"));
        first.claim();
        first.release();
        first.refresh(); // a sign of life that was on its way
        StoreLease second = lease(job("b", "other"));
        assertThat(second.claim()).isEqualTo(new Claim.Held());
        second.release();
        assertThat(first.claim()).as("it was resumed").isEqualTo(new Claim.Held());
    }

    /** A process may be stopped between its look at the store and its write. */
    @Test
    void anOwnerThatWasAwayDoesNotOverwriteItsSuccessor() throws Exception {
        StoreLease successor = lease(job("b", "other"));
        AtomicInteger looks = new AtomicInteger();
        Store slow = new ForwardingStore(store()) {
            @Override
            public List<String> names(String start) throws IOException {
                if (looks.incrementAndGet() == 2) {
                    watch(successor, 60);
                }
                return super.names(start);
            }

            @Override
            public Sink create(String name, DraftWriter writer) throws IOException {
                watch(successor, 60);
                return super.create(name, writer);
            }
        };
        StoreLease away = lease(slow, job("a", "demo"));
        away.claim();
        successor.claim();
        looks.set(0);
        away.refresh();
        assertThat(successor.claim()).isEqualTo(new Claim.Held());
        assertThat(away.claim()).isInstanceOf(Claim.Waiting.class);
    }

    @Test
    void filesOfNoTrainerAreTakenOverAfterASilence() throws Exception {
        put(
                "owner-3/OWNER.json",
                "{\"training\": null, \"beat\": 99999999999999999999}".getBytes(StandardCharsets.UTF_8));
        put("owner-03/OWNER.json", new byte[0]);
        put("owner-99999999999/OWNER.json", new byte[0]);
        StoreLease lease = lease(job("a", "demo"));
        assertThat(lease.claim())
                .isInstanceOfSatisfying(
                        Claim.Waiting.class,
                        waiting -> assertThat(waiting.why())
                                .contains("a training whose owner-3/OWNER.json cannot be read"));
        watch(lease, 60);
        assertThat(lease.claim()).isEqualTo(new Claim.Held());
    }

    @Test
    void textOfOthersIsShownOnOneLine() throws Exception {
        put(
                "owner-1/OWNER.json",
                ("{\"training\": \"x\\n\\u001b[31m\", \"name\": \"\\u202e" + "n".repeat(9000)
                                + "\", \"process\": {\"pid\": 1}}")
                        .getBytes(StandardCharsets.UTF_8));
        assertThat(lease(job("a", "demo")).claim())
                .isInstanceOfSatisfying(
                        Claim.Waiting.class,
                        waiting -> assertThat(waiting.why())
                                .hasSizeLessThan(1000)
                                .doesNotContainPattern("[\\p{Cc}\\p{Cf}]"));
    }

    @Test
    void theLastNumberIsNamed() throws Exception {
        put("owner-999999999/OWNER.json", "{}".getBytes(StandardCharsets.UTF_8));
        StoreLease lease = lease(job("a", "demo"));
        lease.claim();
        watch(lease, 50);
        pass(10);
        assertThatThrownBy(lease::claim)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("owner-999999999/OWNER.json is of no trainer: remove it");
    }

    /** A store where the last of two writers of a name wins. */
    @Test
    void withoutConditionsTheLastClaimHoldsAfterItHasSettled() throws Exception {
        StoreLease first = lease(new UnconditionalStore(store()), job("a", "demo"));
        StoreLease second = lease(new UnconditionalStore(store()), job("b", "other"));
        assertThat(first.claim())
                .isInstanceOfSatisfying(
                        Claim.Waiting.class,
                        waiting -> assertThat(waiting.why()).contains("no other training claims"));
        pass(3);
        assertThat(first.claim()).isEqualTo(new Claim.Held());
        assertThat(second.claim()).isInstanceOf(Claim.Waiting.class);

        UnconditionalStore late = new UnconditionalStore(store());
        late.blind = true; // it looked before the first one's claim
        StoreLease third = lease(late, job("c", "third"));
        third.claim();
        late.blind = false;
        pass(3);
        assertThat(List.of(first.claim(), third.claim()))
                .as("never both")
                .filteredOn(Claim.Held.class::isInstance)
                .hasSize(1);
    }

    /** The test of two trainings in one store: what either of them has there stays as it is. */
    @Test
    void theOtherTrainingTouchesNothing() throws Exception {
        Training first = job("a", "demo");
        CheckpointCatalog own = new CheckpointCatalog(store(), new Owner("a", "cfg"), 1, guard(first));
        own.save(checkpoint("a", 1));
        own.export(checkpoint("a", 1));
        Store.Draft draft = store().draft("step-2", new DraftWriter(first.id(), 1), UploadShare.ALONE);
        try (Store.Sink half = draft.create("model.safetensors")) {
            half.write(ByteBuffer.allocate(1000));
            half.commit();
        }
        List<String> before = store().names().stream().sorted().toList();

        CheckpointCatalog other = new CheckpointCatalog(store(), new Owner("b", "cfg"), 1, guard(job("b", "other")));
        assertThatThrownBy(() -> other.save(checkpoint("b", 3)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("belongs to SwavJob default/demo (job a)");
        assertThatThrownBy(() -> other.export(checkpoint("b", 3)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("belongs to SwavJob default/demo (job a)");
        assertThat(store().names()).containsExactlyInAnyOrderElementsOf(before);
        own.save(checkpoint("a", 2));
        assertThat(own.newest(false).orElseThrow().state().step()).isEqualTo(2);
    }

    @Test
    void aSuccessorRemovesWhatItsPredecessorLeftAndThatOneSavesNoMore() throws Exception {
        Training first = job("a", "demo");
        StoreLease lease = lease(first);
        CheckpointCatalog own = new CheckpointCatalog(store(), new Owner("a", "cfg"), 5, StoreGuard.of(lease));
        own.save(checkpoint("a", 1));
        Store.Draft draft = store().draft("step-2", new DraftWriter(first.id(), 9), UploadShare.ALONE); // never closed
        try (Store.Sink half = draft.create("model.safetensors")) {
            half.write(ByteBuffer.allocate(1000));
            half.commit();
        }
        StoreLease next = lease(job("b", "demo"));
        next.claim();
        watch(next, 50);
        pass(10);
        CheckpointCatalog successor = new CheckpointCatalog(store(), new Owner("b", "cfg"), 5, StoreGuard.of(next));
        assertThat(successor.newest(false).orElseThrow().state().step()).isEqualTo(1);
        successor.save(checkpoint("b", 2));
        assertThat(store().names()).as("two checkpoints and an owner").hasSize(2 * 4 + 1);
        assertThatThrownBy(() -> own.save(checkpoint("a", 3)))
                .hasMessageContaining("belongs to SwavJob default/demo (job b)");
        assertThat(store().names()).hasSize(2 * 4 + 1);
    }

    /** As with a version that knows no owners, or with two stores of one bucket that refuses conditions. */
    @Test
    void draftsOfAnotherTrainingStayWithoutALease() throws Exception {
        Store.Draft draft = store().draft("step-2", new DraftWriter("a", 1), UploadShare.ALONE);
        try (Store.Sink half = draft.create("model.safetensors")) {
            half.write(ByteBuffer.allocate(1000));
            half.commit();
        }
        int files = store().names().size();
        new CheckpointCatalog(store(), new Owner("b", "cfg"), 5).save(checkpoint("b", 1));
        assertThat(store().names()).hasSize(files + 4);
    }

    private StoreGuard guard(Training training) {
        return StoreGuard.of(lease(training));
    }

    static Checkpoint checkpoint(String job, long step) {
        ByteBuffer values = ByteBuffer.allocateDirect(4000);
        Map<String, HostTensor> tensors =
                Map.of("conv1.weight", new HostTensor(DataType.FLOAT32, List.of(1000L), values));
        return new Checkpoint(new CheckpointState(step, step * 8, 31, "cfg", 1, job, 1, ""), tensors, tensors);
    }

    /** Ignores conditions, as some services do. */
    private static final class UnconditionalStore extends ForwardingStore {
        private boolean blind;

        UnconditionalStore(Store inner) {
            super(inner);
        }

        @Override
        public List<String> names(String start) throws IOException {
            return blind ? List.of() : super.names(start);
        }

        @Override
        public Draft draft(String folder, DraftWriter writer, UploadShare share) throws IOException {
            super.remove(folder, OwnerFile.NAME);
            blind = false;
            return super.draft(folder, writer, share);
        }

        @Override
        public boolean refusesSecond(String name, byte[] content) {
            return false;
        }
    }
}
