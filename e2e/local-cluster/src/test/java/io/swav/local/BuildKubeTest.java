package io.swav.local;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests how build-kube.sh starts, waits and ends; the test replaces apt-get. */
class BuildKubeTest {
    private static final String APT_THAT_HANGS = "echo $$ > \"$APT_PID\"; exec sleep 600";

    @TempDir
    Path dir;

    private final List<Process> started = new ArrayList<>();

    @BeforeEach
    void unpackScript() throws IOException {
        try (InputStream script = ControlPlaneInstaller.class.getResourceAsStream("build-kube.sh")) {
            Files.write(dir.resolve("build-kube.sh"), script.readAllBytes());
        }
    }

    @AfterEach
    void endProcesses() {
        started.forEach(process -> {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        });
        if (Files.exists(pidFile())) {
            apt().ifPresent(ProcessHandle::destroyForcibly);
        }
    }

    @Test
    void leavesNoProcessWhenTheProcessThatStartedItIsKilled() throws IOException {
        Process owner = build(APT_THAT_HANGS, "bash build-kube.sh kube & wait");
        await().until(this::aptRuns);
        List<ProcessHandle> processes = owner.descendants().toList();
        assertThat(processes).hasSizeGreaterThan(1);

        owner.destroyForcibly();

        await().untilAsserted(() -> assertThat(processes).noneMatch(ProcessHandle::isAlive));
    }

    @Test
    void showsTheProgressOfTheBuildThatItWaitsFor() throws IOException {
        build(APT_THAT_HANGS, "bash build-kube.sh kube & wait");
        await().until(this::aptRuns);
        Files.writeString(dir.resolve("kube/progress"), "[ 44 s] half of it\n");

        Process second = build(APT_THAT_HANGS, "exec bash build-kube.sh kube");

        try (var lines = second.inputReader()) {
            assertThat(lines.readLine()).contains("waiting for the build").contains("half of it");
        }
    }

    @Test
    void endsWithTheReasonWhenNoMirrorIsKnown() throws Exception {
        Process build = build("true", "exec bash build-kube.sh kube");

        String output = new String(build.getInputStream().readAllBytes(), UTF_8);

        assertThat(build.waitFor()).isEqualTo(1);
        assertThat(output.lines().toList().get((int) output.lines().count() - 1))
                .contains("this machine's apt has no Debian mirror");
        assertThat(dir.resolve("kube/progress")).content().isEqualTo(output);
    }

    private Process build(String aptGet, String command) throws IOException {
        Path tools = Files.createDirectories(dir.resolve("tools"));
        Path apt = Files.writeString(tools.resolve("apt-get"), "#!/bin/sh\n" + aptGet + "\n");
        assertThat(apt.toFile().setExecutable(true)).isTrue();
        ProcessBuilder builder = new ProcessBuilder("bash", "-c", command)
                .directory(dir.toFile())
                .redirectErrorStream(true);
        builder.environment()
                .putAll(Map.of(
                        "PATH",
                        tools + ":" + System.getenv("PATH"),
                        "APT_PID",
                        pidFile().toString()));
        Process process = builder.start();
        started.add(process);
        return process;
    }

    private Path pidFile() {
        return dir.resolve("apt.pid");
    }

    private boolean aptRuns() throws IOException {
        return Files.exists(pidFile()) && !Files.readString(pidFile()).isBlank();
    }

    private Optional<ProcessHandle> apt() {
        try {
            return ProcessHandle.of(Long.parseLong(Files.readString(pidFile()).strip()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
