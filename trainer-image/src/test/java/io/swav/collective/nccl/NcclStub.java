package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.swav.collective.Collective;
import io.swav.collective.Ranked;
import io.swav.collective.TcpCollective;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/** libnccl.so.2, libcudart.so.12 and libcuda.so.1 for a machine without a GPU, compiled here from src/test/resources/nccl. */
public final class NcclStub {
    private static final Path SOURCES = Path.of("src/test/resources/nccl");

    private NcclStub() {}

    private static final class Loaded {
        static final Path FOLDER = compile();
        static final NcclLibrary.Versions VERSIONS =
                NcclLibrary.in(List.of(FOLDER)).orElseThrow().load();
    }

    /** The folder of the libraries, which this process has then loaded; without gcc the test is skipped. */
    static Path folder() {
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
            Path folder = Files.createDirectories(Path.of("target/nccl-stub").toAbsolutePath());
            for (String name : List.of("fault", "misuse", "version")) {
                Files.deleteIfExists(folder.resolve(name));
            }
            gcc(folder, "libcuda.so.1", "-x", "c", "/dev/null");
            gcc(folder, "libcudart.so.12", SOURCES.resolve("cudart.c").toString());
            gcc(folder, "libnccl.so.2", "-pthread", SOURCES.resolve("nccl.c").toString());
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void gcc(Path folder, String library, String... source) throws IOException {
        List<String> command = new ArrayList<>(List.of("gcc", "-O1", "-Wall", "-Werror", "-fPIC", "-shared"));
        command.addAll(
                List.of("-Wl,-soname," + library, "-o", folder.resolve(library).toString()));
        command.addAll(List.of(source));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        try {
            assertThat(process.waitFor()).as(said).isZero();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    /** A world over NCCL as threads of this process, by rank. */
    public static List<NcclCollective> connect(int size) throws Exception {
        folder();
        List<Collective> sockets = Ranked.connect(size);
        ExecutorService threads = Executors.newFixedThreadPool(size);
        try {
            List<Future<NcclCollective>> ranks = sockets.stream()
                    .map(mesh -> threads.submit(() -> NcclCollective.over((TcpCollective) mesh, Communicator::close)))
                    .toList();
            List<NcclCollective> world = new ArrayList<>();
            Optional<ExecutionException> failure = Optional.empty();
            for (Future<NcclCollective> rank : ranks) {
                try {
                    world.add(rank.get());
                } catch (ExecutionException e) {
                    failure = Optional.of(e);
                }
            }
            if (failure.isPresent()) {
                world.forEach(NcclCollective::close);
                throw failure.get();
            }
            return world;
        } finally {
            threads.shutdown();
        }
    }
}
