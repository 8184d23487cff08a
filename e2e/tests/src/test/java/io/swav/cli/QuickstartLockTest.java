package io.swav.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.local.LocalClusterException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A second quickstart would end the cluster of the first one. */
class QuickstartLockTest {
    @TempDir
    Path folder;

    @Test
    void oneRunsAtATime() throws Exception {
        Path home = folder.resolve("home");
        try (QuickstartLock first = QuickstartLock.take(home)) {
            assertThat(first.channel().isOpen()).isTrue();
            assertThatThrownBy(() -> QuickstartLock.take(home))
                    .isInstanceOf(LocalClusterException.class)
                    .hasMessageContaining("another quickstart runs in " + home);
        }
        QuickstartLock.take(home).close();
    }

    @Test
    void aProcessThatWasKilledHoldsNothing() throws Exception {
        Process other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Holder.class.getName(),
                        folder.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader said =
                new BufferedReader(new InputStreamReader(other.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(said.readLine()).isEqualTo("taken");
            assertThatThrownBy(() -> QuickstartLock.take(folder)).hasMessageContaining("another quickstart runs");
            other.destroyForcibly();
            assertThat(other.waitFor(1, TimeUnit.MINUTES)).isTrue();
            QuickstartLock.take(folder).close();
        } finally {
            other.destroyForcibly();
        }
    }

    /** Takes the lock of a folder, and lives until it is killed. */
    static final class Holder {
        private Holder() {}

        public static void main(String[] arguments) throws Exception {
            QuickstartLock lock = QuickstartLock.take(Path.of(arguments[0]));
            System.out.println(lock.channel().isOpen() ? "taken" : "closed");
            Thread.currentThread().join();
        }
    }
}
