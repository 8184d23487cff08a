package io.swav.data;

import io.swav.data.PackPlan.PackLayout;
import io.swav.data.PackReport.PackedPart;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Packs a data set into a folder, all or nothing: the set is written beside, in {@code .<name>.packing}, and takes the
 * folder's place when it is complete. A run that ended early is continued by the next one.
 */
final class DataPack {
    /** The names of the classes by label, one a line, beside shards whose labels are numbers. */
    static final String CLASSES = "classes.txt";

    /** The files that a packed set has at its top. */
    private static final Pattern OWN =
            Pattern.compile("shard-\\d+\\.tar|shard\\.tar\\.part|\\d{9}\\.\\w+|pack\\.json|classes\\.txt");

    /** The folder in which an index of a set is kept. */
    private static final String INDEX = ".swav";

    private static final Pattern OWN_IMAGE = Pattern.compile("\\d{9}\\.\\w+");

    /** A reader that lists the earlier set while it is replaced has this long to read its names. */
    static final Duration LISTING = Duration.ofSeconds(5);

    private final DataSet data;
    private final Duration listing;
    private final Path target;
    private final Path work;
    private final Path set;

    /** @param listing how long an earlier set stays for readers that are listing it */
    DataPack(DataSet data, Path out, Duration listing) {
        this.data = data;
        this.listing = listing;
        this.target = real(out.toAbsolutePath().normalize());
        Path name = target.getFileName();
        Path parent = target.getParent();
        if (name == null || parent == null) {
            throw DataException.noInput("--out " + out + " is the root of a file system: give a folder in it");
        }
        this.work = parent.resolve("." + name + ".packing");
        this.set = work.resolve("set");
    }

    /** Follows links: what they lead to is replaced, and they stay. */
    private static Path real(Path path) {
        try {
            return Files.exists(path) ? path.toRealPath() : path;
        } catch (IOException e) {
            throw DataException.cannotOpen(path, e);
        }
    }

