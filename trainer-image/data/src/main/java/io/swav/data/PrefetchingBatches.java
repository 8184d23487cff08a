package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.DataLedger;
import io.swav.api.DataSpec;
import io.swav.api.SwavJobSpec;
import io.swav.common.DaemonThreads;
import io.swav.torch.CopyStream;
import io.swav.torch.TorchRuntime;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The crops of a data set, prepared ahead of need by {@code data.workers} threads, one image per task, whose bytes {@link
 * SampleReads} has read before. With {@code
 * data.augmentOn: Device} these threads only decode, and the crops are made when they are requested. With a GPU, the
 * next group is copied to it while the current one is computed.
 *
 * <p>The pixels of a group depend on (seed, step, group) alone: every crop has its own random stream, and an image that
 * cannot be decoded is replaced by the next one of the epoch's permutation (cropped with the random stream of the image
 * it replaces). An image that cannot be <em>read</em> is not replaced, because such a fault affects one process alone,
 * or only for a while; after a {@link ReadRetry} it ends this process.
 */
public final class PrefetchingBatches implements CropBatches {
    private static final Logger log = LoggerFactory.getLogger(PrefetchingBatches.class);
    /** The limit on the bytes of prepared groups, unless the minimum number of groups needs more. */
    private static final long AHEAD_BYTES = 256L << 20;

    /** The minimum number of groups: one that is requested and one that is being prepared. */
    private static final int MIN_AHEAD = 2;
    /** The minimum with a device: in addition, one on its way to the device. */
    private static final int MIN_AHEAD_OF_DEVICE = 3;

    private static final int MAX_AHEAD = 64;

    private static final int CLOSE_SECONDS = 10;

    private final SwavJobSpec spec;
    private final DataSet data;
    private final SampleDecoder decoder;
    private final Optional<TrainingData> training;
    private volatile DataLedger ledger;
    private volatile Sampler sampler;
    private final int groupSize;
    private final Augmenter augmenter;
    private final Optional<CopyStream> copies;
    private final int minAhead;
    private final ExecutorService workers;
    private final SampleReads reads;

    // guarded by this
    private final Map<Key, Prepared> prepared = new LinkedHashMap<>();
    private final Set<Key> delivered = new LinkedHashSet<>(); // subset of prepared
    private int fromGroup;
    private int toGroup;
    private Key cursor = new Key(0, 0); // next to prepare
    private int ahead; // number of groups to prepare ahead of need
    private int maxAhead; // the minimum until the size of a group is known
    private long aheadBytes = AHEAD_BYTES;
    private long groupBytes; // of the last group

    private final CountDownLatch closing = new CountDownLatch(1);

    private record Key(long step, int group) {}

    /** Crops in preparation; rows that are not yet made are skipped once {@code unwanted} is set. */
    private record Prepared(Augmenter.Group group, CompletableFuture<Void> done, AtomicBoolean unwanted) {}

    public PrefetchingBatches(SwavJobSpec spec, DataSet data) {
        this(spec, data, CopyStream.open(), Optional.empty());
    }

    private PrefetchingBatches(SwavJobSpec spec, TrainingData training) {
        this(spec, training.data(), CopyStream.open(), Optional.of(training));
    }

    /** @param copies copies a group to the device while the one before it is computed; closed with this object */
    PrefetchingBatches(SwavJobSpec spec, DataSet data, Optional<CopyStream> copies) {
        this(spec, data, copies, Optional.empty());
    }

    private PrefetchingBatches(
            SwavJobSpec spec, DataSet data, Optional<CopyStream> copies, Optional<TrainingData> training) {
        this.spec = spec;
        this.training = training;
        this.ledger = training.map(TrainingData::ledger)
                .orElseGet(() -> DataLedger.of(data.size(), data.fingerprint().digest()));
        this.data = data;
        this.decoder = new SampleDecoder(spec, data);
        this.copies = copies;
        this.minAhead = copies.isPresent() ? MIN_AHEAD_OF_DEVICE : MIN_AHEAD;
        this.maxAhead = minAhead;
        this.groupSize = spec.training().groupSize();
        this.sampler = Sampler.of(spec, ledger);
        boolean device = spec.data().augmentOn() == DataSpec.AugmentOn.Device;
        this.augmenter = device ? new DeviceAugmenter(spec) : new HostAugmenter(spec);
        AtomicInteger number = new AtomicInteger();
        this.workers = Executors.newFixedThreadPool(
                Math.max(1, spec.data().workers()),
                task -> DaemonThreads.create("crops-" + number.getAndIncrement(), task));
        this.reads = new SampleReads(data, spec, closing);
    }

