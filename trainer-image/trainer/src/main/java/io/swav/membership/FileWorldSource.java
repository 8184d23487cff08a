package io.swav.membership;

import io.swav.api.World;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the world document from a file ten times a second. The file need not exist yet; to replace it, write another file
 * and rename it.
 */
public final class FileWorldSource implements WorldSource {
    private static final Logger LOG = LoggerFactory.getLogger(FileWorldSource.class);

    private final Path file;
    private final LatestWorld newest;
    private final PeriodicTask reader;
    private String last = "";

    /** @param job uid of the job that the document must name; empty accepts any */
    public FileWorldSource(Path file, String job) {
        this.file = file;
        this.newest = new LatestWorld(job);
        this.reader = new PeriodicTask("world-file", 100, this::read);
    }

    private void read() {
        try {
            String json = Files.readString(file);
            if (!json.equals(last) && !json.isBlank()) {
                last = json;
                newest.offer(json, file.toString());
            }
        } catch (NoSuchFileException absent) {
            LOG.debug("{} does not exist yet", file);
        } catch (IOException e) {
            LOG.warn("cannot read the world document {}, will try again: {}", file, e.toString());
        }
    }

    @Override
    public World newest() {
        return newest.get();
    }

    @Override
    public void awaitLater(long than, long millis) {
        newest.await(than, millis);
    }

    @Override
    public void close() {
        reader.close();
    }
}
