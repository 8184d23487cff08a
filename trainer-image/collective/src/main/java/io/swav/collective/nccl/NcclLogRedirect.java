package io.swav.collective.nccl;

import com.sun.jna.Function;
import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Redirects NCCL's output to this process's log. NCCL writes to standard output, or to the file that NCCL_DEBUG_FILE
 * names and that it opens once: here a named pipe. Warnings are enabled unless NCCL_DEBUG is set.
 */
public final class NcclLogRedirect {
    private static final Logger LOG = LoggerFactory.getLogger("nccl");
    private static final String FILE = "NCCL_DEBUG_FILE";
    private static final String LEVEL = "NCCL_DEBUG";
    private static final int OWNER_ONLY = 0600;

    private NcclLogRedirect() {}

    /**
     * Sets the redirection up; must be called before the first call of NCCL. If the pipe cannot be created, NCCL still
     * prints to standard output.
     */
    public static void toLog(Map<String, String> env) {
        if (!env.getOrDefault(FILE, "").isEmpty()) {
            return; // the user wants the output in this file
        }
        try {
            Path folder = Files.createTempDirectory("swav-nccl");
            Path pipe = folder.resolve("output");
            call("mkfifo", pipe.toString(), OWNER_ONLY);
            // opened for reading and writing: it never reaches its end, whichever writers open and close it
            RandomAccessFile lines = new RandomAccessFile(pipe.toFile(), "rw");
            folder.toFile().deleteOnExit();
            pipe.toFile().deleteOnExit(); // deleted first: deleteOnExit works in reverse order
            DaemonThreads.start("nccl-output", () -> read(lines));
            call("setenv", FILE, pipe.toString(), 1);
            if (env.getOrDefault(LEVEL, "").isEmpty()) {
                call("setenv", LEVEL, "WARN", 1);
            }
        } catch (IOException e) {
            LOG.warn(
                    "could not redirect NCCL's output to this log, so NCCL prints to standard output: {}",
                    e.toString());
        }
    }

    /** Calls the C library: setenv must change the process's environment, of which Java has only a copy. */
    private static void call(String name, Object... arguments) throws IOException {
        if (Function.getFunction("c", name).invokeInt(arguments) != 0) {
            throw new IOException(name + " failed");
        }
    }

    private static void read(RandomAccessFile lines) {
        try (lines) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                logOrDrop(line);
            }
        } catch (IOException e) {
            LOG.warn("could not read NCCL's output: {}", e.toString());
        }
    }

    /** Nothing but a closed pipe may end this thread: NCCL waits when the pipe is full. */
    private static void logOrDrop(String line) {
        try {
            log(new String(line.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
        } catch (RuntimeException | Error e) {
            LOG.debug("a line of NCCL's output was dropped", e);
        }
    }

    private static void log(String line) {
        if (line.contains("NCCL WARN")) {
            LOG.warn("{}", line);
        } else if (!line.isBlank()) {
            LOG.info("{}", line);
        }
    }
}