    /**
     * Opens {@code data.uri} of the job.
     *
     * @throws DataException if the data cannot be used
     */
    public static PrefetchingBatches open(SwavJobSpec spec) {
        return open(spec, List.of());
    }

    /**
     * As {@link #open(SwavJobSpec)}, with more places at which the data's index may be kept.
     *
     * @param homes the first is the training's store, which says what the training has seen
     */
    public static PrefetchingBatches open(SwavJobSpec spec, List<IndexHome> homes) {
        TrainingData data = TrainingData.open(spec, homes);
        try {
            return new PrefetchingBatches(spec, data);
        } catch (RuntimeException e) {
            data.close();
            throw e;
        }
    }

    @Override
    public DataSet data() {
        return data;
    }

    @Override
    public DataFingerprint fingerprint() {
        return new DataFingerprint(ledger.first().samples(), ledger.first().digest());
    }

    @Override
    public DataLedger ledger() {
        return ledger;
    }

    @Override
    public Optional<DataGrowth> growth() {
        return training.filter(TrainingData::grows).flatMap(TrainingData::growth);
    }

    @Override
    public void lead(boolean leads) {
        looking().ifPresent(growth -> growth.lead(leads));
    }

    private Optional<DataGrowth> looking() {
        return training.flatMap(TrainingData::growth);
    }

    @Override
    public Optional<String> notUsed() {
        return looking()
                .filter(DataGrowth::hasLooked)
                .map(DataGrowth::state)
                .orElseGet(() -> training.flatMap(TrainingData::notUsed));
    }

    @Override
    public void follow(DataLedger now) {
        if (now.equals(ledger)) {
            return;
        }
        training.ifPresent(opened -> opened.require(now));
        synchronized (this) {
            boolean other = !now.sets().equals(ledger.sets());
            ledger = now;
            sampler = Sampler.of(spec, now);
            if (other) { // groups of later steps were made of the samples that those steps had before
                discard(key -> true);
                delivered.clear();
            }
        }
    }

    @Override
    public long skipped() {
        return decoder.skipped();
    }

    @Override
    public synchronized void expect(long step, int from, int to) {
        fromGroup = from;
        toGroup = to;
        cursor = new Key(step, from);
        ahead = to - from;
        // when training goes back to a checkpoint, groups of later steps must not take the place of those that are due
        boolean continues = prepared.keySet().stream().anyMatch(key -> key.step == step);
        discard(key -> !continues || key.step < step || key.group < from || key.group >= to);
        delivered.clear();
        prepareAhead();
    }

