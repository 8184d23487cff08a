package io.swav.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class GoldenCommandTest {
    private static final List<String> FILES = List.of(
            "sinkhorn.npz",
            "sinkhorn.json",
            "loss_queue.npz",
            "loss_queue.json",
            "lr_schedule.npz",
            "lr_schedule.json",
            "larc_wd1e-6.npz",
            "larc_clip_bonus.npz");

    @TempDir
    private Path temp = Path.of(".");

    private record Ran(int exit, String text) {
        String last() {
            String[] lines = text.strip().split("\n", -1);
            return lines[lines.length - 1];
        }
    }

    private static Ran golden(String... arguments) {
        StringWriter text = new StringWriter();
        PrintWriter writer = new PrintWriter(text);
        int exit = new CommandLine(new GoldenCommand())
                .setOut(writer)
                .setErr(writer)
                .execute(arguments);
        return new Ran(exit, text.toString());
    }

    private void copy(String file) throws IOException {
        try (InputStream in = GoldenCommandTest.class.getResourceAsStream("/golden/" + file)) {
            assertThat(in).isNotNull();
            Files.copy(in, temp.resolve(file));
        }
    }

    @Test
    void passesTheProjectsFixturesAtSeveralWorldSizes() throws IOException {
        for (String file : FILES) {
            copy(file);
        }
        Ran ran = golden(temp.toString(), "--world-sizes", "1,2,4");
        assertThat(ran.text())
                .contains("sinkhorn/case08 w4", "loss_queue/case01 w2", "ok    loss_queue/case03 w2 queue");
        assertThat(ran.last()).matches("\\d\\d+ passed, 0 failed, 0 skipped");
        assertThat(ran.exit()).isZero();
    }

    @Test
    void passesEveryFixtureOfTheSharedFolder() {
        Path shared = Path.of(System.getProperty(
                        "swav.shared", System.getenv().getOrDefault("SWAV_SHARED", "../../../shared")))
                .resolve("golden");
        assumeTrue(Files.isDirectory(shared), () -> "no fixtures at " + shared.toAbsolutePath());
        Ran ran = golden(shared.toString(), "--world-sizes", "1,2,4");
        assertThat(ran.text().lines().filter(line -> line.startsWith("FAIL"))).isEmpty();
        assertThat(ran.exit()).isZero();
    }

    @Test
    void reportsDamageAsAFailedCaseAndRunsTheRest() throws IOException {
        copy("sinkhorn.npz");
        copy("larc_wd1e-6.npz");
        Path damaged = temp.resolve("lr_schedule.npz");
        copy("lr_schedule.npz");
        byte[] bytes = Files.readAllBytes(damaged);
        Files.write(damaged, Arrays.copyOf(bytes, bytes.length / 2));
        copy("loss_queue.npz"); // without its json
        Ran ran = golden(temp.toString(), "--world-sizes", "1");
        assertThat(ran.exit()).isEqualTo(1);
        assertThat(ran.text())
                .contains("FAIL  lr_schedule  (lr_schedule.npz cannot be read, it is missing or damaged")
                .contains("FAIL  loss_queue  (loss_queue.json cannot be read")
                .contains("ok    sinkhorn/case00 w1")
                .contains("ok    larc_wd1e-6/step4 param");
        assertThat(ran.last()).contains(" passed, 2 failed, ");
    }

    @Test
    void exitsWith2IfTheFolderDoesNotExistOrIsEmpty() {
        Ran missing = golden(temp.resolve("nowhere").toString());
        assertThat(missing.exit()).isEqualTo(2);
        assertThat(missing.text()).contains("does not exist");
        assertThat(golden(temp.toString()).exit()).isEqualTo(2);
    }
}
