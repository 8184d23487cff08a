package io.swav.numerics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.swav.torch.ChildJvm;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Computes the numerics fingerprint in processes that use other instruction sets of this processor. */
class NumericsFingerprintTest {
    @TempDir
    Path folder;

    /** Prints the fingerprint of this process. */
    static final class Print {
        private Print() {}

        public static void main(String[] arguments) {
            TorchRuntime.start();
            TorchRuntime.setThreads(1);
            System.out.println(Numerics.require(EnumSet.of(Precision.FP32)));
        }
    }

    @Test
    void isTheSameInEveryProcessOfOneProcessor() throws Exception {
        String first = fingerprint("first", Map.of());
        assertThat(first).matches("[0-9a-f]{16}");
        assertThat(fingerprint("second", Map.of())).isEqualTo(first);
    }

    @Test
    void differsWithTheInstructionSetOfLibtorchAndOfOneDnn() throws Exception {
        Processor processor = Processor.read(Path.of("/"));
        assumeTrue(processor.flags().contains("avx2"), "this processor has one instruction set only");
        String own = fingerprint("own", Map.of());
        assertThat(fingerprint("libtorch", Map.of("ATEN_CPU_CAPABILITY", "default")))
                .isNotEqualTo(own);
        assertThat(fingerprint("onednn", Map.of("ONEDNN_MAX_CPU_ISA", "SSE41"))).isNotEqualTo(own);
    }

    private String fingerprint(String name, Map<String, String> environment) throws IOException, InterruptedException {
        Path out = folder.resolve(name + ".out");
        Path err = folder.resolve(name + ".err");
        ProcessBuilder builder = ChildJvm.prepare(folder.resolve("crash"), List.of(), Print.class, List.of())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
            assertThat(process.exitValue()).as(Files.readString(err)).isZero();
            return Files.readString(out).strip();
        } finally {
            process.destroyForcibly();
        }
    }
}
