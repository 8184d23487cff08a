package io.swav.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A folder, usually a mounted volume. Drafts lie beside their target under a name that starts with a dot; every file
 * and folder is fsynced before the rename that commits, and the parent folder after it.
 */
public final class FolderStore implements Store {
    private static final String WRITING = ".writing-";
    private static final String REMOVED = ".removed-";
    /** Drafts of earlier versions have no tag. */
    private static final Pattern DRAFT =
            Pattern.compile(Pattern.quote(WRITING) + "(\\d{1,18})-(?:(" + DraftWriter.TAG + ")-)?.*");

    private static final String EXPORT = "export";
    /**
     * Names that this store owns. Anything else in the folder belongs to others; it may be large, or not readable for
     * this user, such as {@code lost+found}.
     */
    private static final Pattern OWN = Pattern.compile("step-.*|owner-.*|" + EXPORT + "|" + NotFiniteCaptures.FOLDER
            + "|" + Pattern.quote(WRITING) + ".*|" + Pattern.quote(REMOVED) + ".*");

    /** The depth of a checkpoint's files, with one level for a location as in S3. */
    private static final int DEPTH = 2;

    private final Path root;

    private FolderStore(Path root) {
        this.root = root;
    }

    /** Opens a folder, which need not exist. */
    public static FolderStore open(Path root) {
        return new FolderStore(root);
    }

    @Override
    public void prepare() throws IOException {
        Files.createDirectories(root);
    }

    @Override
    public String uri() {
        return "file://" + root.toAbsolutePath();
    }

    @Override
    public List<String> names(String start) throws IOException {
        if (Files.notExists(root)) {
            return List.of();
        }
        List<String> names = new ArrayList<>();
        for (Path path : children(root)) {
            if (OWN.matcher(name(path)).matches() && mayHold(name(path), start)) {
                filesIfThere(path)
                        .forEach(file -> names.add(root.relativize(file).toString()));
            }
        }
        names.removeIf(name -> !name.startsWith(start));
        return names;
    }

    /** Returns whether names that begin like this can be those of an entry's files. */
    private static boolean mayHold(String entry, String start) {
        return entry.startsWith(start) || start.startsWith(entry + "/");
    }

    private static List<Path> children(Path folder) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static List<Path> filesIfThere(Path path) throws IOException {
        try {
            return files(path);
        } catch (NoSuchFileException e) { // removed while it was listed, perhaps by another trainer
            return List.of();
        }
    }

