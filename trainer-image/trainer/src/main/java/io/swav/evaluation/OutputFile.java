package io.swav.evaluation;

import io.swav.api.ExitCodes;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A file that takes its name when it is complete. Until then its bytes are in {@code <name>.part} beside it, which a later
 * run writes over.
 */
final class OutputFile implements AutoCloseable {
    private final Path file;
    private final Path part;
    private final FileChannel channel;
    private boolean complete;

    private OutputFile(Path file, Path part, FileChannel channel) {
        this.file = file;
        this.part = part;
        this.channel = channel;
    }

    /**
     * Begins an empty file.
     *
     * @throws EvalException if another process writes it, or it is a folder
     * @throws IOException if it cannot be created
     */
    static OutputFile begin(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new EvalException(ExitCodes.CANNOT_WRITE, file + " is a folder: give the name of a file");
        }
        Path part = Path.of(file + ".part");
        if (file.toAbsolutePath().getParent() != null) {
            Files.createDirectories(file.toAbsolutePath().getParent());
        }
        FileChannel channel =
                FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            if (!locks(channel)) {
                throw new EvalException(
                        ExitCodes.CANNOT_WRITE,
                        "another process writes " + file + ": wait for its end, or give another file");
            }
            channel.truncate(0);
            return new OutputFile(file, part, channel);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static boolean locks(FileChannel channel) throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) { // this process has it
            return false;
        }
    }

    FileChannel channel() {
        return channel;
    }

    /** Gives the file its name, in the place of an earlier one. */
    void complete() throws IOException {
        channel.force(true);
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        complete = true;
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            if (!complete) {
                Files.deleteIfExists(part);
            }
        }
    }
}
