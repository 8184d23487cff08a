package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.TrainerEnv;
import io.swav.torch.TorchRuntime;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class DoctorCommandTest {
    @TempDir
    Path folder;

    private final Map<String, String> env = new HashMap<>(Map.of("OMP_WAIT_POLICY", "PASSIVE"));
    private final StringWriter output = new StringWriter();

    private int examine(Path root) {
        return new CommandLine(new DoctorCommand(env, root))
                .setOut(new PrintWriter(output))
                .execute("--json=" + folder.resolve("found.json"));
    }

    private JsonNode finding(String what) throws Exception {
        JsonNode all = new ObjectMapper().readTree(folder.resolve("found.json").toFile());
        return StreamSupport.stream(all.path("findings").spliterator(), false)
                .filter(finding -> finding.path("what").asText().equals(what))
                .findFirst()
                .orElseThrow(() -> new AssertionError(what + " is not in " + all));
    }

    @Test
    void findsThatThisMachineCanTrain() throws Exception {
        assertThat(examine(Path.of("/"))).as(output.toString()).isZero();
        assertThat(output.toString()).contains("training can run here").doesNotContain("WRONG");
        assertThat(finding("libtorch").path("found").asText()).startsWith("2.7.1 on cpu");
        assertThat(finding("libtorch_cpu.so").path("found").asText())
                .isEqualTo("one is mapped: " + TorchRuntime.start());
        assertThat(finding("loopback").path("grade").asText()).isEqualTo("good");
        assertThat(finding("memory").path("found").asText()).matches("[\\d,]+ MB available of [\\d,]+ MB.*");
        assertThat(finding("collectives").path("found").asText()).startsWith("TCP: ");
    }

    /** A machine that has a driver and lacks memory. */
    @Test
    void givesAdviceForEveryProblem() throws Exception {
        Files.createDirectories(folder.resolve("proc/driver/nvidia/gpus/0000:01:00.0"));
        Files.createDirectories(folder.resolve("sys/fs/cgroup"));
        Files.writeString(folder.resolve("proc/meminfo"), "MemTotal: 8000000 kB\nMemAvailable: 7000000 kB\n");
        Files.writeString(folder.resolve("sys/fs/cgroup/memory.max"), "1073741824\n");
        Files.writeString(folder.resolve("sys/fs/cgroup/memory.current"), "1000000000\n");
        Files.writeString(
                folder.resolve("proc/driver/nvidia/version"),
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.90.07\nGCC version: 12\n");
        Files.writeString(
                folder.resolve("proc/driver/nvidia/gpus/0000:01:00.0/information"),
                "Model: \t\t NVIDIA H100\nIRQ: 1\n");
        env.put(TrainerEnv.POD_IP, "203.0.113.7");
        env.put(TrainerEnv.PORT, "http");
        env.remove("OMP_WAIT_POLICY");

        assertThat(examine(folder)).isEqualTo(1);

        assertThat(output.toString()).contains("WRONG", "training cannot run here");
        assertThat(finding("memory").path("grade").asText()).isEqualTo("bad");
        assertThat(finding("memory").path("found").asText()).contains("limit of this container 1,024 MB");
        assertThat(finding("memory").path("advice").asText()).contains("raise the container's memory limit");
        assertThat(finding("GPU").path("grade").asText()).isEqualTo("mind");
        assertThat(finding("GPU").path("found").asText())
                .isEqualTo("NVIDIA H100; NVIDIA UNIX x86_64 Kernel Module 550.90.07");
        assertThat(finding("GPU").path("advice").asText()).contains("PYTORCH_LIBRARY_PATH");
        assertThat(finding("shared memory").path("grade").asText()).isEqualTo("mind");
        assertThat(finding("network").path("advice").asText()).contains("203.0.113.7");
        assertThat(finding("settings").path("advice").asText()).contains("\"http\", not a port");
        assertThat(finding("threads").path("advice").asText()).contains("OMP_WAIT_POLICY=PASSIVE");
    }

    /** An image for CUDA on a base image without PyTorch. */
    @Test
    void namesAFolderWithoutLibtorch() throws Exception {
        Files.createFile(folder.resolve("libtorch_cpu.so"));
        env.put("PYTORCH_LIBRARY_PATH", folder.toString());
        env.put("PYTORCH_FLAVOR", "cu128");
        assertThat(examine(Path.of("/"))).isEqualTo(1);
        assertThat(finding("libtorch").path("found").asText())
                .isEqualTo(folder + " has no libc10.so, no libtorch.so, no libtorch_cuda.so");
        assertThat(finding("libtorch").path("advice").asText()).contains("an installed PyTorch 2.7.1");
    }

    @Test
    void namesAnUnknownCollective() throws Exception {
        env.put(TrainerEnv.COLLECTIVE, "Infiniband");
        assertThat(examine(Path.of("/"))).isEqualTo(1);
        assertThat(finding("collectives").path("advice").asText())
                .contains("\"Infiniband\", not one of [Auto, Nccl, Tcp]");
    }
}
