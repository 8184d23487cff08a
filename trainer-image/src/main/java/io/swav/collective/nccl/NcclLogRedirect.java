package io.swav.collective.nccl;

import com.sun.jna.Function;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What NCCL prints, in this process's log. NCCL writes to standard output, or to the file that NCCL_DEBUG_FILE names and
 * that it opens once: here a named pipe. Warnings are on unless NCCL_DEBUG says otherwise.
 */
final class NcclLogRedirect {
    private static final Logger LOG = LoggerFactory.getLogger("nccl");
    private static final String FILE = "NCCL_DEBUG_FILE";
    private static final String LEVEL = "NCCL_DEBUG";
    private static final int OWNER_ONLY = 0600;

    private NcclLogRedirect() {}

    /** Before NCCL's first call; where the pipe cannot be made, NCCL goes on printing to standard output. */
    static void toLog(Map<String, String> env) {
        if (!env.getOrDefault(FILE, "").isEmpty()) {
            return; // whoever names a file wants it there
        }
        try {
            Path folder = Files.createTempDirectory("swav-nccl");
            Path pipe = folder.resolve("output");
            call("mkfifo", pipe.toString(), OWNER_ONLY);
            // open for reading and writing: never at its end, whoever opens and closes it
            RandomAccessFile lines = new RandomAccessFile(pipe.toFile(), "rw");
            folder.toFile().deleteOnExit();
            pipe.toFile().deleteOnExit(); // goes first: the last that was asked for
            Thread reader = new Thread(() -> read(lines), "nccl-output");
            reader.setDaemon(true);
            reader.start();
            call("setenv", FILE, pipe.toString(), 1);
            if (env.getOrDefault(LEVEL, "").isEmpty()) {
                call("setenv", LEVEL, "WARN", 1);
            }
        } catch (IOException e) {
            LOG.warn("NCCL prints to standard output: {}", e.toString());
        }
    }

    /** The C library's: Java's environment is only a copy. */
    private static void call(String name, Object... arguments) throws IOException {
        if (Function.getFunction("c", name).invokeInt(arguments) != 0) {
            throw new IOException(name + " failed");
        }
    }

    private static void read(RandomAccessFile lines) {
        try (lines) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                say(new String(line.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            LOG.warn("reading NCCL's output: {}", e.toString());
        }
    }

    private static void say(String line) {
        if (line.contains("NCCL WARN")) {
            LOG.warn("{}", line);
        } else if (!line.isBlank()) {
            LOG.info("{}", line);
        }
    }
}
