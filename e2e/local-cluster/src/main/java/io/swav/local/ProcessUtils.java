package io.swav.local;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/** Runs commands, and pauses. */
public final class ProcessUtils {
    private ProcessUtils() {}

    /**
     * Runs {@code command} and returns its output, stderr included, stripped.
     *
     * @throws LocalClusterException if its exit status is not 0
     */
    public static String output(List<String> command) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                    .start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            int code = process.waitFor();
            if (code != 0) {
                throw new LocalClusterException(
                        String.join(" ", command) + " failed with exit status " + code + ": " + text);
            }
            return text;
        } catch (IOException e) {
            throw new LocalClusterException("cannot run " + String.join(" ", command) + ": " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalClusterException("interrupted while running " + String.join(" ", command), e);
        }
    }

    public static void pause(Duration time) {
        try {
            Thread.sleep(time.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalClusterException("interrupted", e);
        }
    }
}
