package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.data.FileSource.SourceFile;
import io.swav.data.Inventory.Layout;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IndexFileTest {
    private static final Inventory INVENTORY = new Inventory(
            Layout.Shards, 3, 2, 5, 2, 60, List.of(new Inventory.Ignored("hidden", 1, List.of(".x"))), List.of("odd"));

    @TempDir
    private Path folder;

    private Path written() throws IOException {
        try (IndexWriter writer = new IndexWriter(folder)) {
            writer.addFile(new SourceFile("a.tar", 2048, "1"));
            writer.addEntry("é.jpg", 512, 10, 4);
            writer.addEntry("b.jpg", 1024, 20, DataSet.UNLABELLED);
            writer.addFile(new SourceFile("b.tar", 5L << 40, "2"));
            writer.addEntry("c.jpg", 3L << 40, 30, -2);
            return writer.finish(meta(writer.fingerprint()), label -> label == -2 ? 0 : label);
        }
    }

    private static IndexMeta meta(DataFingerprint fingerprint) {
        return new IndexMeta("/d", "s", fingerprint, INVENTORY, List.of("ant"), "", Map.of("", "7"), List.of());
    }

    @Test
    void readsWhatWasWritten() throws IOException {
        Path file = written();
        IndexFile index = IndexFile.open(file);
        Files.delete(file); // it stays mapped
        assertThat(index.samples()).isEqualTo(3);
        assertThat(index.files()).isEqualTo(2);
        assertThat(index.name(0)).isEqualTo("é.jpg");
        assertThat(index.offset(1)).isEqualTo(1024);
        assertThat(index.bytes(1)).isEqualTo(20);
        assertThat(index.label(1)).isEqualTo(DataSet.UNLABELLED);
        assertThat(index.label(2)).isZero();
        assertThat(index.offset(2)).isEqualTo(3L << 40);
        assertThat(index.sourceFile(index.file(0))).isEqualTo(new SourceFile("a.tar", 2048, "1"));
        assertThat(index.sourceFile(index.file(2))).isEqualTo(new SourceFile("b.tar", 5L << 40, "2"));
        assertThat(index.meta().inventory()).isEqualTo(INVENTORY);
        assertThat(index.meta().folders()).isEqualTo(Map.of("", "7"));
        assertThatThrownBy(() -> index.offset(3)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> index.offset(-1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(folder).as("temporary files").isEmptyDirectory();
    }

    @Test
    void refusesEveryDamage() throws IOException {
        byte[] whole = Files.readAllBytes(written());
        Path damaged = folder.resolve("damaged");
        SplittableRandom random = new SplittableRandom(31);
        for (int round = 0; round < 200; round++) {
            byte[] bytes = whole.clone();
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            Files.write(damaged, bytes);
            assertThatThrownBy(() -> IndexFile.open(damaged))
                    .as("seed 31, round %d", round)
                    .isInstanceOf(IndexFile.UnusableIndexException.class);
        }
        for (int length = 0; length < whole.length; length += 7) {
            Files.write(damaged, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> IndexFile.open(damaged)).isInstanceOf(IndexFile.UnusableIndexException.class);
        }
    }

    /** The file has holes in place of all samples but the last. */
    @Test
    void holdsMoreSamplesThanAnIntCounts() throws IOException {
        long samples = (1L << 31) + 5;
        byte[] json = IndexFile.JSON.writeValueAsBytes(meta(new DataFingerprint(samples, "0")));
        byte[] name = "last.jpg".getBytes(StandardCharsets.UTF_8);
        long names = IndexFile.HEADER + IndexFile.RECORD * (samples + 1);
        Path file = folder.resolve("large");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            write(
                    channel,
                    0,
                    buffer(IndexFile.HEADER)
                            .putLong(IndexFile.MAGIC)
                            .putLong(samples)
                            .putLong(1)
                            .putLong(names)
                            .putLong(names + 100)
                            .putLong(json.length));
            write(
                    channel,
                    IndexFile.HEADER + IndexFile.RECORD * (samples - 1),
                    buffer(IndexFile.RECORD)
                            .putLong(7)
                            .putLong(8)
                            .putLong(0)
                            .putInt(0)
                            .putInt(9));
            write(channel, names, buffer(100).putInt(name.length).put(name));
            write(channel, names + 100, buffer(json.length).put(json));
        }
        IndexFile index = IndexFile.map(file);
        assertThat(index.samples()).isEqualTo(samples);
        assertThat(index.name(samples - 1)).isEqualTo("last.jpg");
        assertThat(index.offset(samples - 1)).isEqualTo(7);
        assertThat(index.label(samples - 1)).isEqualTo(9);

        Sampler sampler = new Sampler(samples, 1 << 20, 3);
        assertThat(sampler.stepsPerEpoch()).isEqualTo(samples >> 20);
        long position = sampler.firstPosition(samples / (1 << 20) - 1);
        assertThat(position).isPositive();
        assertThat(sampler.sampleAt(0, position)).isBetween(0L, samples - 1);
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes);
    }

    private static void write(FileChannel channel, long at, ByteBuffer bytes) throws IOException {
        channel.write(bytes.rewind(), at);
    }

    @Test
    void labelsAreMappedInEveryBlock() throws IOException {
        int samples = 5000; // more than a block of records
        IntUnaryOperator doubled = label -> 2 * label;
        Path file;
        try (IndexWriter writer = new IndexWriter(folder)) {
            for (int i = 0; i < samples; i++) {
                writer.addImage(new SourceFile(i + ".jpg", i, ""), i);
            }
            file = writer.finish(meta(writer.fingerprint()), doubled);
        }
        IndexFile index = IndexFile.open(file);
        for (int i = 0; i < samples; i++) {
            assertThat(index.label(i)).isEqualTo(2 * i);
            assertThat(index.name(i)).isEqualTo(i + ".jpg");
            assertThat(index.sourceFile(index.file(i)).name()).isEqualTo(i + ".jpg");
        }
    }
}
