package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.torch.TorchRuntime;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests data that was made to exhaust or mislead its reader. */
@Timeout(3600)
class HostileDataTest {
    private static final long GIGABYTES = 5L << 30;

    @TempDir
    private Path folder;

    @Test
    void linksAndDevicesInTarsAreNoImages() throws IOException {
        try (TarArchiveOutputStream tar = tar("s.tar")) {
            put(tar, "a.jpg", DataSetTest.image(1));
            for (byte type : new byte[] {
                TarConstants.LF_LINK,
                TarConstants.LF_SYMLINK,
                TarConstants.LF_CHR,
                TarConstants.LF_BLK,
                TarConstants.LF_FIFO
            }) {
                TarArchiveEntry entry = new TarArchiveEntry("b" + (char) type + ".jpg", type);
                entry.setLinkName("/etc/passwd");
                tar.putArchiveEntry(entry);
                tar.closeArchiveEntry();
            }
            TarArchiveEntry label = new TarArchiveEntry("a.cls", TarConstants.LF_SYMLINK);
            label.setLinkName("/etc/hostname");
            tar.putArchiveEntry(label);
            tar.closeArchiveEntry();
        }
        try (DataSet data = DataSet.open(folder.toString())) {
            assertThat(data.size()).isEqualTo(1);
            assertThat(data.label(0)).isEqualTo(DataSet.UNLABELLED);
        }
    }

    /** The bytes are really there, as a hole in the file: a claim past the end of the file is a truncated one. */
    @Test
    void entriesOfGigabytesAreNotReadIntoMemory() throws IOException {
        sparse("s.tar", "a.jpg", TarConstants.LF_NORMAL);
        try (DataSet data = DataSet.open(folder.toString())) {
            assertThatThrownBy(() -> data.read(0))
                    .isInstanceOf(BadImageException.class)
                    .hasMessageContaining("it has 5120 MB, this process reads at most");
        }
        sparse("s.tar", "a.cls", TarConstants.LF_NORMAL);
        assertRefused("entry a.cls holds 5368709120 bytes instead of a class number");
        for (byte type : new byte[] {
            TarConstants.LF_GNUTYPE_LONGNAME, TarConstants.LF_GNUTYPE_LONGLINK, TarConstants.LF_PAX_EXTENDED_HEADER_LC
        }) {
            sparse("s.tar", "name", type);
            assertRefused("s.tar is not a readable tar file");
        }
    }

