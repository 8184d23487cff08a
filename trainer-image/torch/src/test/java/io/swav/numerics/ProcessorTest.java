package io.swav.numerics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProcessorTest {
    @TempDir
    Path root;

    @ParameterizedTest
    @CsvSource({
        "AuthenticAMD, avx2 topoext,         true,  false",
        "AuthenticAMD, avx2 topoext,         false, true",
        "AuthenticAMD, avx2,                 true,  true", // Linux has read other CPUID leaves than oneDNN reads
        "AuthenticAMD, sse4_2 topoext,       true,  true",
        "GenuineIntel, avx2 avx512f,         true,  false",
        "GenuineIntel, avx2 avx512f,         false, true",
    })
    void namesProcessorsWhoseKernelsMayKill(String vendor, String flags, boolean caches, boolean mayKill)
            throws IOException {
        assertThat(processor(vendor, flags, caches).mayKill()).isEqualTo(mayKill);
    }

    @Test
    void describesTheMachineInOneLine() throws IOException {
        assertThat(processor("AuthenticAMD", "avx2 avx512f topoext", false))
                .hasToString("AMD EPYC (AuthenticAMD, family 26, model 2, AVX-512), which does not state its caches");
    }

    @Test
    void treatsAnUnknownProcessorAsDangerous() {
        assertThat(Processor.read(root).mayKill()).isTrue();
        assertThat(Processor.read(root).toString()).startsWith("unknown processor (unknown, family ?");
    }

    private Processor processor(String vendor, String flags, boolean caches) throws IOException {
        Path proc = Files.createDirectories(root.resolve("proc"));
        Files.writeString(proc.resolve("cpuinfo"), """
                processor\t: 0
                vendor_id\t: %s
                cpu family\t: 26
                model\t\t: 2
                model name\t: AMD EPYC
                flags\t\t: fpu %s

                processor\t: 1
                model name\t: another
                """.formatted(vendor, flags));
        if (caches) {
            Path index = Files.createDirectories(root.resolve("sys/devices/system/cpu/cpu0/cache/index0"));
            Files.writeString(index.resolve("size"), "32K\n");
        }
        return Processor.read(root);
    }
}
