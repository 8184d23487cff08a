package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.s3.S3Server;
import io.swav.s3.S3Service;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kills a saving process at random instants, repeatedly. {@code -Dswav.kills=200} is the long form; {@code
 * -Dswav.kills.seed} changes the sequence.
 */
class KillTest {
    private static final Logger LOG = LoggerFactory.getLogger(KillTest.class);
    private static final int KILLS = Integer.getInteger("swav.kills", 12);
    private static final long SEED = Long.getLong("swav.kills.seed", 31);

    @TempDir
    Path folder;

    @Test
    void survivesKillsInAFolder() throws Exception {
        killRepeatedly(folder.resolve("checkpoints").toUri().toString(), 0);
    }

    @Test
    void survivesKillsInS3() throws Exception {
        try (S3Server server = S3Server.start(folder)) {
            killRepeatedly("s3://" + S3Server.BUCKET + "/checkpoints", server.port());
        }
    }

    private void killRepeatedly(String uri, int port) throws Exception {
        SplittableRandom random = new SplittableRandom(SEED);
        long newest = 0;
        int inTheMiddle = 0;
        for (int kill = 1; kill <= KILLS; kill++) {
            Reported reported = saveAndKill(uri, port, kill, random);
            inTheMiddle += reported.begun > reported.saved ? 1 : 0;
            Optional<Checkpoint> found = Saver.open(uri, port).newest(false);
            long step = found.map(each -> each.state().step()).orElse(0L);
            assertThat(step)
                    .as("seed %d, kill %d: newest step; the process had begun %d", SEED, kill, reported.begun)
                    .isBetween(Math.max(Math.max(newest, reported.saved), reported.begun - 1), reported.begun);
            newest = step;
            found.ifPresent(each -> {
                assertThat(each.model()).isEqualTo(Saver.checkpoint(step, 1).model());
                assertThat(each.optimizer()).isEqualTo(Saver.checkpoint(step, 1).optimizer());
            });
        }
        LOG.info("{} kills, {} of them during a save, newest step {}", KILLS, inTheMiddle, newest);
        assertThat(inTheMiddle).as("kills during a save").isGreaterThan(KILLS / 4);
        try (Store store = StoreFactory.open(uri, port == 0 ? S3Service.AWS : S3Server.at(port))) {
            new CheckpointCatalog(store, new CheckpointCatalog.Owner("job", "cfg"), Saver.KEEP)
                    .save(Saver.checkpoint(newest + 1, KILLS + 1));
            assertThat(store.names())
                    .as("files of two checkpoints and nothing else")
                    .hasSize(2 * 4);
        }
    }

    /** The last steps that the process reported. */
    private record Reported(long begun, long saved) {}

    private static Reported saveAndKill(String uri, int port, int generation, SplittableRandom random)
            throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx192m",
                        "-Daws.accessKeyId=tester",
                        "-Daws.secretAccessKey=a-secret",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Saver.class.getName(),
                        uri,
                        Integer.toString(port),
                        Integer.toString(generation))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        long begun = 0;
        long saved = 0;
        try (BufferedReader reported =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            int saves = random.nextInt(3);
            long nanos = random.nextLong(TimeUnit.MILLISECONDS.toNanos(250));
            boolean killed = false;
            for (String line = reported.readLine(); line != null; line = reported.readLine()) {
                long step = Long.parseLong(line.replaceAll("\\D+", ""));
                begun = line.startsWith("begun ") ? step : begun;
                saved = line.startsWith("saved ") ? step : saved;
                if (line.startsWith("begun ") && --saves < 0 && !killed) {
                    LockSupport.parkNanos(nanos);
                    process.toHandle().destroyForcibly(); // output written before stays readable
                    killed = true;
                }
            }
        }
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(begun)
                .as("steps begun; it was killed, exit code %d", process.exitValue())
                .isPositive();
        return new Reported(begun, saved);
    }
}
