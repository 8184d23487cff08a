package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.torch.CopyStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The crops of a data set, made ahead of need by {@code data.workers} threads, one picture a task; for
 * {@code data.augmentOn: Device} they decode, and the crops are made when they are asked for. To a GPU the next group is on its
 * way while one is computed. Which pixels a group holds depends on (seed, step, group) alone: every crop has its own random
 * stream, and a picture that cannot be decoded is replaced by the next one of the epoch's permutation (cropped with the random
 * stream of the one it stands for). One that cannot be read is not replaced: that is so for one process alone, or for a while.
 */
public final class PrefetchingBatches implements CropBatches {
    private static final Logger log = LoggerFactory.getLogger(PrefetchingBatches.class);
    /** Bytes of groups to hold ready, unless the fewest need more. */
    private static final long AHEAD_BYTES = 256L << 20;

    /** One that is asked for, and one in the making. */
    private static final int MIN_AHEAD = 2;
    /** And one between them, on its way to the device. */
    private static final int MIN_AHEAD_OF_DEVICE = 3;

    private static final int MAX_AHEAD = 64;

    private static final int CLOSE_SECONDS = 10;

    private final SwavJobSpec spec;
    private final DataSet data;
    private final Sampler sampler;
    private final int groupSize;
    private final Augmenter augmenter;
    private final Optional<CopyStream> copies;
    private final int minAhead;
    private final ExecutorService workers;
    private final Set<Integer> bad = ConcurrentHashMap.newKeySet();

    // guarded by this
    private final Map<Key, Prepared> prepared = new LinkedHashMap<>();
    private final Set<Key> given = new LinkedHashSet<>(); // of prepared; a dropped step asks again
    private int fromGroup;
    private int toGroup;
    private Key cursor = new Key(0, 0); // next to prepare
    private int ahead; // groups to prepare ahead of need
    private int maxAhead; // the least until it is known how large they are

    private final CountDownLatch closing = new CountDownLatch(1);

    private record Key(long step, int group) {}

    /** Crops in the making; nothing more is made once they are not wanted. */
    private record Prepared(Augmenter.Group group, CompletableFuture<Void> done, AtomicBoolean unwanted) {}

    public PrefetchingBatches(SwavJobSpec spec, DataSet data) {
        this(spec, data, CopyStream.open());
    }

    /** @param copies brings a group to the device while the one before it is computed; closed here */
    PrefetchingBatches(SwavJobSpec spec, DataSet data, Optional<CopyStream> copies) {
        this.spec = spec;
        this.data = data;
        this.copies = copies;
        this.minAhead = copies.isPresent() ? MIN_AHEAD_OF_DEVICE : MIN_AHEAD;
        this.maxAhead = minAhead;
        this.groupSize = spec.training().groupSize();
        this.sampler = new Sampler(
                data.size(), spec.training().globalBatch(), spec.training().seed());
        boolean device = spec.data().augmentOn().equals("Device");
        this.augmenter = device ? new DeviceAugmenter(spec) : new HostAugmenter(spec);
        AtomicInteger number = new AtomicInteger();
        this.workers = Executors.newFixedThreadPool(Math.max(1, spec.data().workers()), task -> {
            Thread thread = new Thread(task, "crops-" + number.getAndIncrement());
            thread.setDaemon(true);
            return thread;
        });
    }

    /** Opens {@code data.uri} of the job. */
    public static PrefetchingBatches open(SwavJobSpec spec) {
        DataSet data = DataSet.open(spec.data().uri(), spec);
        try {
            return new PrefetchingBatches(spec, data);
        } catch (RuntimeException e) {
            data.close();
            throw e;
        }
    }

    @Override
    public long samples() {
        return data.size();
    }

    @Override
    public long stepsPerEpoch() {
        return sampler.stepsPerEpoch();
    }

    @Override
    public long skipped() {
        return bad.size();
    }

    @Override
    public synchronized void expect(long step, int from, int to) {
        fromGroup = from;
        toGroup = to;
        cursor = new Key(step, from);
        ahead = to - from;
        forget(key -> key.step < step || key.group < from || key.group >= to);
        given.clear();
        prepareAhead();
    }