    /**
     * Lists what is not a folder, without following links. A link in the place of a checkpoint counts as its manifest:
     * a checkpoint that cannot be read is reported, and one that is not there is not.
     */
    private static List<Path> files(Path path) throws IOException {
        if (Files.isSymbolicLink(path)) {
            return List.of(path.resolve(Manifest.NAME));
        }
        return Files.isRegularFile(path)
                ? List.of(path)
                : below(path, DEPTH).stream()
                        .filter(file -> !Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS))
                        .toList();
    }

    /** Lists a folder in an order in which its contents come after it, without following links. */
    private static List<Path> below(Path folder, int depth) throws IOException {
        try (Stream<Path> all = Files.walk(folder, depth)) {
            return all.skip(1).toList();
        } catch (UncheckedIOException e) {
            throw e.getCause(); // for example, a folder that was removed while it was listed
        }
    }

    private static String name(Path path) {
        return path.getFileName().toString();
    }

    @Override
    public Source open(String name) throws IOException {
        requireFile(name);
        FileChannel channel = FileChannel.open(root.resolve(name), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
        long size = channel.size();
        return new Source() {
            @Override
            public long size() {
                return size;
            }

            @Override
            public int read(ByteBuffer into) throws IOException {
                return channel.read(into);
            }

            @Override
            public boolean isOpen() {
                return channel.isOpen();
            }

            @Override
            public void close() throws IOException {
                channel.close();
            }
        };
    }

    /**
     * Requires a name to be that of a file in this folder. Opening a pipe waits for a writer, a device may have no end,
     * and a link may lead anywhere.
     */
    private void requireFile(String name) throws IOException {
        Path at = root;
        for (Path part : Path.of(name)) {
            at = at.resolve(part);
            if (name(part).equals("..") || Files.isSymbolicLink(at)) {
                throw new CorruptCheckpointException(
                        root.relativize(at) + " is a link or leads out of the store, and is not followed");
            }
        }
        if (!Files.readAttributes(at, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .isRegularFile()) {
            throw new CorruptCheckpointException(name + " is not a file");
        }
    }

    @Override
    public Sink create(String name, DraftWriter writer) throws IOException {
        Path target = root.resolve(name);
        Path folder = parent(target);
        if (Files.isSymbolicLink(folder)) { // to what is not ours
            throw new IOException(folder + " is a link, and is not followed: remove it, or replace it by a folder");
        }
        Files.createDirectories(folder);
        return new FileSink(folder.resolve(WRITING + writer.prefix() + "-" + target.getFileName()), target);
    }

    @Override
    public Draft draft(String folder, DraftWriter writer, UploadShare share) throws IOException {
        Path target = root.resolve(folder);
        Path temporary = root.resolve(WRITING + writer.prefix() + "-" + folder);
        delete(temporary);
        Files.createDirectories(temporary);
        return new FolderDraft(temporary, target);
    }

    private record FolderDraft(Path temporary, Path target) implements Draft {
        @Override
        public Sink create(String file) throws IOException {
            Path path = temporary.resolve(file);
            return new FileSink(path, path);
        }

        @Override
        public String location() {
            return "";
        }

        @Override
        public void commit(String lastFile, byte[] content) throws IOException {
            try (Sink last = create(lastFile)) {
                writeAll(last, ByteBuffer.wrap(content));
                last.commit();
            }
            sync(temporary);
            try {
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (FileSystemException e) { // the JDK has no exception of its own for a folder that is not empty
                throw Files.exists(target, LinkOption.NOFOLLOW_LINKS)
                        ? new FileAlreadyExistsException(target.toString())
                        : e;
            }
            sync(parent(target));
        }

        @Override
        public void close() throws IOException {
            delete(temporary);
        }
    }

    /** Writes directly under the final name in a draft; outside a draft, renames the file when it is complete. */
    private static final class FileSink implements Sink {
        private final Path temporary;
        private final Path target;
        private final FileChannel channel;
        private boolean committed;

        FileSink(Path temporary, Path target) throws IOException {
            this.temporary = temporary;
            this.target = target;
            if (Files.isSymbolicLink(temporary)) { // no trainer makes one, and what it points to is not ours
                Files.delete(temporary);
            }
            this.channel = FileChannel.open(
                    temporary,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.TRUNCATE_EXISTING,
                    StandardOpenOption.WRITE,
                    LinkOption.NOFOLLOW_LINKS);
        }

        @Override
        public int write(ByteBuffer bytes) throws IOException {
            return channel.write(bytes);
        }

        @Override
        public void commit() throws IOException {
            channel.force(true);
            if (!temporary.equals(target)) {
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                sync(parent(target));
            }
            committed = true;
        }

        @Override
        public boolean isOpen() {
            return channel.isOpen();
        }

        @Override
        public void close() throws IOException {
            channel.close();
            if (!committed) {
                Files.deleteIfExists(temporary);
            }
        }
    }

    @Override
    public void delete(String name) throws IOException {
        Files.deleteIfExists(root.resolve(name));
    }

    @Override
    public void remove(String folder, String lastFile) throws IOException {
        Path removed = root.resolve(REMOVED + folder);
        delete(removed);
        try {
            Files.move(root.resolve(folder), removed, StandardCopyOption.ATOMIC_MOVE);
        } catch (NoSuchFileException gone) {
            return;
        }
        sync(root);
        delete(removed);
    }

    @Override
    public void sweep(DraftWriter writer, boolean others, Predicate<String> inUse) throws IOException {
        List<Path> candidates = new ArrayList<>(children(root));
        Path export = root.resolve(EXPORT);
        if (Files.isDirectory(export, LinkOption.NOFOLLOW_LINKS)) {
            candidates.addAll(children(export));
        }
        for (Path path : candidates) {
            if (isLeft(name(path), writer, others)) {
                delete(path);
            }
        }
    }

    private static boolean isLeft(String name, DraftWriter writer, boolean others) {
        Matcher draft = DRAFT.matcher(name);
        return name.startsWith(REMOVED)
                || (draft.matches()
                        && writer.mayRemove(
                                Long.parseLong(draft.group(1)),
                                Optional.ofNullable(draft.group(2)).orElse(""),
                                others));
    }

    @Override
    public void close() {}

    static void writeAll(Sink sink, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            sink.write(bytes);
        }
    }

    private static Path parent(Path path) {
        Path parent = path.toAbsolutePath().getParent();
        if (parent == null) {
            throw new IllegalArgumentException(path + " is not a file in a folder");
        }
        return parent;
    }

    /** Makes names durable. A folder's channel must be opened for reading only. */
    private static void sync(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static void delete(Path tree) throws IOException {
        if (!Files.exists(tree, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        List<Path> paths = new ArrayList<>(below(tree, Integer.MAX_VALUE));
        Collections.reverse(paths);
        for (Path path : paths) {
            Files.deleteIfExists(path);
        }
        Files.deleteIfExists(tree);
    }
}
