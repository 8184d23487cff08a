package io.swav.data;

import io.swav.data.FileSource.SourceFile;
import io.swav.data.FileSource.Visitor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.RecursiveAction;
import org.jspecify.annotations.Nullable;

/** Lists a local folder, or what patterns select in it, by several threads, because a file server answers each slowly. */
final class FolderListing {
    /** Threads that list folders: they wait for a file server most of the time. */
    private static final int LISTING = 8;
    /** Linux follows no more links than this in one path. */
    private static final int MAX_LINKS = 40;

    static final String LINK_LOOP = "link that leads back to itself";

    private static final String SPECIAL = "device, pipe or socket";

    private final String uri;
    private final Path base;
    private final List<String> patterns;

    /** @param patterns relative to the base; empty for everything below it */
    FolderListing(String uri, Path base, List<String> patterns) {
        this.uri = uri;
        this.base = base;
        this.patterns = patterns;
    }

    /** Lists everything; each call of the visitor is by itself. */
    void list(Visitor visitor) throws IOException {
        List<Selection> selections = new ArrayList<>();
        for (String pattern : patterns) {
            selections.add(new Selection(List.of(pattern.split("/", -1))));
        }
        SerialVisitor one = new SerialVisitor(visitor);
        List<String> exact = new ArrayList<>();
        List<Selection> globs = new ArrayList<>();
        selections.forEach(selection -> {
            if (selection.exact()) {
                exact.add(String.join("/", selection.parts));
            } else {
                globs.add(selection);
            }
        });
        listNamed(exact, one);
        if (patterns.isEmpty()) {
            walk(new Walk(base, "", null, Optional.empty(), 0, one));
        }
        for (Selection glob : globs) {
            walk(new Walk(base, "", null, Optional.of(glob), 0, one));
        }
        if (!patterns.isEmpty() && !one.any) {
            throw DataException.noInput(
                    "no file in " + base + " matches " + String.join(" ", patterns) + " (" + uri + ")");
        }
    }

    /** The parts of a pattern between its slashes. */
    private record Selection(List<String> parts) {
        boolean exact() {
            return parts.stream().noneMatch(part -> part.contains("*") || part.contains("?"));
        }

