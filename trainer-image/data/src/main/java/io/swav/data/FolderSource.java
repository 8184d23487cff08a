package io.swav.data;

import io.swav.api.BraceList;
import io.swav.api.StorageUri;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Optional;

/**
 * The files of a local folder, of one file, or of patterns of files: {@code /data/s-{000..099}.tar}, {@code
 * /data/*-train-*.tar}. Links are followed.
 */
final class FolderSource implements FileSource {
    private final String uri;
    private final Path base;
    private final List<String> patterns;
    private final OpenFiles files = new OpenFiles();

    /** @param patterns relative to the base; empty for everything below it */
    private FolderSource(String uri, Path base, List<String> patterns) {
        this.uri = uri;
        this.base = base;
        this.patterns = patterns;
    }

    /**
     * Opens {@code file:///folder} or a plain path.
     *
     * @throws DataException if there is no such folder or file, or that cannot be determined now
     */
    static FolderSource open(String uri) {
        Path path;
        try {
            path = StorageUri.dataPath(uri);
            StorageUri.requireData(uri);
        } catch (IllegalArgumentException e) {
            throw DataException.noInput(String.valueOf(e.getMessage()));
        }
        if (isFolder(path)) {
            return new FolderSource(uri, path, List.of());
        }
        if (Files.isRegularFile(path)) {
            return new FolderSource(uri, parent(path), List.of(FileNames.of(path)));
        }
        String text = path.toString();
        if (!isPattern(text)) {
            throw missing(path, uri);
        }
        int first = Math.min(position(text, '*'), Math.min(position(text, '?'), position(text, '{')));
        int slash = text.lastIndexOf('/', first);
        Path base = slash < 0 ? Path.of("") : slash == 0 ? Path.of("/") : Path.of(text.substring(0, slash));
        if (!isFolder(base)) {
            throw missing(base, uri);
        }
        return new FolderSource(uri, base, expand(text.substring(slash + 1)));
    }

    private static boolean isPattern(String text) {
        return text.contains("*") || text.contains("?") || BraceList.isPattern(text);
    }

    private static int position(String text, char c) {
        int at = text.indexOf(c);
        return at < 0 ? text.length() : at;
    }

    private static List<String> expand(String pattern) {
        try {
            return BraceList.expand(pattern);
        } catch (IllegalArgumentException e) {
            throw DataException.noInput(String.valueOf(e.getMessage()));
        }
    }

    static Path parent(Path path) {
        Path parent = path.getParent();
        return parent == null ? Path.of("") : parent;
    }

    private static DataException missing(Path folder, String uri) {
        return DataException.noInput("data folder " + folder + " does not exist (" + uri
                + "); give a folder of tar shards or of images, a tar shard, or a pattern of them");
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
            Path parent = path.getParent();
            if (parent != null && Files.isRegularFile(parent)) {
                return false; // a file has no entries
            }
            throw DataException.cannotOpen(path, e);
        }
    }

    /** The folder in which all files lie. */
    Path base() {
        return base;
    }

    /** What is read in that folder, wherever it is mounted; empty for everything. */
    String selection() {
        return String.join(" ", patterns);
    }

    @Override
    public Optional<FolderSource> folder() {
        return Optional.of(this);
    }

    @Override
    public String uri() {
        return uri;
    }

    @Override
    public String place(String name) {
        return FileNames.isAscii(name) ? base.resolve(name).toString() : base + "/" + name;
    }

    @Override
    public void list(Visitor visitor) throws IOException {
        new FolderListing(uri, base, patterns).list(visitor);
    }

    static SourceFile describe(String name, BasicFileAttributes attributes) {
        // an image is read whole, so another one of its size can be read as well; a place in a shard would be wrong
        String version = StorageUri.isShard(name) ? OpenFiles.version(attributes) : "";
        return new SourceFile(name, attributes.size(), version);
    }

    @Override
    public Optional<SourceFile> find(String name) throws IOException {
        try {
            BasicFileAttributes attributes =
                    Files.readAttributes(FileNames.resolve(base, name), BasicFileAttributes.class);
            return attributes.isRegularFile()
                    ? Optional.of(new SourceFile(name, attributes.size(), OpenFiles.version(attributes)))
                    : Optional.empty();
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    @Override
    public Optional<String> folderVersion(String folder) throws IOException {
        Path path = folder.isEmpty() ? base : FileNames.resolve(base, folder);
        return Optional.of(OpenFiles.version(Files.readAttributes(path, BasicFileAttributes.class)));
    }

    @Override
    public byte[] read(SourceFile file, long offset, int length) throws IOException {
        Path path = FileNames.resolve(base, file.name());
        if (StorageUri.isShard(file.name())) {
            return files.read(path, file, offset, length);
        }
        try (FileChannel channel = channel(path, file)) {
            return OpenFiles.read(channel, offset, length);
        }
    }

    private static FileChannel channel(Path path, SourceFile file) throws IOException {
        OpenFiles.require(file, Files.readAttributes(path, BasicFileAttributes.class));
        return FileChannel.open(path, StandardOpenOption.READ);
    }

    @Override
    public InputStream open(SourceFile file, long offset) throws IOException {
        FileChannel channel = channel(FileNames.resolve(base, file.name()), file);
        try {
            return Channels.newInputStream(channel.position(offset));
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    @Override
    public void close() {
        try {
            files.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
