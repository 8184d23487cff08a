package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Loader;

/**
 * Stubs of libnccl.so.2, libcudart.so.12 and libcuda.so.1 for a machine without a GPU, compiled by this class from
 * {@code src/test/resources/nccl}.
 */
public final class StubLibraries {
    private static final List<String> SOURCES = List.of("build.sh", "cudart.c", "cudart.h", "nccl.c");

    private StubLibraries() {}

    private static final class Loaded {
        static final Path FOLDER = load(compile());
    }

    /** Loads the stubs of driver and runtime, and returns the folder of all stubs; skips the test if gcc is not installed. */
    public static Path folder() {
        assumeTrue(
                Stream.of(System.getenv("PATH").split(":", -1)).anyMatch(bin -> Files.exists(Path.of(bin, "gcc"))),
                "NCCL is not tested: gcc, which compiles the stub, is not on the PATH");
        return Loaded.FOLDER;
    }

    private static Path load(Path folder) {
        TorchRuntime.start(); // before any other class of JavaCPP
        Loader.loadGlobal(folder.resolve("libcuda.so.1").toString());
        Loader.loadGlobal(folder.resolve("libcudart.so.12").toString());
        Bindings.load("cuda", "cudart");
        int[] gpus = new int[1];
        assertThat(cudart.cudaGetDeviceCount(gpus)).isZero();
        assertThat(gpus[0]).isEqualTo(1);
        return folder;
    }

    private static Path compile() {
        try {
            // a folder for this process alone, because files in it make the stub fail
            Path folder = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "nccl-stub");
            Path sources = Files.createDirectory(folder.resolve("sources"));
            for (String source : SOURCES) {
                try (InputStream in = StubLibraries.class.getResourceAsStream("/nccl/" + source)) {
                    Files.copy(Objects.requireNonNull(in, source), sources.resolve(source));
                }
            }
            Process process = new ProcessBuilder(
                            "sh", sources.resolve("build.sh").toString(), folder.toString())
                    .redirectErrorStream(true)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor()).as(output).isZero();
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