        boolean matches(int depth, String name) {
            PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + parts.get(depth));
            return FileNames.isAscii(name)
                    ? matcher.matches(Path.of(name))
                    : parts.get(depth).equals("*");
        }
    }

    /** Lists files that are named one by one. A name that is missing is a mistake, not a smaller data set. */
    private void listNamed(List<String> names, Visitor visitor) throws IOException {
        List<String> missing = new ArrayList<>();
        for (String name : names) {
            Path path = FileNames.resolve(base, name);
            try {
                BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
                if (attributes.isDirectory()) {
                    throw DataException.noInput(path + " is a folder; give a file, or the folder alone as " + path);
                }
                visitor.file(FolderSource.describe(name, attributes));
            } catch (NoSuchFileException e) {
                missing.add(name);
            }
        }
        if (!missing.isEmpty()) {
            throw DataException.noInput(missing.size() + " of the " + names.size() + " files that " + uri
                    + " names do not exist in " + base + ", the first is " + missing.get(0)
                    + "; correct the list, or copy what is missing");
        }
    }

    /** Calls another visitor from one thread at a time. */
    private static final class SerialVisitor implements Visitor {
        private final Visitor visitor;
        private boolean any;

        SerialVisitor(Visitor visitor) {
            this.visitor = visitor;
        }

        @Override
        public synchronized void file(SourceFile file) throws IOException {
            any = true;
            visitor.file(file);
        }

        @Override
        public synchronized void ignored(String name, String reason) throws IOException {
            visitor.ignored(name, reason);
        }

        @Override
        public synchronized void folder(String name, String version) throws IOException {
            visitor.folder(name, version);
        }
    }

    private static void walk(Walk root) throws IOException {
        ForkJoinPool pool = new ForkJoinPool(LISTING);
        try {
            pool.submit(root).get();
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            while (cause != null && !(cause instanceof IOException) && cause.getCause() != null) {
                cause = cause.getCause();
            }
            throw cause instanceof IOException io ? io : new IOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while listing", e);
        } finally {
            pool.shutdown();
        }
    }

    /** The folders above one that is listed, by what identifies them whatever links led there. */
    private record Ancestors(Object key, @Nullable Ancestors above) {
        static boolean contain(@Nullable Ancestors chain, Object key) {
            for (@Nullable Ancestors at = chain; at != null; at = at.above) {
                if (at.key.equals(key)) {
                    return true;
                }
            }
            return false;
        }
    }

    /** Lists one folder, and starts a task for each folder in it. */
    @SuppressWarnings("serial")
    private static final class Walk extends RecursiveAction {
        private final Path folder;
        private final String prefix;
        private final @Nullable Ancestors above;
        private final Optional<Selection> selection;
        private final int depth;
        private final Visitor visitor;

        /** @param prefix of the names in this folder, empty or with a slash at its end */
        Walk(
                Path folder,
                String prefix,
                @Nullable Ancestors above,
                Optional<Selection> selection,
                int depth,
                Visitor visitor) {
            this.folder = folder;
            this.prefix = prefix;
            this.above = above;
            this.selection = selection;
            this.depth = depth;
            this.visitor = visitor;
        }

        @Override
        protected void compute() {
            try {
                list();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private void list() throws IOException {
            BasicFileAttributes own = Files.readAttributes(folder, BasicFileAttributes.class);
            Object key = Optional.ofNullable(own.fileKey()).orElse(folder.toRealPath());
            String name = prefix.isEmpty() ? "" : prefix.substring(0, prefix.length() - 1);
            if (Ancestors.contain(above, key)) {
                visitor.ignored(name, LINK_LOOP);
                return;
            }
            visitor.folder(name, OpenFiles.version(own));
            Ancestors here = new Ancestors(key, above);
            List<Walk> below = new ArrayList<>();
            try (var children = Files.newDirectoryStream(folder)) {
                boolean empty = true;
                for (Path child : children) {
                    empty = false;
                    add(child, here, below);
                }
                if (empty && ImageFormat.hasImageName(name)) { // as a copy leaves that failed
                    visitor.file(new SourceFile(name, -1, ""));
                }
            } catch (DirectoryIteratorException e) {
                throw e.getCause();
            }
            ForkJoinTask.invokeAll(below);
        }

        private void add(Path child, Ancestors here, List<Walk> below) throws IOException {
            String name = FileNames.of(child);
            if (depth == 0 && name.equals(FolderHome.BESIDE_DATA)) {
                return;
            }
            if (selection.isPresent() && !selection.get().matches(depth, name)) {
                return;
            }
            BasicFileAttributes attributes;
            try {
                attributes = Files.readAttributes(child, BasicFileAttributes.class);
            } catch (IOException e) {
                addUnreadable(child, name, e);
                return;
            }
            boolean last = selection.isEmpty() || depth == selection.get().parts.size() - 1;
            if (attributes.isDirectory()) {
                Optional<String> clutter = Clutter.ofFolder(name);
                if (clutter.isPresent()) {
                    visitor.ignored(prefix + name, clutter.get());
                } else if (selection.isEmpty() || !last) {
                    below.add(new Walk(child, prefix + name + "/", here, selection, depth + 1, visitor));
                }
            } else if (last) {
                addFile(child, name, attributes);
            }
        }

        private void addFile(Path child, String name, BasicFileAttributes attributes) throws IOException {
            Optional<String> clutter = Clutter.ofFile(name);
            if (clutter.isPresent()) {
                visitor.ignored(prefix + name, clutter.get());
            } else if (!attributes.isRegularFile() && !Files.isSymbolicLink(child)) {
                visitor.ignored(prefix + name, SPECIAL);
            } else {
                visitor.file(FolderSource.describe(prefix + name, attributes));
            }
        }

        /** A link to nothing is a file that cannot be read; so its name is known to people who look for it. */
        private void addUnreadable(Path child, String name, IOException why) throws IOException {
            if (why instanceof NoSuchFileException) {
                if (Files.isSymbolicLink(child)) {
                    visitor.file(new SourceFile(prefix + name, -1, ""));
                } // otherwise it was removed in this moment
            } else if (isLoop(child)) {
                visitor.ignored(prefix + name, LINK_LOOP);
            } else {
                throw why;
            }
        }

        private static boolean isLoop(Path link) throws IOException {
            Path at = link;
            for (int links = 0; Files.isSymbolicLink(at); links++) {
                if (links > MAX_LINKS) {
                    return true;
                }
                at = FolderSource.parent(at).resolve(Files.readSymbolicLink(at)).normalize();
            }
            return false;
        }
    }
}
