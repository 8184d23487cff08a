package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Checks that libraries that are unpacked already, as in the container image, are the ones loaded, and that nothing
 * else is unpacked.
 */
class NativeLibrariesTest {
    private static final List<String> BINDINGS = List.of(
            "/org/bytedeco/javacpp/linux-x86_64/libjnijavacpp.so", "/org/bytedeco/pytorch/linux-x86_64/libjnitorch.so");

    private static final byte[] LIBRARY = new byte[100_000];

    static {
        new Random(3).nextBytes(LIBRARY);
    }

    @Test
    void usesUnpackedLibrariesAndUnpacksNothing(@TempDir Path folder, @TempDir Path home) throws Exception {
        for (String binding : BINDINGS) {
            try (InputStream in = NativeLibraries.class.getResourceAsStream(binding)) {
                assertThat(in).as(binding).isNotNull();
                Files.copy(in, folder.resolve(Path.of(binding).getFileName().toString()));
            }
        }
        Path output = home.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xshare:auto",
                        "-D" + NativeLibraries.FOLDER + "=" + folder,
                        "-Duser.home=" + home,
                        "-cp",
                        withoutNatives(),
                        Started.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment()
                .put("PYTORCH_LIBRARY_PATH", String.valueOf(TorchRuntime.start().getParent()));
        builder.environment().put("PYTORCH_FLAVOR", "cpu");
        Process process = builder.start();
        try {
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        List<String> lines = Files.readAllLines(output);
        assertThat(process.exitValue()).as("%s", lines).isZero();
        assertThat(lines)
                .anyMatch(line -> line.equals(folder.resolve("libjnitorch.so").toString()))
                .noneMatch(line -> line.startsWith(home.toString()))
                .noneMatch(line -> line.contains("openblas"));
        try (Stream<Path> left = Files.walk(home)) {
            assertThat(left.filter(file -> file.toString().endsWith(".so"))).isEmpty();
        }
    }

    @Test
    void doesNotUnpackACompleteLibraryAgain(@TempDir Path folder) throws Exception {
        URL library = library(folder, false);
        Path unpacked = NativeLibraries.unpack(library, folder.resolve("cache"));
        assertThat(unpacked).hasFileName("library.so").hasBinaryContent(LIBRARY);
        byte[] other = new byte[LIBRARY.length];
        Files.write(unpacked, other);
        assertThat(NativeLibraries.unpack(library, folder.resolve("cache")))
                .isEqualTo(unpacked)
                .hasBinaryContent(other);
        Files.write(unpacked, new byte[1]); // as the machine may leave it after a crash
        assertThat(NativeLibraries.unpack(library, folder.resolve("cache"))).hasBinaryContent(LIBRARY);
    }

    @Test
    void leavesNothingBehindWhenUnpackingFails(@TempDir Path folder) throws Exception {
        URL library = library(folder, true);
        assertThatThrownBy(() -> NativeLibraries.unpack(library, folder.resolve("cache")))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("set XDG_CACHE_HOME")
                .hasCauseInstanceOf(ZipException.class);
        assertThat(folder.resolve("cache")).isEmptyDirectory();
    }

    /** Puts the library into a jar, with damaged bytes if requested. */
    private static URL library(Path folder, boolean damaged) throws IOException {
        Path jar = folder.resolve("of.jar");
        ZipEntry entry = new ZipEntry("natives/library.so");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            out.putNextEntry(entry);
            out.write(LIBRARY);
        }
        if (damaged) {
            byte[] bytes = Files.readAllBytes(jar);
            Arrays.fill(bytes, bytes.length / 4, bytes.length / 2, (byte) 0xff);
            Files.write(jar, bytes);
        }
        return URI.create("jar:" + jar.toUri() + "!/" + entry.getName()).toURL();
    }

    private static String withoutNatives() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                .filter(entry -> !entry.endsWith("-linux-x86_64.jar"))
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** Starts libtorch and prints the libraries that are then mapped. */
    static final class Started {
        public static void main(String[] arguments) throws IOException {
            TorchRuntime.start();
            try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
                maps.filter(line -> line.contains("/") && line.contains(".so"))
                        .map(line -> line.substring(line.indexOf('/')))
                        .distinct()
                        .forEach(System.out::println);
            }
        }
    }
}
