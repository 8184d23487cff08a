package io.swav.data;

import io.swav.common.DaemonThreads;
import io.swav.data.PackReport.PackedFile;
import io.swav.data.PackReport.PackedPart;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Writes the parts of a set in parallel. Each part depends on the plan alone, and is noted when its bytes are on the disk,
 * so a set that was begun is continued.
 */
final class PackWriter {
    private final DataSet data;
    private final PackPlan plan;
    private final List<String> folders;
    private final Path set;
    private final Path done;
    private final int[] order;
    /** The first failure, which stops all threads. */
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    /**
     * @param folders names of the classes' folders by label, for a set of that layout
     * @param set folder of the set
     * @param done folder in which complete parts are noted
     */
    PackWriter(DataSet data, PackPlan plan, List<String> folders, Path set, Path done) {
        this.data = data;
        this.plan = plan;
        this.folders = folders;
        this.set = set;
        this.done = done;
        this.order = Sampler.permutation(plan.seed(), 0, Math.toIntExact(plan.samples()));
    }

    /**
     * Writes all parts, and returns them in order.
     *
     * @throws DataException if an image cannot be read now
     * @throws IOException if something cannot be written
     */
    List<PackedPart> write(int threads, WorkProgress progress) throws IOException {
        Files.createDirectories(set);
        Files.createDirectories(done);
        for (String folder : folders) {
            Files.createDirectories(set.resolve(folder));
        }
        ExecutorService workers = Executors.newFixedThreadPool(threads, DaemonThreads.named("pack"));
        try {
            List<CompletableFuture<PackedPart>> parts = new ArrayList<>();
            for (int i = 0; i < plan.parts(); i++) {
                int part = i;
                parts.add(CompletableFuture.supplyAsync(() -> part(part, progress), workers));
            }
            List<PackedPart> packed = new ArrayList<>();
            for (CompletableFuture<PackedPart> part : parts) {
                packed.add(part.join());
            }
            return packed;
        } catch (CompletionException | CancellationException e) { // perhaps of a thread that only stopped
            Throwable first = failure.get();
            if (first instanceof IOException cause) {
                throw cause;
            }
            if (first instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        } finally {
            DaemonThreads.end(workers);
        }
    }

    private PackedPart part(int part, WorkProgress progress) {
        requireNoFailure();
        Path note = done.resolve(String.format(Locale.ROOT, "part-%06d.json", part));
        try {
            Optional<PackedPart> there = PackReport.read(note, PackedPart.class).filter(this::isThere);
            if (there.isPresent()) {
                progress.advance(plan.end(part) - plan.first(part));
                return there.get();
            }
            PackedPart written =
                    plan.layout() == PackPlan.PackLayout.Shards ? shard(part, progress) : files(part, progress);
            Path unfinished = Path.of(note + ".part");
            PackReport.write(unfinished, written);
            Files.move(unfinished, note, StandardCopyOption.ATOMIC_MOVE);
            return written;
        } catch (IOException e) {
            failure.compareAndSet(null, e);
            throw new UncheckedIOException(e);
        } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
            throw e;
        }
    }

    /** Ends a thread whose work is not used any more. */
    private void requireNoFailure() {
        if (failure.get() != null) {
            throw new CancellationException();
        }
    }

    private boolean isThere(PackedPart part) {
        PackedFile file = part.file();
        try {
            return file == null || Files.size(set.resolve(file.name())) == file.bytes();
        } catch (IOException e) {
            return false;
        }
    }

    private PackedPart shard(int part, WorkProgress progress) throws IOException {
        Path file = set.resolve(String.format(Locale.ROOT, "shard-%06d.tar", part));
        List<BadSampleLog.BadSample> bad = new ArrayList<>();
        int packed = 0;
        try (TarShard shard = new TarShard(file)) {
            for (int position = plan.first(part); position < plan.end(part); position++) {
                int sample = order[position];
                Optional<byte[]> image = read(sample, bad);
                if (image.isPresent()) {
                    String key = String.format(Locale.ROOT, "%09d", position);
                    shard.add(key, image.get(), extension(sample), data.label(sample));
                    packed++;
                }
                progress.advance(1);
            }
        }
        if (packed == 0) {
            Files.delete(file);
            return new PackedPart(0, bad, null);
        }
        String name = String.valueOf(file.getFileName());
        return new PackedPart(packed, bad, new PackedFile(name, packed, Files.size(file), sha256(file)));
    }

    /** Writes files whose names are the samples' numbers in the source: no name of the source leads out of the set. */
    private PackedPart files(int part, WorkProgress progress) throws IOException {
        List<BadSampleLog.BadSample> bad = new ArrayList<>();
        int packed = 0;
        for (int sample = plan.first(part); sample < plan.end(part); sample++) {
            Optional<byte[]> image = read(sample, bad);
            if (image.isPresent()) {
                int label = data.label(sample);
                Path folder = label < 0 ? set : set.resolve(folders.get(label));
                String name = String.format(Locale.ROOT, "%09d.%s", sample, extension(sample));
                Files.write(folder.resolve(name), image.get());
                packed++;
            }
            progress.advance(1);
        }
        LinuxFiles.sync();
        return new PackedPart(packed, bad, null);
    }

    private Optional<byte[]> read(int sample, List<BadSampleLog.BadSample> bad) {
        requireNoFailure();
        try {
            byte[] encoded = data.read(sample);
            ImageCodec.decode(encoded, ImageLimits.standard());
            return Optional.of(encoded);
        } catch (BadImageException e) {
            bad.add(BadSampleLog.sample(data, sample, e));
            return Optional.empty();
        } catch (IOException e) {
            throw DataException.cannotRead(
                    "cannot read " + data.name(sample) + " now; the same command continues where this one has ended",
                    e);
        }
    }

    private String extension(int sample) {
        String name = data.name(sample);
        return name.substring(name.lastIndexOf('.') + 1);
    }

    private static String sha256(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file);
                DigestInputStream digested = new DigestInputStream(in, MessageDigest.getInstance("SHA-256"))) {
            byte[] buffer = new byte[1 << 16];
            while (digested.read(buffer) >= 0) {
                // the digest takes them
            }
            return HexFormat.of().formatHex(digested.getMessageDigest().digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
