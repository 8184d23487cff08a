package io.swav.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A data set of image files: one sub-folder per class, with labels numbered in the order of the folders' names, or all
 * images in one folder, unlabelled.
 */
final class ImageFolder implements DataSet {
    private static final Logger LOG = LoggerFactory.getLogger(ImageFolder.class);

    /** The size of a link's target until it is looked up, and of one that does not exist. */
    private static final long UNKNOWN_SIZE = -1;

    private record ImageFile(Path file, long bytes) {}

    private final Path folder;
    private final List<ImageFile> images;
    private final int[] labels;
    private final List<String> classes;

    private ImageFolder(Path folder, List<ImageFile> images, int[] labels, List<String> classes) {
        this.folder = folder;
        this.images = List.copyOf(images);
        this.labels = labels;
        this.classes = classes;
    }

    static ImageFolder open(Path folder) {
        try {
            List<ImageFile> files = new ArrayList<>();
            List<Integer> labels = new ArrayList<>();
            List<Path> classes = classFolders(folder);
            for (int label = 0; label < classes.size(); label++) {
                for (ImageFile file : images(classes.get(label), Integer.MAX_VALUE)) {
                    files.add(file);
                    labels.add(label);
                }
            }
            if (files.isEmpty()) {
                classes = List.of();
                files = images(folder, 1);
                files.forEach(f -> labels.add(UNLABELLED));
            }
            if (files.isEmpty()) {
                throw DataException.noInput("data folder " + folder
                        + " holds neither tar shards nor images (jpg, png, bmp, webp, ppm, tif)");
            }
            return new ImageFolder(
                    folder,
                    files,
                    labels.stream().mapToInt(Integer::intValue).toArray(),
                    classes.stream()
                            .map(each -> String.valueOf(each.getFileName()))
                            .toList());
        } catch (IOException | UncheckedIOException e) {
            throw DataException.cannotOpen(folder, e);
        }
    }

    static List<Path> classFolders(Path folder) throws IOException {
        try (Stream<Path> children = Files.list(folder)) {
            return children.filter(child -> !isSystemFolder(child.getFileName().toString()))
                    .filter(ImageFolder::isFolder)
                    .sorted()
                    .toList();
        }
    }

    /**
     * Whether a folder belongs to the system, as in the root of a volume. Such folders hold no images, and this user
     * may not be allowed to read them.
     */
    private static boolean isSystemFolder(String name) {
        return name.startsWith(".") || name.equals("lost+found");
    }

    /**
     * Whether {@code path} is a folder. Unlike {@link Files#isDirectory}, it does not treat an I/O error as "no".
     *
     * @throws DataException if this cannot be determined now
     */
    static boolean isFolder(Path path) {
        try {
            return Files.readAttributes(path, BasicFileAttributes.class).isDirectory();
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            if (path.getParent() != null && Files.isRegularFile(path.getParent())) {
                return false; // a file has no entries
            }
            throw DataException.cannotOpen(path, e);
        }
    }

    /** Lists files and links with an image's name. A link may point to an image in another folder. */
    private static List<ImageFile> images(Path folder, int depth) throws IOException {
        Map<Path, Long> sizes = new HashMap<>(); // a size is among the attributes that finding a file reads anyway
        try (Stream<Path> files = Files.find(folder, depth, (path, attributes) -> {
            boolean image = mayBeImage(path, attributes);
            if (image && attributes.isRegularFile()) {
                sizes.put(path, attributes.size());
            }
            return image;
        })) {
            List<Path> sorted = files.sorted().toList();
            List<ImageFile> images = new ArrayList<>();
            for (Path file : sorted) {
                images.add(new ImageFile(file, size(file, sizes.getOrDefault(file, UNKNOWN_SIZE))));
            }
            return images;
        }
    }

    private static long size(Path file, long known) throws IOException {
        try {
            return known == UNKNOWN_SIZE ? Files.size(file) : known;
        } catch (NoSuchFileException e) { // a link to nothing; reading it fails like any file that has vanished
            return UNKNOWN_SIZE;
        }
    }

    private static boolean mayBeImage(Path path, BasicFileAttributes attributes) {
        if (!ImageCodec.isImage(String.valueOf(path.getFileName()))) {
            return false;
        }
        boolean file = attributes.isRegularFile() || attributes.isSymbolicLink();
        if (!file && !attributes.isDirectory()) {
            LOG.warn("{} is not used: it is a device, pipe or socket with an image's name", path);
        }
        return file;
    }

    @Override
    public int size() {
        return images.size();
    }

    @Override
    public byte[] read(int sample) throws IOException {
        Path file = images.get(sample).file;
        BasicFileAttributes target = Files.readAttributes(file, BasicFileAttributes.class);
        if (!target.isRegularFile()) { // reading a device or pipe may never end
            throw new BadImageException("it is a link to something other than a file");
        }
        ImageLimits.requireReadable(target.size());
        return Files.readAllBytes(file);
    }

    @Override
    public int label(int sample) {
        return labels[sample];
    }

    @Override
    public List<String> classNames() {
        return classes;
    }

    @Override
    public String name(int sample) {
        return images.get(sample).file.toString();
    }

    @Override
    public String place(int sample) {
        return folder.relativize(images.get(sample).file).toString();
    }

    @Override
    public long bytes(int sample) {
        return images.get(sample).bytes;
    }

    @Override
    public void close() {}
}
