package io.swav.membership;

import io.swav.api.World;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the world document from a file ten times a second. The file need not exist yet; to replace it, write another file
 * and rename it.
 */
public final class FileWorldSource implements WorldSource {
    private static final Logger LOG = LoggerFactory.getLogger(FileWorldSource.class);
    /** The largest document, bytes: four times as much as a ConfigMap can hold. */
    private static final int MAX_BYTES = 4 << 20;

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
            byte[] content = content();
            if (content.length > MAX_BYTES) {
                ignore("it has more than " + MAX_BYTES + " bytes");
                return;
            }
            String json = new String(content, StandardCharsets.UTF_8);
            if (!json.equals(last)) {
                last = json;
                newest.offer(json, file.toString());
            }
        } catch (NoSuchFileException absent) {
            LOG.debug("{} does not exist yet", file);
        } catch (IOException e) {
            ignore("it cannot be read, and will be tried again: " + e);
        }
    }

    private byte[] content() throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(MAX_BYTES + 1);
        }
    }

    private void ignore(String why) {
        last = why; // not the text that was followed before, which may come back
        newest.ignore(why, file + " is ignored, and training continues: " + why);
    }

    @Override
    public World newest() {
        return newest.get();
    }

    @Override
    public Optional<String> problem() {
        return newest.problem();
    }

    @Override
    public void limit(int members) {
        newest.limit(members);
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
