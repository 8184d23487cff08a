package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CrashReportTest {
    /** The head of a real report, up to the command line; %s: cause and place. */
    private static final String REPORT = """
            #
            # A fatal error has been detected by the Java Runtime Environment:
            #
            #  %s
            #
            # JRE version: OpenJDK Runtime Environment (17.0.15+6) (build 17.0.15+6-Debian-1deb12u1)
            # Java VM: OpenJDK 64-Bit Server VM (17.0.15+6-Debian-1deb12u1, mixed mode, sharing, tiered, compressed oops, compressed class ptrs, serial gc, linux-amd64)
            # Problematic frame:
            # %s
            #
            # No core dump will be written. Core dumps have been disabled. To enable core dumping, try "ulimit -c unlimited" before starting Java again
            #
            # If you would like to submit a bug report, please visit:
            #   https://bugreport.java.com/bugreport/crash.jsp
            # The crash happened outside the Java Virtual Machine in native code.
            # See problematic frame for where to report the bug.
            #

            ---------------  S U M M A R Y ------------

            Command Line: -XX:+UseSerialGC io.swav.cli.Main golden
            """;

    @TempDir
    private Path temp = Path.of(".");

    private Optional<String> read(String report) throws IOException {
        return CrashReport.read(Files.writeString(temp.resolve("crash"), report));
    }

    private Optional<String> read(String cause, String frame) throws IOException {
        return read(REPORT.formatted(cause, frame));
    }

    @Test
    void namesSignalFunctionAndLibrary() throws IOException {
        assertThat(
                        read(
                                "SIGFPE (0x8) at pc=0x00007fc89006937c, pid=6714, tid=11232",
                                "C  [libtorch_cpu.so+0x1166937c]  dnnl::impl::cpu::x64::brgemm_convolution_utils::brg_blocking_t::est_eff_1x1()+0xa5c"))
                .contains(
                        "SIGFPE in dnnl::impl::cpu::x64::brgemm_convolution_utils::brg_blocking_t::est_eff_1x1() (libtorch_cpu.so)");
        assertThat(read(
                        "SIGSEGV (0xb) at pc=0x00007f27b2ed2f94, pid=14147, tid=14148",
                        "V  [libjvm.so+0xed2f94]  Unsafe_PutLong+0x124"))
                .contains("SIGSEGV in Unsafe_PutLong (libjvm.so)");
    }

    @Test
    void keepsTheOffsetIfTheFunctionHasNoName() throws IOException {
        assertThat(read(
                        "SIGFPE (0x8) at pc=0x00007f18268eaf14 (sent by kill), pid=6717, tid=6717",
                        "C  [libc.so.6+0x85f14]"))
                .contains("SIGFPE in libc.so.6+0x85f14");
        assertThat(read("SIGSEGV (0xb) at pc=0x0000000000000000, pid=1, tid=2", "C  0x0000000000000000"))
                .contains("SIGSEGV in 0x0000000000000000");
    }

    @Test
    void namesAJavaMethod() throws IOException {
        assertThat(read(
                        "SIGSEGV (0xb) at pc=0x1, pid=1, tid=2",
                        "j  io.swav.conformance.FixtureFormula.weight(Ljava/lang/String;)[F+5"))
                .contains("SIGSEGV in io.swav.conformance.FixtureFormula.weight(Ljava/lang/String;)[F+5");
    }

    @Test
    void givesTheFirstSentenceOfAReportWithoutASignal() throws IOException {
        assertThat(read("""
                #
                # There is insufficient memory for the Java Runtime Environment to continue.
                # Native memory allocation (mmap) failed to map 65536 bytes for committing reserved memory.
                # Possible reasons:
                """)).contains("There is insufficient memory for the Java Runtime Environment to continue.");
        assertThat(read(
                        "Internal Error (sharedRuntime.cpp:553), pid=1, tid=2",
                        "V  [libjvm.so+0xc5]  report_vm_error+0x1"))
                .contains("Internal Error (sharedRuntime.cpp:553) in report_vm_error (libjvm.so)");
    }

    @Test
    void survivesAReportThatWasCutOff() throws IOException {
        String whole =
                REPORT.formatted("SIGILL (0x4) at pc=0x1, pid=1, tid=2", "C  [libc.so.6+0x1]  pthread_create+0x587");
        assertThat(read(whole.substring(0, whole.indexOf("# Problematic")))).contains("SIGILL");
        assertThat(read(whole.substring(0, whole.indexOf("# C  [")))).contains("SIGILL");
    }

    @Test
    void isEmptyIfNothingWasReported() throws IOException {
        assertThat(CrashReport.read(temp.resolve("missing"))).isEmpty();
        assertThat(read("")).isEmpty();
        assertThat(read("another file\n")).isEmpty();
    }
}
