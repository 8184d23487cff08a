package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.Function;
import io.swav.collective.Ranked;
import io.swav.collective.TcpCollective;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Stubs of libnccl.so.2, libcudart.so.12 and libcuda.so.1 for a machine without a GPU, compiled by this class from
 * src/test/resources/nccl.
 */
public final class NcclStub {
    private static final Path SCRIPT = Path.of("src/test/resources/nccl/build.sh");

    private NcclStub() {}

    private static final class Loaded {
        static final Path FOLDER = compile();
        static final NcclLibrary.Versions VERSIONS =
                NcclLibrary.in(List.of(FOLDER)).orElseThrow().load();
    }

    /** Loads the libraries and returns their folder; skips the test if gcc is not installed. */
    public static Path folder() {
        assumeTrue(
                Stream.of(System.getenv("PATH").split(":", -1)).anyMatch(bin -> Files.exists(Path.of(bin, "gcc"))),
                "NCCL is not tested: gcc, which compiles the stub, is not on the PATH");
        assertThat(Loaded.VERSIONS.gpus()).isEqualTo(1);
        return Loaded.FOLDER;
    }

    static NcclLibrary.Versions versions() {
        folder();
        return Loaded.VERSIONS;
    }

    private static Path compile() {
        try {
            // a folder for this process alone, because files in it make the stub fail
            Path folder = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "nccl-stub");
            Process process = new ProcessBuilder("sh", SCRIPT.toString(), folder.toString())
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

    /** Returns a world over NCCL, by rank, whose ranks are threads of this process. */
    public static List<NcclCollective> connect(int size) throws Exception {
        return connect(size, NcclCollective.CONNECT_TIMEOUT);
    }

    static List<NcclCollective> connect(int size, ConnectTimeout timeout) throws Exception {
        folder();
        return Ranked.each(
                Ranked.connect(size),
                sockets -> NcclCollective.over((TcpCollective) sockets, timeout, Communicator::close));
    }

    /** Returns the names of this process's threads that belong to communicators: the stub's, and those of its callers. */
    static List<String> threads() throws IOException {
        List<String> names = new ArrayList<>();
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            for (Path task : tasks.toList()) {
                try {
                    names.add(Files.readString(task.resolve("comm")).strip());
                } catch (IOException ended) {
                    // ended after the listing
                }
            }
        }
        return names.stream()
                .filter(name -> name.startsWith("nccl-") && !name.equals("nccl-output"))
                .toList();
    }

    /** Returns the bytes that the communicators of this process have sent so far. */
    public static long sentBytes() {
        String library = folder().resolve("libnccl.so.2").toString();
        return Function.getFunction(library, "ncclStubSent").invokeLong(new Object[0]);
    }

    static long sockets() throws IOException {
        long count = 0;
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            for (Path descriptor : open.toList()) {
                try {
                    count += Files.readSymbolicLink(descriptor).toString().startsWith("socket:") ? 1 : 0;
                } catch (IOException closed) {
                    // ended after the listing
                }
            }
        }
        return count;
    }
}
