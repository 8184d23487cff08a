package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.swav.api.ExitCodes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests the cache on a disk that is really full: a file system in memory, of 1 MiB. Only root may mount one. */
class FullDiskTest {
    private static final long SIZE_OF_CACHE = 64 << 20;
    private static final int SAMPLE = 20_000;
    private static final int SAMPLES = 200;

    @TempDir
    Path folder;

    private Path disk = Path.of("");
    private boolean mounted;

    @BeforeEach
    void mount() throws Exception {
        disk = Files.createDirectory(folder.resolve("disk"));
        mounted = run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk.toString());
        assumeTrue(mounted, "skipped: this process may not mount a file system, as root may");
    }

    @AfterEach
    void unmount() throws Exception {
        if (mounted) {
            assertThat(run("umount", disk.toString())).isTrue();
        }
    }

    private static boolean run(String... command) throws Exception {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getInputStream().readAllBytes();
            return process.waitFor() == 0;
        } catch (IOException e) {
            return false; // there is no such command
        }
    }

    private static byte[] content(int length) {
        byte[] bytes = new byte[length];
        new SplittableRandom(5).nextBytes(bytes);
        return bytes;
    }

    /** A source of one file in memory. */
    private static RemoteFiles memory(byte[] content) {
        return new RemoteFiles() {
            @Override
            public String address(String name) {
                return "memory://" + name;
            }

            @Override
            public FileSource.SourceFile describe(String name) {
                return new FileSource.SourceFile(name, content.length, "one");
            }

            @Override
            public void list(String start, FileSource.Visitor visitor) {
                throw new UnsupportedOperationException();
            }

            @Override
            public Body get(FileSource.SourceFile file, long from, long to) {
                return new Body() {
                    private int at = (int) from;

                    @Override
                    public int read(byte[] into, int offset, int length) {
                        int count = (int) Math.min(length, to - at);
                        System.arraycopy(content, at, into, offset, count);
                        at += count;
                        return count;
                    }

                    @Override
                    public void close() {}
                };
            }

            @Override
            public void close() {}
        };
    }

    private static RemoteSource source(String name, byte[] content) {
        return new RemoteSource("memory://" + name, memory(content), RemoteNames.of(name));
    }

    @Test
    void everySampleIsReadAndWhatFittedStays() throws Exception {
        byte[] shard = content(SAMPLES * SAMPLE);
        RangeCache cache = new RangeCache(disk, SIZE_OF_CACHE, "set");
        try (CachingSource source = new CachingSource(source("s.tar", shard), cache)) {
            FileSource.SourceFile file = source.find("s.tar").orElseThrow();
            for (int epoch = 0; epoch < 2; epoch++) {
                for (int i = 0; i < SAMPLES; i++) {
                    assertThat(source.read(file, (long) i * SAMPLE, SAMPLE))
                            .as("epoch %d, sample %d", epoch, i)
                            .isEqualTo(Arrays.copyOfRange(shard, i * SAMPLE, (i + 1) * SAMPLE));
                }
            }
            assertThat(cache.isOff()).isTrue();
            assertThat(cache.use().hits()).as("found in the second epoch").isBetween(20L, 60L);
            assertThat(unfinished()).as("left by the write that failed").isEmpty();
        }
    }

    private List<Path> unfinished() throws IOException {
        try (Stream<Path> all = Files.walk(disk)) {
            return all.filter(file -> file.toString().endsWith(".tmp")).toList();
        }
    }

    /** Blocks of a compressed shard cannot be read elsewhere, so they must fit, or training would unpack it for each image. */
    @Test
    void aCompressedShardThatDoesNotFitIsNamedWithAWayOut() throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream to = new GZIPOutputStream(packed)) {
            to.write(content(4 << 20));
        }
        RangeCache cache = new RangeCache(disk, SIZE_OF_CACHE, "set");
        try (FileSource source = new UnpackingSource(
                new CachingSource(source("s.tar.gz", packed.toByteArray()), cache),
                new UnpackedShards(Optional.of(cache)))) {
            assertThatThrownBy(() -> Listed.of(source))
                    .isInstanceOfSatisfying(
                            DataException.class,
                            e -> assertThat(ExitCodes.isPermanent(e.exitCode()))
                                    .as("on another node")
                                    .isFalse())
                    .hasMessageContaining("s.tar.gz of memory://s.tar.gz is compressed")
                    .hasMessageContaining(disk.toString());
        }
    }

    /** An index that is cut would shift samples. */
    @Test
    void anIndexThatDoesNotFitIsNotKeptThere() throws Exception {
        Path index = folder.resolve("index");
        Files.write(index, content(4 << 20));
        assertThatThrownBy(() -> new FolderHome(disk.resolve(".swav")).store("x.swavidx", index))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("No space left on device");
        try (Stream<Path> all = Files.walk(disk)) {
            assertThat(all.filter(Files::isRegularFile)).isEmpty();
        }
    }
}
