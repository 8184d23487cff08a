package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RangeCacheTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path folder;

    private static byte[] content(int seed, int length) {
        byte[] bytes = new byte[length];
        new SplittableRandom(seed).nextBytes(bytes);
        return bytes;
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    private long bytes() throws IOException {
        long bytes = 0;
        for (Path file : files()) {
            bytes += (Files.size(file) + 4095) / 4096 * 4096;
        }
        return bytes;
    }

    @Test
    void anotherProcessFindsWhatWasKept() throws Exception {
        try (RangeCache cache = new RangeCache(folder, 64 * MIB, "set")) {
            assertThat(cache.get("a", 1000)).isEmpty();
            cache.put("a", content(1, 1000));
            cache.put("b", new byte[0]);
        }
        try (RangeCache cache = new RangeCache(folder, 64 * MIB, "set")) {
            assertThat(cache.get("a", 1000)).contains(content(1, 1000));
            assertThat(cache.get("b", 0)).contains(new byte[0]);
            assertThat(cache.get("c", 1000)).isEmpty();
            assertThat(cache.use()).isEqualTo(new RangeCache.Use(2, 1));
        }
    }

    /** Every byte of an entry counts, and so does its length. */
    @Test
    void aDamagedEntryIsNoneAndIsRemoved() throws Exception {
        RangeCache cache = new RangeCache(folder, 64 * MIB, "set");
        for (int at = 0; at < 50; at++) {
            cache.put("a", content(1, 18));
            Path file = files().get(0);
            byte[] stored = Files.readAllBytes(file);
            stored[at] ^= 1;
            Files.write(file, stored);
            assertThat(cache.get("a", 18)).as("byte %d", at).isEmpty();
            assertThat(file).doesNotExist();
        }
        cache.put("a", content(1, 18));
        Files.write(files().get(0), new byte[20]);
        assertThat(cache.get("a", 18)).isEmpty();
    }

    @Test
    void anEntryUnderAnotherNameIsDamage() throws Exception {
        RangeCache cache = new RangeCache(folder, 64 * MIB, "set");
        cache.put("a", content(1, 100));
        Path first = files().get(0);
        byte[] stored = Files.readAllBytes(first);
        cache.put("b", content(2, 100));
        Path second =
                files().stream().filter(file -> !file.equals(first)).findFirst().orElseThrow();
        Files.write(second, stored);
        assertThat(cache.get("b", 100)).isEmpty();
    }

    @Test
    void theSizeIsKeptWhateverIsAdded() throws Exception {
        long size = 16 * MIB;
        RangeCache cache = new RangeCache(folder, size, "set");
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < 1500; i++) {
            cache.put("entry " + i, content(i, random.nextInt(30_000)));
        }
        assertThat(bytes()).isLessThanOrEqualTo(size).isGreaterThan(size / 2);
    }

    @Test
    void severalProcessesStayWithinTheSizeTogether() throws Exception {
        long size = 16 * MIB;
        CompletableFuture<?>[] processes = new CompletableFuture<?>[4];
        for (int p = 0; p < processes.length; p++) {
            int process = p;
            processes[p] = CompletableFuture.runAsync(() -> {
                RangeCache cache = new RangeCache(folder, size, "set");
                for (int i = 0; i < 400; i++) {
                    int entry = (i * 7 + process * 3) % 1000;
                    cache.get("entry " + entry, 20_000)
                            .ifPresent(found -> assertThat(found).isEqualTo(content(entry, 20_000)));
                    cache.put("entry " + entry, content(entry, 20_000));
                }
                assertThat(cache.isOff()).isFalse();
            });
        }
        CompletableFuture.allOf(processes).join();
        // each may add a tenth of a share before it counts what the others have added
        assertThat(bytes()).isLessThanOrEqualTo(size + size * processes.length / 10);
    }

    /** Shuffled epochs: with what was used least recently making room, only 3 % of the reads would find their bytes. */
    @Test
    void aQuarterOfTheSetAnswersAQuarterOfTheReads() {
        int samples = 2000; // of 20,480 bytes on disk
        RangeCache cache = new RangeCache(folder, samples * 20_480L / 4, "set");
        List<Integer> order =
                new ArrayList<>(IntStream.range(0, samples).boxed().toList());
        Random random = new Random(8);
        long before = 0;
        for (int epoch = 0; epoch < 3; epoch++) {
            before = cache.use().hits();
            Collections.shuffle(order, random);
            for (int sample : order) {
                if (cache.get("sample " + sample, 20_000).isEmpty()) {
                    cache.put("sample " + sample, content(sample, 20_000));
                }
            }
        }
        assertThat(cache.use().hits() - before).isBetween(samples / 5L, samples / 4L);
    }

    /** In each sub-folder nothing that was used again goes before all that was not. */
    @Test
    void whatAnotherSetHasNotUsedForAnHourMakesRoomTheOldestFirst() throws Exception {
        RangeCache other = new RangeCache(folder, 16 * MIB, "other"); // a share of 256 KiB holds twelve of 20 kB
        for (int i = 0; i < 300; i++) {
            other.put("old " + i, content(i, 20_000));
        }
        List<Path> old = files();
        List<Path> oldest = IntStream.range(0, old.size())
                .filter(i -> i % 2 == 0)
                .mapToObj(old::get)
                .toList();
        setUsed(old, Duration.ofHours(2));
        setUsed(oldest, Duration.ofHours(3));
        RangeCache cache = new RangeCache(folder, 16 * MIB, "set");
        for (int i = 0; i < 450; i++) {
            cache.put("new " + i, content(i, 20_000));
        }
        assertThat(oldest.stream().filter(file -> !Files.exists(file))).hasSizeGreaterThan(20);
        for (Path gone : old) {
            if (!Files.exists(gone) && !oldest.contains(gone)) {
                assertThat(oldest)
                        .noneMatch(file -> Files.exists(file) && Objects.equals(file.getParent(), gone.getParent()));
            }
        }
        assertThat(bytes()).isLessThanOrEqualTo(16 * MIB);
    }

    @Test
    void whatAnotherSetHasUsedAnHourAgoStaysAndWhatNobodyUsedForAWeekGoes() throws Exception {
        RangeCache other = new RangeCache(folder, 4 * MIB, "other");
        for (int i = 0; i < 400; i++) {
            other.put("old " + i, content(i, 20_000));
        }
        List<Path> old = files();
        setUsed(old, Duration.ofMinutes(50));
        RangeCache cache = new RangeCache(folder, 4 * MIB, "set");
        for (int i = 0; i < 300; i++) {
            cache.put("new " + i, content(i, 20_000));
        }
        assertThat(old).allMatch(Files::exists);
        setUsed(old, Duration.ofDays(8));
        RangeCache again = new RangeCache(folder, 4 * MIB, "other");
        for (int i = 400; i < 800; i++) {
            again.put("old " + i, content(i, 20_000));
        }
        assertThat(old.stream().filter(file -> !Files.exists(file))).hasSizeGreaterThan(50);
    }

    private static void setUsed(List<Path> files, Duration ago) throws IOException {
        for (Path file : files) {
            Files.setLastModifiedTime(file, FileTime.fromMillis(System.currentTimeMillis() - ago.toMillis()));
        }
    }

    @Test
    void aFullDiskTurnsTheCacheOffAndKeepsWhatIsThere() throws Exception {
        AtomicInteger writes = new AtomicInteger();
        RangeCache cache = new RangeCache(folder, 64 * MIB, "set", (file, bytes) -> {
            if (writes.incrementAndGet() > 1) {
                Files.write(file, new byte[10]);
                throw new IOException("No space left on device");
            }
            Files.write(file, bytes);
        });
        cache.put("a", content(1, 1000));
        cache.put("b", content(2, 1000));
        cache.put("c", content(3, 1000));
        assertThat(cache.isOff()).isTrue();
        assertThat(writes).hasValue(2);
        assertThat(cache.get("a", 1000)).contains(content(1, 1000));
        assertThat(cache.get("b", 1000)).isEmpty();
        assertThat(files()).hasSize(1);
    }

    @Test
    void aFolderThatCannotBeWrittenTurnsTheCacheOff() throws Exception {
        Path file = Files.writeString(folder.resolve("file"), "");
        RangeCache cache = new RangeCache(file, 64 * MIB, "set");
        cache.put("a", content(1, 1000));
        assertThat(cache.isOff()).isTrue();
        assertThat(cache.get("a", 1000)).isEmpty();
    }

    @Test
    void anEntryLargerThanAShareIsNotKept() throws Exception {
        RangeCache cache = new RangeCache(folder, 64 * MIB, "set");
        cache.put("large", new byte[(int) (2 * MIB)]);
        assertThat(files()).isEmpty();
        assertThat(cache.isOff()).isFalse();
    }

    @Test
    void unfinishedFilesOfDeadProcessesAreRemoved() throws Exception {
        RangeCache cache = new RangeCache(folder, 64 * MIB, "set");
        for (int i = 0; i < 200; i++) {
            cache.put("entry " + i, content(i, 100));
        }
        Path share = Objects.requireNonNull(files().get(0).getParent());
        Path dead = Files.write(share.resolve("x.tmp"), new byte[100]);
        Files.setLastModifiedTime(dead, FileTime.fromMillis(System.currentTimeMillis() - 2 * 3_600_000));
        Path alive = Files.write(share.resolve("y.tmp"), new byte[100]);
        RangeCache next = new RangeCache(folder, 64 * MIB, "set");
        for (int i = 200; i < 600; i++) {
            next.put("entry " + i, content(i, 100));
        }
        assertThat(dead).doesNotExist();
        assertThat(alive).exists();
    }
}
