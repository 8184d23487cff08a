package io.swav.data;

import io.swav.api.ExitCodes;
import io.swav.api.Shown;
import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import me.tongfei.progressbar.ProgressBar;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code swav data verify}. */
@Command(
        name = "verify",
        description = "Reads and decodes every image of a data set, and names those that training would skip.",
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:every image can be decoded",
            "65:some cannot, or the data is damaged, or can be meant in more than one way",
            "66:the data is missing",
            "70:the data cannot be read now"
        })
public final class DataVerifyCommand implements Callable<Integer> {
    private static final int NAMED = 20;

    @Mixin
    private DataFlags data = new DataFlags();

    @Option(names = "--threads", description = "Threads that decode (default: all processors).")
    private int threads = Runtime.getRuntime().availableProcessors();

    @Option(
            names = "--json",
            paramLabel = "FILE",
            description = "Also write the result to FILE as JSON, with the names of all bad images.")
    private @Nullable Path json;

    @Override
    public Integer call() throws IOException {
        try (DataSet set = data.open()) {
            Map<Long, String> bad = verify(set, Math.max(1, threads));
            if (json != null) {
                write(json, set, bad);
            }
            bad.entrySet().stream()
                    .limit(NAMED)
                    .forEach(entry ->
                            System.out.println("bad: " + Shown.of(set.name(entry.getKey())) + ": " + entry.getValue()));
            if (bad.size() > NAMED) {
                System.out.printf(Locale.ROOT, "bad: %,d more; --json FILE names all%n", bad.size() - NAMED);
            }
            System.out.printf(
                    Locale.ROOT,
                    "%,d images, %,d can be decoded, %,d cannot%n",
                    set.size(),
                    set.size() - bad.size(),
                    bad.size());
            if (!bad.isEmpty()) {
                System.out.println(
                        "Training skips bad images and counts them, up to data.maxBadSamples. Repair or remove"
                                + " them; swav data pack leaves them out.");
            }
            return bad.isEmpty() ? ExitCodes.OK : ExitCodes.BAD_DATA;
        }
    }

    private void write(Path file, DataSet set, Map<Long, String> bad) throws IOException {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("uri", data.uri());
        all.put("fingerprint", set.fingerprint().digest());
        all.put("images", set.size());
        all.put(
                "bad",
                bad.entrySet().stream()
                        .map(entry -> Map.of(
                                "sample", entry.getKey(),
                                "name", set.place(entry.getKey()),
                                "reason", entry.getValue()))
                        .toList());
        IndexFile.JSON.writerWithDefaultPrettyPrinter().writeValue(file.toFile(), all);
    }

    /**
     * Decodes every image.
     *
     * @return why an image is bad, by its number
     * @throws DataException if the data cannot be read now, or changed since it was indexed
     */
    static Map<Long, String> verify(DataSet set, int threads) {
        Map<Long, String> bad = new TreeMap<>();
        AtomicLong next = new AtomicLong();
        ExecutorService pool = Executors.newFixedThreadPool(threads, DaemonThreads.named("verify"));
        try (ProgressBar bar = new ProgressBar("verifying", set.size())) {
            List<Future<?>> workers = IntStream.range(0, threads)
                    .<Future<?>>mapToObj(worker -> pool.submit(() -> {
                        for (long sample = next.getAndIncrement();
                                sample < set.size();
                                sample = next.getAndIncrement()) {
                            String problem = problem(set, sample);
                            if (!problem.isEmpty()) {
                                synchronized (bad) {
                                    bad.put(sample, problem);
                                }
                            }
                            bar.step();
                        }
                    }))
                    .toList();
            for (Future<?> worker : workers) {
                worker.get();
            }
        } catch (ExecutionException e) {
            next.set(set.size()); // ends the others
            throw e.getCause() instanceof DataException data ? data : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw DataException.cannotRead("not all images were read", e);
        } finally {
            pool.shutdown();
        }
        return bad;
    }

    private static String problem(DataSet set, long sample) {
        try {
            ImageCodec.decode(set.read(sample), ImageLimits.standard());
            return "";
        } catch (BadImageException e) {
            return String.valueOf(e.getMessage());
        } catch (IOException e) {
            throw DataException.cannotRead("cannot read " + set.name(sample), e);
        }
    }
}