    private void sparse(String file, String name, byte type) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name, type);
        entry.setSize(GIGABYTES);
        byte[] header = new byte[512];
        entry.writeEntryHeader(header);
        Path path = folder.resolve(file);
        Files.write(path, header);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            TarArchiveEntry after = new TarArchiveEntry("z.jpg");
            after.setSize(1);
            after.writeEntryHeader(header);
            channel.write(ByteBuffer.wrap(header), 512 + GIGABYTES);
            channel.write(ByteBuffer.wrap(new byte[3 * 512]), 2 * 512 + GIGABYTES);
        }
    }

    @Test
    void filesThatAreNoFilesAreNotRead() throws Exception {
        Files.write(folder.resolve("a.jpg"), DataSetTest.image(1));
        Files.createDirectory(folder.resolve("b.jpg"));
        Files.createSymbolicLink(folder.resolve("c.jpg"), Path.of("/dev/zero"));
        Files.createSymbolicLink(folder.resolve("d.jpg"), folder.resolve("a.jpg"));
        Process mkfifo = new ProcessBuilder("mkfifo", folder.resolve("e.jpg").toString()).start();
        assertThat(mkfifo.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(mkfifo.exitValue()).isZero();
        try (FileChannel huge =
                FileChannel.open(folder.resolve("f.jpg"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            huge.write(ByteBuffer.wrap(new byte[1]), GIGABYTES);
        }
        try (DataSet data = DataSet.open(folder.toString())) {
            assertThat(data.size()).isEqualTo(5); // all but the pipe
            assertThat(data.read(0)).isEqualTo(data.read(3));
            assertThatThrownBy(() -> data.read(1))
                    .isInstanceOf(BadImageException.class)
                    .hasMessageContaining("an empty folder");
            assertThatThrownBy(() -> data.read(2))
                    .isInstanceOf(BadImageException.class)
                    .hasMessageContaining("a link to something other than a file");
            assertThatThrownBy(() -> data.read(4))
                    .isInstanceOf(BadImageException.class)
                    .hasMessageContaining("it has 5120 MB");
        }
    }

    /** They are counted with the undecodable ones, and the first beyond data.maxBadSamples ends the training. */
    @Test
    void trainingSkipsAndCountsImagesThatAreTooLarge() throws Exception {
        TorchRuntime.start();
        try (ShardWriter writer = new ShardWriter(folder, "s", 100)) {
            for (int i = 0; i < 16; i++) {
                byte[] bomb = "P6 60000 60000 255\n".getBytes(StandardCharsets.US_ASCII);
                writer.add(
                        "key%03d".formatted(i),
                        i % 8 == 0 ? bomb : DataSetTest.image(i),
                        i % 8 == 0 ? "ppm" : "jpg",
                        0);
            }
        }
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec(2, ""));
                NDManager manager = NDManager.newBaseManager()) {
            for (int group = 0; group < 4; group++) {
                batches.group(manager, 0, group);
            }
            assertThat(batches.skipped()).isEqualTo(2);
        }
        assertSkipsTooMany(spec(1, ""), "its header says 60000 x 60000 pixels, more than data.maxPixels (67108864)");
        assertSkipsTooMany(spec(3, ", \"maxPixels\": 100"), "16 x 16 pixels, more than data.maxPixels (100)");
    }

    private static void assertSkipsTooMany(SwavJobSpec spec, String why) {
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec);
                NDManager manager = NDManager.newBaseManager()) {
            assertThatThrownBy(() -> {
                        for (int group = 0; group < 4; group++) {
                            batches.group(manager, 0, group);
                        }
                    })
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("more than data.maxBadSamples")
                    .hasMessageContaining("s-000000.tar:key0")
                    .hasMessageContaining(why);
        }
    }

    @Test
    void noViewIsMadeOfAnImageThatIsTooLarge() throws Exception {
        Files.write(folder.resolve("a.ppm"), "P6 60000 60000 255\n".getBytes(StandardCharsets.US_ASCII));
        CenterCrop view = new CenterCrop(spec(0, ""));
        try (DataSet data = DataSet.open(folder.toString())) {
            assertThatThrownBy(() -> view.read(
                            data, 0, ByteBuffer.allocate(4 * 3 * 16 * 16).asFloatBuffer()))
                    .isInstanceOf(BadImageException.class)
                    .hasMessageContaining("its header says 60000 x 60000 pixels");
        }
    }

    private SwavJobSpec spec(int maxBad, String more) throws IOException {
        String json = """
                {"data": {"uri": "%s", "maxBadSamples": %d, "workers": 1%s},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}],
                 "training": {"globalBatch": 16, "groupSize": 4, "epochs": 10}}
                """.formatted(folder.toUri(), maxBad, more);
        return SpecLoader.complete("test", new ObjectMapper().readTree(json));
    }

    @Test
    void mutatedTarHeadersAreReadOrRefused() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes, "UTF-8")) {
            tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
            put(tar, "a.jpg", DataSetTest.image(1));
            put(tar, "a.cls", new byte[] {'7'});
            put(tar, "x".repeat(150) + ".jpg", DataSetTest.image(2));
        }
        byte[] whole = bytes.toByteArray();
        SplittableRandom random = new SplittableRandom(31);
        for (int round = 0; round < Fuzz.ROUNDS; round++) {
            byte[] mutated = Fuzz.mutate(whole, whole.length, random);
            if (random.nextBoolean()) {
                checksums(mutated); // otherwise most mutations are refused at once
            }
            Files.write(folder.resolve("s.tar"), mutated);
            try (DataSet data = DataSet.open(folder.toString())) {
                for (int sample = 0; sample < data.size(); sample++) {
                    read(data, sample);
                }
            } catch (DataException e) {
                assertThat(e.getMessage()).as("seed 31, round %d", round).contains("s.tar");
            }
        }
    }

    private static void read(DataSet data, int sample) throws IOException {
        try {
            assertThat(ImageCodec.decode(data.read(sample), ImageLimits.standard()))
                    .isNotNull();
        } catch (BadImageException e) {
            assertThat(e.getMessage()).isNotBlank();
        }
    }

    /** Writes the checksum of every record that may be a header. */
    private static void checksums(byte[] tar) {
        for (int at = 0; at + 512 <= tar.length; at += 512) {
            if (new String(tar, at + 257, 5, StandardCharsets.US_ASCII).equals("ustar")) {
                Arrays.fill(tar, at + 148, at + 156, (byte) ' ');
                int sum = 0;
                for (int i = 0; i < 512; i++) {
                    sum += tar[at + i] & 0xff;
                }
                byte[] digits = "%06o\0 ".formatted(sum).getBytes(StandardCharsets.US_ASCII);
                System.arraycopy(digits, 0, tar, at + 148, digits.length);
            }
        }
    }

    private TarArchiveOutputStream tar(String file) throws IOException {
        return new TarArchiveOutputStream(Files.newOutputStream(folder.resolve(file)));
    }

    private static void put(TarArchiveOutputStream tar, String name, byte[] bytes) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(bytes.length);
        tar.putArchiveEntry(entry);
        tar.write(bytes);
        tar.closeArchiveEntry();
    }

    private void assertRefused(String message) {
        assertThatThrownBy(() -> DataSet.open(folder.toString()).close())
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.BAD_DATA))
                .hasMessageContaining(message);
    }
}
