package io.swav.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Indexes in a folder, which is created for the first of them. */
final class FolderHome implements IndexHome {
    /** The folder for indexes beside data. */
    static final String BESIDE_DATA = ".swav";

    private static final Logger LOG = LoggerFactory.getLogger(FolderHome.class);

    private final Path folder;

    FolderHome(Path folder) {
        this.folder = folder;
    }

    @Override
    public String uri() {
        return folder.toString();
    }

    @Override
    public boolean fetch(String name, Path to) throws IOException {
        try {
            Files.copy(folder.resolve(name), to, StandardCopyOption.REPLACE_EXISTING);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    @Override
    public void store(String name, Path from) throws IOException {
        replace(name, temporary -> Files.copy(from, temporary, StandardCopyOption.REPLACE_EXISTING));
    }

    @Override
    public Optional<byte[]> read(String name) throws IOException {
        try {
            return Optional.of(Files.readAllBytes(folder.resolve(name)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    @Override
    public void write(String name, byte[] content) throws IOException {
        replace(name, temporary -> Files.write(temporary, content));
    }

    private interface FileWriter {
        void write(Path file) throws IOException;
    }

    /** Writes beside and moves, so that nobody reads half a file. */
    private void replace(String name, FileWriter writer) throws IOException {
        create();
        Path temporary = Files.createTempFile(folder, name, ".part");
        try {
            writer.write(temporary);
            temporary.toFile().setReadable(true, false); // other users' pods read the index too
            Files.move(temporary, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    /**
     * Creates the folder and keeps the time of the one it is in, if that is possible: an index knows by the times of the
     * data's folders whether something was added there.
     */
    private void create() throws IOException {
        Path parent = folder.toAbsolutePath().getParent();
        if (Files.isDirectory(folder) || parent == null) {
            return;
        }
        Files.createDirectories(parent);
        FileTime before = Files.getLastModifiedTime(parent);
        Files.createDirectories(folder);
        try {
            Files.setLastModifiedTime(parent, before);
        } catch (IOException e) {
            LOG.debug("the index of {} is built once more at the next start", parent, e);
        }
    }

    @Override
    public void remove(String name) throws IOException {
        Files.deleteIfExists(folder.resolve(name));
    }
}