    @Override
    public List<NDArray> group(NDManager manager, long step, int group) {
        Key requested = new Key(step, group);
        Prepared ready;
        synchronized (this) {
            discard(key -> key.step < step);
            delivered.remove(requested); // it is read below, so it must not be discarded to make room
            ready = prepared.computeIfAbsent(requested, this::prepare);
            ahead = Math.min(ahead + 1, minAhead * (toGroup - fromGroup));
            prepareAhead();
        }
        try {
            ready.done.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) { // out of memory: the trainer's last report names the limit
                throw cause;
            }
            throw e;
        }
        List<NDArray> arrays = ready.group.crops(manager);
        copies.ifPresent(stream -> prefetch(after(requested), stream));
        synchronized (this) {
            delivered.add(requested);
            groupBytes = ready.group.bytes();
            long fit = aheadBytes / Math.max(1, groupBytes);
            maxAhead = (int) Math.max(minAhead, Math.min(MAX_AHEAD, fit));
        }
        return arrays;
    }

    @Override
    public long[] samples(long step, int group) {
        long first = first(step, group);
        return LongStream.range(0, groupSize)
                .map(row -> sampler.sampleAt(sampler.epochOf(step), first + row))
                .toArray();
    }

    /** The position of a group's first sample in the permutation of its epoch. */
    private long first(long step, int group) {
        return sampler.firstPosition(step) + (long) group * groupSize;
    }

    private synchronized Key after(Key key) {
        boolean last = key.group == toGroup - 1;
        return last ? new Key(key.step + 1, fromGroup) : new Key(key.step, key.group + 1);
    }

    /** The group that was requested last is there already. */
    @Override
    public synchronized long leastBytes() {
        return (minAhead - 1) * groupBytes;
    }

    @Override
    public boolean inDirectMemory() {
        return spec.data().augmentOn() == DataSpec.AugmentOn.Host && !TorchRuntime.onGpu();
    }

    @Override
    public synchronized void limitAhead(long bytes) {
        aheadBytes = inDirectMemory() ? Math.min(AHEAD_BYTES, bytes) : AHEAD_BYTES;
        maxAhead = minAhead;
    }

    /** Whether all groups that were requested ahead of need are prepared. */
    synchronized boolean idle() {
        return prepared.values().stream().allMatch(ready -> ready.done.isDone());
    }

    /**
     * Starts the copy of a group to the device if the group is ready. It does not wait for the group: that would stall
     * the device.
     */
    private synchronized void prefetch(Key next, CopyStream stream) {
        Optional.ofNullable(prepared.get(next))
                .filter(ready -> ready.done.isDone() && !ready.done.isCompletedExceptionally())
                .ifPresent(ready -> ready.group.prefetch(stream));
    }

    private synchronized void discard(Predicate<Key> which) {
        prepared.entrySet().removeIf(entry -> {
            boolean gone = which.test(entry.getKey());
            if (gone) {
                delivered.remove(entry.getKey());
                closeWhenDone(entry.getValue());
            }
            return gone;
        });
    }

    /**
     * Keeps groups in preparation, in the order in which they will be requested. After a change of the world these are
     * the groups of one step, because every processor is needed for the first step; their number then grows. Delivered
     * groups are kept, while there is room, in case the step is dropped and requested again.
     */
    private synchronized void prepareAhead() {
        int limit = Math.min(maxAhead, ahead);
        while (prepared.size() - delivered.size() < limit) {
            Key key = cursor;
            cursor = after(key);
            if (!prepared.containsKey(key)) {
                if (prepared.size() >= maxAhead) {
                    Key oldest = delivered.iterator().next();
                    discard(oldest::equals);
                }
                prepared.put(key, prepare(key));
            }
        }
    }

    private synchronized Prepared prepare(Key key) {
        Augmenter.Group group = augmenter.begin();
        AtomicBoolean unwanted = new AtomicBoolean();
        Sampler order = sampler;
        long epoch = order.epochOf(key.step);
        long position = first(key.step, key.group);
        CompletableFuture<?>[] tasks = new CompletableFuture<?>[groupSize];
        for (int row = 0; row < groupSize; row++) {
            int at = row;
            tasks[row] = reads.read(() -> order.sampleAt(epoch, position + at), () -> !unwanted.get())
                    .thenAcceptAsync(
                            image -> image.ifPresent(read -> {
                                try (read) {
                                    if (!unwanted.get()) {
                                        add(group, at, order, epoch, position + at, read.encoded());
                                    }
                                }
                            }),
                            workers);
        }
        return new Prepared(group, CompletableFuture.allOf(tasks), unwanted);
    }

    private static void closeWhenDone(Prepared old) {
        old.unwanted.set(true);
        var unused = old.done.whenComplete((nothing, failure) -> old.group.close());
    }

    /** Adds the sample at {@code position}, or the one that replaces it, as a row of the group. */
    private void add(
            Augmenter.Group group, int row, Sampler order, long epoch, long position, SampleReads.Encoded encoded) {
        if (closing.getCount() == 0) {
            return;
        }
        long sample = order.sampleAt(epoch, position);
        Optional<ImageCodec.Bgr> image = decoder.decode(sample, encoded);
        for (long next = position + 1; image.isEmpty(); next++) {
            if (next - position >= data.size()) {
                throw DataException.badData("none of the images in data.uri can be decoded; repair the data,"
                        + " or correct data.uri in a new job");
            }
            long instead = order.sampleAt(epoch, next);
            image = decoder.decode(instead, reads.now(instead));
        }
        group.add(row, image.get(), epoch, sample);
    }

    @Override
    public void maxBadSamples(int limit) {
        decoder.maxBadSamples(limit);
    }

    @Override
    public void close() {
        closing.countDown();
        workers.shutdown(); // without interrupts, which would close the shards' channels under other threads
        try {
            if (!workers.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                log.warn("a thread was still reading data after {} s; the data set is closed anyway", CLOSE_SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        reads.close();
        discard(key -> true);
        copies.ifPresent(CopyStream::close);
        looking().ifPresent(DataGrowth::close);
        data.close();
    }
}
