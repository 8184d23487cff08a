package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Function;
import io.swav.collective.Ranked;
import io.swav.collective.TcpCollective;
import io.swav.torch.StubLibraries;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** NCCL's stub of {@link StubLibraries}, and worlds over it. */
public final class NcclStub {
    private NcclStub() {}

    private static final class Loaded {
        static final NcclLibrary.Versions VERSIONS =
                NcclLibrary.in(List.of(StubLibraries.folder())).orElseThrow().load();
    }

    /** Loads the libraries and returns their folder; skips the test if gcc is not installed. */
    public static Path folder() {
        Path folder = StubLibraries.folder();
        assertThat(Loaded.VERSIONS.gpus()).isEqualTo(1);
        return folder;
    }

    static NcclLibrary.Versions versions() {
        folder();
        return Loaded.VERSIONS;
    }

    /** Returns a world over NCCL, by rank, whose ranks are threads of this process. */
    public static List<NcclCollective> connect(int size) throws Exception {
        return connect(size, NcclCollective.CONNECT_TIMEOUT);
    }

    static List<NcclCollective> connect(int size, Communicator.ConnectTimeout timeout) throws Exception {
        folder();
        return Ranked.each(
                Ranked.connect(size),
                sockets -> NcclCollective.over((TcpCollective) sockets, timeout, Communicator::close));
    }

    /** Returns the names of this process's threads that belong to communicators: the stub's, and those of its callers. */
    public static List<String> threads() throws IOException {
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
