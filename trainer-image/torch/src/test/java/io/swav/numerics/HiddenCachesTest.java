package io.swav.numerics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.convolutional.Conv2d;
import io.swav.torch.Convolution;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Reproduces what oneDNN 3.7 does on an AMD processor whose hypervisor hides its caches. The test patches a copy of
 * libtorch: where its code asks the processor for leaf 8000001D of CPUID, the copy asks for 80000009, which is reserved
 * and therefore zero.
 */
class HiddenCachesTest {
    /** {@code mov r10d, 8000001D}, followed by the loop over three levels of caches. */
    private static final byte[] ASKS_FOR_CACHES = {0x41, (byte) 0xba, 0x1d, 0x00, 0x00, (byte) 0x80, 0x41, (byte) 0xb9};

    private static final byte RESERVED = 0x09;

    @TempDir
    static Path cache;

    @BeforeAll
    static void copyLibtorch() throws IOException {
        Path library = TorchRuntime.start();
        assumeTrue(
                Processor.read(Path.of("/")).vendor().equals("AuthenticAMD"),
                "oneDNN asks for this leaf on AMD processors alone");
        Path original = Objects.requireNonNull(library.getParent());
        assumeTrue(
                original.resolve("..").toRealPath().endsWith("pytorch"), "libtorch is not DJL's own here: " + library);
        Path folder = Files.createDirectories(cache.resolve("pytorch").resolve(original.getFileName()));
        try (Stream<Path> files = Files.list(original)) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
        hideCaches(folder.resolve(library.getFileName()));
    }

    private static void hideCaches(Path library) throws IOException {
        try (FileChannel channel = FileChannel.open(library, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer code = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size());
            List<Integer> places = new ArrayList<>();
            for (int at = 0; at < code.limit() - ASKS_FOR_CACHES.length; at++) {
                int same = 0;
                while (same < ASKS_FOR_CACHES.length && code.get(at + same) == ASKS_FOR_CACHES[same]) {
                    same++;
                }
                if (same == ASKS_FOR_CACHES.length) {
                    places.add(at);
                }
            }
            assertThat(places).as("instructions that ask for caches").hasSize(1);
            code.put(places.get(0) + 2, RESERVED);
        }
    }

    @Test
    void oneDnnDropsChannelsOfA1x1Convolution() {
        assertThat(run(true, LosesChannels.class))
                .hasValueSatisfying(fault -> assertThat(fault)
                        .startsWith("convolution 1x1 of 128 to 512 channels, output: error ")
                        .endsWith(", allowed 1e-06"));
    }

    @Test
    void oneDnnKillsTheProcess() {
        assertThat(run(true, Dies.class))
                .hasValueSatisfying(fault -> assertThat(fault).contains("SIGFPE", "dnnl::impl::cpu"));
    }

    @Test
    void bothAreCorrectWithoutOneDnn() {
        assertThat(run(false, LosesChannels.class)).isEmpty();
        assertThat(run(false, Dies.class)).isEmpty();
    }

    @Test
    void kernelsOfTrainingAreCorrect() {
        assertThat(new CanaryProcess(CanaryProcess.class, environment()).run(true, EnumSet.allOf(Precision.class)))
                .isEmpty();
    }

    private static Optional<String> run(boolean oneDnn, Class<?> main) {
        return new CanaryProcess(main, environment()).run(oneDnn, EnumSet.of(Precision.FP32));
    }

    private static Map<String, String> environment() {
        return Map.of("DJL_CACHE_DIR", cache.toString());
    }

    /**
     * Like {@link CanaryProcess#main}, with a 1x1 convolution that libtorch delegates to oneDNN, which drops channels.
     */
    static final class LosesChannels {
        private LosesChannels() {}

        public static void main(String[] arguments) {
            System.exit(CanaryProcess.run(new Canary(List.of(byLibtorch(128, 512, 4))), arguments));
        }
    }

    /** Like {@link LosesChannels}, with a convolution in which oneDNN divides by zero. */
    static final class Dies {
        private Dies() {}

        public static void main(String[] arguments) {
            System.exit(CanaryProcess.run(new Canary(List.of(byLibtorch(256, 1024, 2))), arguments));
        }
    }

    private static Trial byLibtorch(int in, int out, int side) {
        return new ConvolutionTrial(in, out, 1, 1, side, 16, new ConvolutionTrial.Kernel() {
            @Override
            public NDArray forward(
                    NDManager manager, Precision precision, NDArray x, NDArray weight, int stride, int padding) {
                NDArray y = Conv2d.conv2d(x, weight).singletonOrThrow();
                y.attach(manager);
                return y;
            }

            @Override
            public Convolution.Gradient backward(
                    NDManager manager,
                    Precision precision,
                    NDArray dy,
                    NDArray x,
                    NDArray weight,
                    int stride,
                    int padding) {
                return Convolution.backward(manager, precision, dy, x, weight, stride, padding, true);
            }
        });
    }
}
