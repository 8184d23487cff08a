package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.ZstdOutputStream;
import io.swav.api.ExitCodes;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnpackingSourceTest {
    private static final int BLOCK = UnpackedShards.BLOCK;
    private static final byte[] TAR = new byte[5 * BLOCK + 1000];

    static {
        new SplittableRandom(4).nextBytes(TAR);
        Arrays.fill(TAR, BLOCK, 2 * BLOCK, (byte) 7);
    }

    @TempDir
    Path folder;

    @TempDir
    Path cached;

    private RangeCache cache;

    @BeforeEach
    void open() {
        cache = new RangeCache(cached, 256 << 20, "set");
    }

    @AfterEach
    void nothingIsOff() {
        assertThat(cache.isOff()).isFalse();
    }

    private FileSource source() {
        return source(Optional.of(cache));
    }

    private FileSource source(Optional<RangeCache> blocks) {
        return new UnpackingSource(FolderSource.open(folder.toString()), new UnpackedShards(blocks));
    }

    private interface Compressor {
        OutputStream over(OutputStream to) throws IOException;
    }

    private static byte[] compressed(Compressor compressor, byte[]... members) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] member : members) {
            try (OutputStream to = compressor.over(all)) {
                to.write(member);
            }
        }
        return all.toByteArray();
    }

    private static byte[] gzip(byte[]... members) throws IOException {
        return compressed(GZIPOutputStream::new, members);
    }

    private static byte[] zstd(byte[]... members) throws IOException {
        return compressed(ZstdOutputStream::new, members);
    }

    private void put(String name, byte[] bytes) throws IOException {
        Files.write(folder.resolve(name), bytes);
    }

    @Test
    void compressedShardsAreAsLongAsTheyAreUnpacked() throws Exception {
        put("a.tar.gz", gzip(TAR));
        put("b.tgz", gzip(Arrays.copyOf(TAR, 3 * BLOCK)));
        put("c.tar.zst", zstd(TAR));
        put("d.tar", TAR);
        put("e.tar.gz", gzip(new byte[0]));
        Listed listed = Listed.of(source());
        assertThat(listed.files.values().stream().map(FileSource.SourceFile::bytes))
                .containsExactly((long) TAR.length, 3L * BLOCK, (long) TAR.length, (long) TAR.length, 0L);
    }

    /** pigz, bgzip, pzstd and {@code cat} write several members. */
    @Test
    void severalMembersAreOneShard() throws Exception {
        byte[] first = Arrays.copyOf(TAR, 100_000);
        byte[] rest = Arrays.copyOfRange(TAR, 100_000, TAR.length);
        put("a.tar.gz", gzip(first, rest));
        put("b.tar.zst", zstd(first, rest));
        FileSource source = source();
        for (FileSource.SourceFile file : Listed.of(source).files.values()) {
            assertThat(source.read(file, 0, TAR.length)).as(file.name()).isEqualTo(TAR);
        }
    }

    @Test
    void readsFromAnyPlace() throws Exception {
        put("a.tar.zst", zstd(TAR));
        FileSource source = source();
        FileSource.SourceFile file = Listed.of(source).one();
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < 200; i++) {
            int from = random.nextInt(TAR.length);
            int length = random.nextInt(Math.min(TAR.length - from, 2 * BLOCK) + 1);
            assertThat(source.read(file, from, length)).isEqualTo(Arrays.copyOfRange(TAR, from, from + length));
        }
        try (InputStream stream = source.open(file, 10)) {
            assertThat(stream.skip(BLOCK)).isEqualTo(BLOCK);
            assertThat(stream.readAllBytes()).isEqualTo(Arrays.copyOfRange(TAR, BLOCK + 10, TAR.length));
        }
        try (InputStream stream = source.uncached().open(file, TAR.length)) {
            assertThat(stream.read()).isEqualTo(-1);
        }
    }

    /** As after a restart with a stored index: nothing is listed, and nothing is unpacked again. */
    @Test
    void anotherProcessReadsWhatIsUnpackedWithoutTheSource() throws Exception {
        put("a.tar.gz", gzip(TAR));
        FileSource.SourceFile file = Listed.of(source()).one();
        Files.delete(folder.resolve("a.tar.gz"));
        assertThat(source().read(file, BLOCK - 5, 10)).isEqualTo(Arrays.copyOfRange(TAR, BLOCK - 5, BLOCK + 5));
    }

    @Test
    void aLostBlockIsUnpackedAgain() throws Exception {
        put("a.tar.gz", gzip(TAR));
        FileSource source = source();
        FileSource.SourceFile file = Listed.of(source).one();
        try (Stream<Path> all = Files.walk(cached)) {
            for (Path each : all.filter(Files::isRegularFile).toList()) {
                Files.delete(each);
            }
        }
        List<CompletableFuture<byte[]>> reads = IntStream.range(0, 6)
                .mapToObj(i -> CompletableFuture.supplyAsync(() -> {
                    try {
                        return source.read(file, (long) i * BLOCK, 1000);
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                }))
                .toList();
        for (int i = 0; i < 6; i++) {
            assertThat(reads.get(i).join()).isEqualTo(Arrays.copyOfRange(TAR, i * BLOCK, i * BLOCK + 1000));
        }
    }

    @Test
    void aDamagedOrTruncatedShardIsNamed() throws Exception {
        byte[] gzip = gzip(TAR);
        byte[] zstd = zstd(TAR);
        for (byte[] bytes : List.of(
                Arrays.copyOf(gzip, gzip.length / 2),
                Arrays.copyOf(gzip, gzip.length - 1),
                flipped(gzip),
                new byte[100])) {
            assertDamaged("a.tar.gz", bytes);
        }
        for (byte[] bytes :
                List.of(Arrays.copyOf(zstd, zstd.length / 2), Arrays.copyOf(zstd, zstd.length - 1), new byte[100])) {
            assertDamaged("a.tar.zst", bytes);
        }
    }

    private static byte[] flipped(byte[] bytes) {
        byte[] flipped = bytes.clone();
        flipped[bytes.length / 2] ^= 1;
        return flipped;
    }

    private void assertDamaged(String name, byte[] bytes) throws IOException {
        put(name, bytes);
        assertThatThrownBy(() -> Listed.of(source()))
                .as("%s, %d bytes", name, bytes.length)
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.BAD_DATA))
                .hasMessageContaining(name)
                .hasMessageContaining("truncated or damaged");
        Files.delete(folder.resolve(name));
    }

    @Test
    void aFaultOfTheSourceIsNotTakenForDamage() throws Exception {
        put("a.tar.gz", gzip(TAR));
        FileSource.SourceFile file = Listed.of(source()).one();
        FileSource failing = new UnpackingSource(
                new ForwardingSource(FolderSource.open(folder.toString())) {
                    @Override
                    public InputStream open(SourceFile each, long offset) throws IOException {
                        return new FilterInputStream(super.open(each, offset)) {
                            private int left = 1000;

                            @Override
                            public int read(byte[] into, int at, int length) throws IOException {
                                if (left <= 0) {
                                    throw new IOException("Stale file handle");
                                }
                                int read = in.read(into, at, Math.min(left, length));
                                left -= read;
                                return read;
                            }
                        };
                    }
                },
                new UnpackedShards(Optional.of(new RangeCache(cached.resolve("empty"), 256 << 20, "set"))));
        assertThatThrownBy(() -> failing.read(file, 0, 10))
                .isInstanceOf(IOException.class)
                .isNotInstanceOf(ChangedFileException.class)
                .hasMessageContaining("Stale file handle");
    }

    @Test
    void aCacheTooSmallForAllShardsIsNamedBeforeItThrashes() throws Exception {
        for (int i = 0; i < 8; i++) {
            byte[] tar = new byte[4 << 20];
            new SplittableRandom(i).nextBytes(tar);
            put("s-" + i + ".tar.gz", gzip(tar));
        }
        assertThatThrownBy(() -> Listed.of(source(Optional.of(new RangeCache(cached, 32 << 20, "set")))))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.NO_INPUT))
                .hasMessageContaining("Raise data.cache.size");
    }

    /** A few kilobytes that unpack to gigabytes. */
    @Test
    void aBombIsBoundedByTheCache() throws Exception {
        byte[] zeros = new byte[64 << 20];
        put("bomb.tar.zst", zstd(zeros, zeros));
        assertThatThrownBy(() -> Listed.of(source(Optional.of(new RangeCache(cached, 32 << 20, "set")))))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("bomb.tar.zst");
    }

    @Test
    void aReplacedShardIsNamed() throws Exception {
        put("a.tar.gz", gzip(TAR));
        FileSource.SourceFile file = Listed.of(source()).one();
        put("a.tar.gz", gzip(Arrays.copyOf(TAR, BLOCK)));
        FileSource fresh = source(Optional.of(new RangeCache(cached.resolve("empty"), 256 << 20, "set")));
        assertThatThrownBy(() -> fresh.read(file, 0, 10)).isInstanceOf(ChangedFileException.class);
    }

    @Test
    void withoutACacheATemporaryFolderIsUsedAndRemoved() throws Exception {
        put("a.tar.gz", gzip(TAR));
        UnpackedShards shards = new UnpackedShards(Optional.empty());
        Path temporary;
        try (FileSource source = new UnpackingSource(FolderSource.open(folder.toString()), shards)) {
            FileSource.SourceFile file = Listed.of(source).one();
            assertThat(source.read(file, 5, 10)).isEqualTo(Arrays.copyOfRange(TAR, 5, 15));
            temporary = shards.folder();
            assertThat(temporary).isDirectory();
        }
        assertThat(temporary).doesNotExist();
        assertThat(temporary.getParent()).doesNotExist();
    }
}