    @Override
    public List<NDArray> group(NDManager manager, long step, int group) {
        Key wanted = new Key(step, group);
        Prepared ready;
        synchronized (this) {
            forget(key -> key.step < step);
            given.remove(wanted); // it is read below: it must not be the oldest that makes room
            ready = prepared.computeIfAbsent(wanted, this::prepare);
            ahead = Math.min(ahead + 1, minAhead * (toGroup - fromGroup));
            prepareAhead();
        }
        try {
            ready.done.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
        List<NDArray> arrays = ready.group.crops(manager);
        copies.ifPresent(stream -> prefetch(after(wanted), stream));
        synchronized (this) {
            given.add(wanted);
            long fit = AHEAD_BYTES / Math.max(1, ready.group.bytes());
            maxAhead = (int) Math.max(minAhead, Math.min(MAX_AHEAD, fit));
        }
        return arrays;
    }

    @Override
    public int[] samples(long step, int group) {
        long first = first(step, group);
        return IntStream.range(0, groupSize)
                .map(row -> sampler.sampleAt(sampler.epochOf(step), first + row))
                .toArray();
    }

    /** Position in its epoch of a group's first sample. */
    private long first(long step, int group) {
        return sampler.firstPosition(step) + (long) group * groupSize;
    }

    private synchronized Key after(Key key) {
        boolean last = key.group == toGroup - 1;
        return last ? new Key(key.step + 1, fromGroup) : new Key(key.step, key.group + 1);
    }

    /** Whether all that is wanted ahead of need is made. */
    synchronized boolean idle() {
        return prepared.values().stream().allMatch(ready -> ready.done.isDone());
    }

    /** If it is ready: whoever waits for it here keeps the device waiting. */
    private synchronized void prefetch(Key next, CopyStream stream) {
        Optional.ofNullable(prepared.get(next))
                .filter(ready -> ready.done.isDone() && !ready.done.isCompletedExceptionally())
                .ifPresent(ready -> ready.group.prefetch(stream));
    }

    private synchronized void forget(Predicate<Key> which) {
        prepared.entrySet().removeIf(entry -> {
            boolean gone = which.test(entry.getKey());
            if (gone) {
                given.remove(entry.getKey());
                closeWhenDone(entry.getValue());
            }
            return gone;
        });
    }

    /**
     * Keeps groups in the making, in the order in which they will be asked for: one step's after a change of the world,
     * when every processor is needed for the first step, and by and by two or more. Those that were given stay for the case that
     * the step is dropped, while there is room.
     */
    private synchronized void prepareAhead() {
        int limit = Math.min(maxAhead, ahead);
        while (prepared.size() - given.size() < limit) {
            Key key = cursor;
            cursor = after(key);
            if (!prepared.containsKey(key)) {
                if (prepared.size() >= maxAhead) {
                    Key oldest = given.iterator().next();
                    forget(oldest::equals);
                }
                prepared.put(key, prepare(key));
            }
        }
    }

    private synchronized Prepared prepare(Key key) {
        Augmenter.Group group = augmenter.begin();
        AtomicBoolean unwanted = new AtomicBoolean();
        long epoch = sampler.epochOf(key.step);
        long position = first(key.step, key.group);
        CompletableFuture<?>[] tasks = new CompletableFuture<?>[groupSize];
        for (int row = 0; row < groupSize; row++) {
            int at = row;
            Runnable add = () -> {
                if (!unwanted.get()) {
                    add(group, at, epoch, position + at);
                }
            };
            tasks[row] = CompletableFuture.runAsync(add, workers);
        }
        return new Prepared(group, CompletableFuture.allOf(tasks), unwanted);
    }

    private static void closeWhenDone(Prepared old) {
        old.unwanted.set(true);
        var unused = old.done.whenComplete((nothing, failure) -> old.group.close());
    }

    /** The sample at {@code position}, or the one that replaces it, as a row of the group. */
    private void add(Augmenter.Group group, int row, long epoch, long position) {
        if (closing.getCount() == 0) {
            return;
        }
        int sample = sampler.sampleAt(epoch, position);
        Optional<ImageCodec.Bgr> picture = decode(sample);
        for (long next = position + 1; picture.isEmpty(); next++) {
            if (next - position >= data.size()) {
                throw DataException.badData("not one picture of data.uri can be decoded");
            }
            picture = decode(sampler.sampleAt(epoch, next));
        }
        group.add(row, picture.get(), epoch, sample);
    }

    private Optional<ImageCodec.Bgr> decode(int sample) {
        if (bad.contains(sample)) {
            return Optional.empty();
        }
        String why = "it cannot be decoded";
        try {
            Optional<ImageCodec.Bgr> picture = ImageCodec.decode(read(sample));
            if (picture.isPresent()) {
                return picture;
            }
        } catch (EOFException e) {
            why = String.valueOf(e.getMessage());
        }
        if (bad.add(sample)) {
            int limit = spec.data().maxBadSamples();
            if (bad.size() > limit) {
                throw DataException.badData("more than data.maxBadSamples (" + limit
                        + ") pictures cannot be decoded, the last " + data.name(sample)
                        + "; repair the data or raise the limit");
            }
            log.warn(
                    "skipping {}: {} ({} skipped so far, data.maxBadSamples {})",
                    data.name(sample),
                    why,
                    bad.size(),
                    limit);
        }
        return Optional.empty();
    }

    private byte[] read(int sample) throws EOFException {
        ReadRetry patience = new ReadRetry(spec, closing);
        while (true) {
            try {
                return data.read(sample);
            } catch (EOFException e) {
                throw e;
            } catch (IOException e) {
                if (!patience.lasts()) {
                    throw DataException.cannotRead("cannot read " + data.name(sample), e);
                }
                log.warn("reading {} again: {}", data.name(sample), e.toString());
            }
        }
    }

    @Override
    public void close() {
        closing.countDown();
        workers.shutdown(); // no interrupt: it would close the shards' channels under other threads
        try {
            if (!workers.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                log.warn("a thread still reads data after {} s", CLOSE_SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        forget(key -> true);
        copies.ifPresent(CopyStream::close);
        data.close();
    }
}
