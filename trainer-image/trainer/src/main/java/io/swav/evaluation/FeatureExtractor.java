package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.api.ExitCodes;
import io.swav.api.Shown;
import io.swav.api.SwavJobSpec;
import io.swav.common.DaemonThreads;
import io.swav.data.BadImageException;
import io.swav.data.CenterCrop;
import io.swav.data.DataSet;
import io.swav.data.WorkProgress;
import io.swav.model.Model;
import io.swav.torch.HostView;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntUnaryOperator;

/**
 * Computes the pooled features of images' center views with a frozen backbone in eval mode, batch by batch: threads decode
 * the next batch while the network computes one.
 */
final class FeatureExtractor {
    private static final int BATCH = 100;
    /** One batch that is computed, and one that is decoded meanwhile. */
    private static final int BUFFERS = 2;

    /** Maps views (B, 3, S, S) to rows of features (B, F), attached to {@code manager}. */
    @FunctionalInterface
    private interface Network {
        NDArray features(NDManager manager, NDArray viewsBCSS);
    }

    private final Network network;
    private final int width;
    private final DataSet data;
    private final int side;
    private final int threads;
    private final ThreadLocal<CenterCrop> views;

    /**
     * @param spec whose large crop is the size of the views
     * @param threads that decode
     */
    FeatureExtractor(Model model, DataSet data, SwavJobSpec spec, int threads) {
        this(model::features, model.architecture().width(), data, spec, threads);
    }

    private FeatureExtractor(Network network, int width, DataSet data, SwavJobSpec spec, int threads) {
        this.network = network;
        this.width = width;
        this.data = data;
        this.side = new CenterCrop(spec).side();
        this.threads = threads;
        this.views = ThreadLocal.withInitial(() -> new CenterCrop(spec));
    }

    /** An extractor that decodes on all processors: a command has them to itself. */
    static FeatureExtractor ofAllProcessors(Model model, DataSet data, SwavJobSpec spec) {
        return new FeatureExtractor(model, data, spec, Runtime.getRuntime().availableProcessors());
    }

    /** An extractor of the views' own normalized pixels, channel by channel, as above: what any network should beat. */
    static FeatureExtractor ofPixels(DataSet data, SwavJobSpec spec) {
        int side = new CenterCrop(spec).side();
        return new FeatureExtractor(
                (manager, viewsBCSS) -> viewsBCSS.reshape(viewsBCSS.getShape().get(0), 3L * side * side),
                3 * side * side,
                data,
                spec,
                Runtime.getRuntime().availableProcessors());
    }

    /** Height and width of a view in pixels. */
    int side() {
        return side;
    }

    /** The width of a row. */
    int width() {
        return width;
    }

    /**
     * Samples whose views are being made.
     *
     * @param decoded why a sample has no view, for each
     */
    private record ViewBatch(
            NDArray views, List<Integer> samples, List<CompletableFuture<Optional<BadImageException>>> decoded) {}

    /**
     * Computes the features of {@code rows} samples.
     *
     * @param sampleOf the sample of each row
     * @param progress advanced by images; may end the work
     * @throws io.swav.data.DataException if an image cannot be read
     * @throws IOException of the sink
     */
    void run(IntUnaryOperator sampleOf, int rows, FeatureSink sink, WorkProgress progress) throws IOException {
        ExecutorService workers = Executors.newFixedThreadPool(threads, DaemonThreads.named("views"));
        try (NDManager host = TorchRuntime.host();
                NDManager manager = TorchRuntime.root()) {
            Deque<NDArray> free = new ArrayDeque<>();
            for (int i = 0; i < BUFFERS; i++) {
                free.add(host.create(new Shape(Math.min(BATCH, rows), 3, side, side), DataType.FLOAT32));
            }
            Deque<ViewBatch> begun = new ArrayDeque<>();
            int next = 0;
            try {
                for (int done = 0; done < rows; ) {
                    while (!free.isEmpty() && next < rows) {
                        ViewBatch batch = begin(free.remove(), sampleOf, next, Math.min(BATCH, rows - next), workers);
                        next += batch.samples.size();
                        begun.add(batch);
                    }
                    ViewBatch batch = begun.element();
                    compute(manager, batch, sink);
                    begun.remove();
                    free.add(batch.views);
                    done += batch.samples.size();
                    progress.advance(batch.samples.size());
                }
            } finally {
                end(workers, begun);
            }
        }
    }

    private ViewBatch begin(NDArray views, IntUnaryOperator sampleOf, int first, int count, ExecutorService workers) {
        List<Integer> samples = new ArrayList<>();
        List<CompletableFuture<Optional<BadImageException>>> decoded = new ArrayList<>();
        FloatBuffer pixels = HostView.toFill(views).bytes().asFloatBuffer();
        int values = 3 * side * side;
        for (int i = 0; i < count; i++) {
            int sample = sampleOf.applyAsInt(first + i);
            FloatBuffer view = pixels.slice(i * values, values);
            samples.add(sample);
            decoded.add(CompletableFuture.supplyAsync(() -> read(sample, view), workers));
        }
        return new ViewBatch(views, samples, decoded);
    }

    private Optional<BadImageException> read(int sample, FloatBuffer to) {
        try {
            views.get().read(data, sample, to);
            return Optional.empty();
        } catch (BadImageException e) {
            return Optional.of(e);
        }
    }

    private static <T> T await(CompletableFuture<T> task) {
        try {
            return task.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw e;
        }
    }

    private void compute(NDManager manager, ViewBatch batch, FeatureSink sink) throws IOException {
        int count = batch.samples.size();
        int rowBytes = width() * Float.BYTES;
        List<Optional<BadImageException>> bad =
                batch.decoded.stream().map(FeatureExtractor::await).toList();
        try (NDManager scope = manager.newSubManager()) {
            NDArray images = TorchOps.rows(scope, batch.views, 0, count);
            if (TorchRuntime.onGpu()) {
                NDArray there = scope.create(images.getShape(), DataType.FLOAT32);
                TorchOps.copy(images, there);
                images = there;
            }
            ByteBuffer values = HostView.of(network.features(scope, images)).bytes();
            for (int i = 0; i < count; i++) {
                int sample = batch.samples.get(i);
                if (bad.get(i).isPresent()) {
                    sink.bad(sample, bad.get(i).get());
                } else {
                    ByteBuffer row = values.slice(i * rowBytes, rowBytes).order(values.order());
                    requireFinite(sample, row.asFloatBuffer());
                    sink.row(sample, row);
                }
            }
        }
    }

    private void requireFinite(int sample, FloatBuffer row) {
        for (int i = 0; i < row.limit(); i++) {
            if (!Float.isFinite(row.get(i))) {
                throw new EvalException(
                        ExitCodes.BAD_DATA,
                        "the features of " + Shown.of(data.name(sample)) + " are not finite (NaN or infinity), so these"
                                + " weights are of no use: take an earlier checkpoint");
            }
        }
    }

    /** Waits until no thread fills arrays that are about to be freed. */
    private static void end(ExecutorService workers, Deque<ViewBatch> begun) {
        begun.stream().flatMap(batch -> batch.decoded.stream()).forEach(task -> task.cancel(false));
        DaemonThreads.end(workers);
    }
}
