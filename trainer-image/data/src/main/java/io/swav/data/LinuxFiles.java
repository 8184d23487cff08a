package io.swav.data;

import com.sun.jna.Function;
import com.sun.jna.LastErrorException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The calls of Linux for files that Java has no method for. */
final class LinuxFiles {
    private static final Logger LOG = LoggerFactory.getLogger(LinuxFiles.class);
    private static final int WORKING_FOLDER = -100;
    private static final int EXCHANGE = 2;

    private LinuxFiles() {}

    /**
     * Exchanges two names in one operation: renameat2(2) with RENAME_EXCHANGE.
     *
     * @return false if this file system (NFS, for example), kernel or C library cannot
     */
    static boolean exchange(Path one, Path other) {
        return call(
                "renameat2",
                WORKING_FOLDER,
                one.toAbsolutePath().toString(),
                WORKING_FOLDER,
                other.toAbsolutePath().toString(),
                EXCHANGE);
    }

    /** Writes all that is written to files to the disks, sync(2): for many small files it is faster than one by one. */
    static void sync() {
        call("sync");
    }

    private static boolean call(String name, Object... arguments) {
        try {
            Function.getFunction("c", name, Function.THROW_LAST_ERROR, "UTF-8").invokeInt(arguments);
            return true;
        } catch (LastErrorException | LinkageError e) {
            LOG.debug("{} is not available: {}", name, e.toString());
            return false;
        }
    }
}