    /**
     * Packs the set.
     *
     * @param source for the report
     * @param keep whether an earlier set stays, as {@code <name>.old}
     * @throws DataException if the folder must not be replaced, or an image cannot be read now
     * @throws IOException if something cannot be written
     */
    PackReport pack(String source, PackLayout layout, int perPart, long seed, int threads, boolean keep)
            throws IOException {
        Path old = target.resolveSibling(target.getFileName() + ".old");
        Path earlier = work.resolve("earlier");
        requireReplaceable(target);
        Files.createDirectories(work);
        try (FileChannel lock =
                FileChannel.open(work.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            requireAlone(lock);
            FolderSwitch.restore(target, earlier);
            requireReplaceable(target);
            if (keep) {
                requireReplaceable(old);
            }
            List<String> classes = data.classNames();
            PackPlan plan = PackPlan.of(data, classes, layout, perPart, seed);
            begin(plan);
            PackReport report = write(source, plan, classes, threads);
            FolderSwitch.delete(earlier);
            Files.write(switching(), new byte[0]);
            FolderSwitch.replace(set, target, earlier);
            if (keep && Files.exists(earlier)) {
                FolderSwitch.delete(old);
                Files.move(earlier, old);
            } else if (Files.exists(earlier)) {
                LockSupport.parkNanos(listing.toNanos());
            }
            FolderSwitch.delete(work);
            return report;
        }
    }

    private void requireAlone(FileChannel lock) throws IOException {
        try {
            if (lock.tryLock() != null) {
                return;
            }
        } catch (OverlappingFileLockException e) { // this process packs into it
            // reported below
        }
        throw DataException.cannotWrite(
                "another process packs into " + target + ": wait for its end, or give another folder",
                new IOException(work + " is locked"));
    }

    /** Requires that a folder holds nothing but what a pack wrote: all of it is lost. */
    static void requireReplaceable(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        Optional<PackReport> report = PackReport.read(folder);
        List<String> folders = report.filter(of -> of.plan().layout() == PackLayout.Folder)
                .map(PackReport::classes)
                .orElse(List.of());
        try (Stream<Path> entries = Files.list(folder)) {
            for (Path entry : entries.toList()) {
                String name = String.valueOf(entry.getFileName());
                boolean own = Files.isDirectory(entry)
                        ? name.equals(INDEX) || (folders.contains(name) && holdsOwnImages(entry))
                        : OWN.matcher(name).matches();
                if (!own) {
                    throw DataException.badData(folder + " holds " + name
                            + ", which no pack wrote, and a pack replaces the whole folder: give another folder, or move"
                            + " that file");
                }
            }
        }
    }

    private static boolean holdsOwnImages(Path folder) throws IOException {
        try (Stream<Path> images = Files.list(folder)) {
            return images.allMatch(image ->
                    OWN_IMAGE.matcher(String.valueOf(image.getFileName())).matches());
        }
    }

    /** The file that is there from the moment on in which the earlier set may lie in the place of this one. */
    private Path switching() {
        return work.resolve("switching");
    }

    /** Continues what an earlier run with the same plan has begun, and discards anything else. */
    private void begin(PackPlan plan) throws IOException {
        Path file = work.resolve("plan.json");
        boolean same =
                PackReport.read(file, PackPlan.class).filter(plan::equals).isPresent();
        if (!same || Files.exists(switching())) {
            Files.deleteIfExists(file);
            FolderSwitch.delete(work.resolve("done"));
            FolderSwitch.delete(set);
            Files.deleteIfExists(switching());
            PackReport.write(file, plan);
        }
    }

    private PackReport write(String source, PackPlan plan, List<String> classes, int threads) throws IOException {
        List<String> folders = plan.layout() == PackLayout.Folder ? folders(classes) : List.of();
        List<PackedPart> parts;
        try (WorkProgress progress = WorkProgress.console("packing", plan.samples(), "images")) {
            parts = new PackWriter(data, plan, folders, set, work.resolve("done")).write(threads, progress);
        }
        long packed = parts.stream().mapToLong(PackedPart::packed).sum();
        if (packed == 0) {
            FolderSwitch.delete(work);
            throw DataException.badData("none of the images in " + source + " can be decoded; nothing was packed");
        }
        PackReport report = new PackReport(
                plan,
                source,
                packed,
                plan.layout() == PackLayout.Folder ? folders : classes,
                parts.stream().flatMap(part -> part.bad().stream()).toList(),
                parts.stream().flatMap(part -> Stream.ofNullable(part.file())).toList());
        if (plan.layout() == PackLayout.Shards && !classes.isEmpty()) {
            Files.writeString(set.resolve(CLASSES), String.join("\n", classes) + "\n", StandardCharsets.UTF_8);
        }
        PackReport.write(set.resolve(PackReport.NAME), report);
        return report;
    }

    /** Returns the names of the classes' folders, in whose order labels are numbered when the set is read. */
    private List<String> folders(List<String> classes) {
        int labels = 0;
        boolean unlabelled = false;
        for (long sample = 0; sample < data.size(); sample++) {
            labels = Math.max(labels, data.label(sample) + 1);
            unlabelled |= data.label(sample) < 0;
        }
        if (labels == 0) {
            return List.of();
        }
        if (unlabelled) {
            throw DataException.badData("some samples have a label and some have none, which a folder cannot show: pack"
                    + " into shards, or pack them separately");
        }
        if (classes.size() >= labels && areFolders(classes)) {
            return classes;
        }
        int digits = Integer.toString(labels - 1).length();
        List<String> names = new ArrayList<>();
        for (int label = 0; label < labels; label++) {
            names.add(String.format(Locale.ROOT, "%0" + digits + "d", label));
        }
        return names;
    }

    /** Whether folders of these names are read in this order, and lie in the set. */
    private static boolean areFolders(List<String> classes) {
        return classes.equals(classes.stream().sorted().distinct().toList())
                && classes.stream()
                        .allMatch(name -> !name.isEmpty()
                                && !name.startsWith(".")
                                && !name.contains("/")
                                && name.indexOf('\0') < 0
                                && !name.equals("lost+found"));
    }
}
