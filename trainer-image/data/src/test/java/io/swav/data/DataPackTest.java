package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import io.swav.data.PackPlan.PackLayout;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Tests packing: the folder has the earlier set or the later one, whole, whatever happens. */
class DataPackTest {
    private static final long SEED = Long.getLong("swav.kills.seed", 31);

    @TempDir
    private Path folder;

    private final StringWriter said = new StringWriter();

    @Test
    void packsTheSameBytesWithAnyNumberOfThreads() throws IOException {
        Path images = images("in", 57, "ant", "bee", "cow");
        assertThat(pack(images, "a", "--threads", "1", "--per-shard", "10")).isZero();
        assertThat(pack(images, "b", "--threads", "5", "--per-shard", "10")).isZero();
        assertThat(files(folder.resolve("b"))).isEqualTo(files(folder.resolve("a")));
        assertThat(folder.resolve("b/shard-000005.tar")).exists();
        try (DataSet packed = DataSet.open(folder.resolve("b").toString());
                DataSet source = DataSet.open(images.toString())) {
            assertThat(contents(packed)).isEqualTo(contents(source));
            assertThat(packed.place(0)).as("shuffled").isEqualTo("shard-000000.tar:000000000.jpg");
            assertThat(packed.read(0)).isNotEqualTo(source.read(0));
        }
    }

    @Test
    void packsShardsIntoAFolderAndBack() throws IOException {
        Path images = images("in", 23, "ant", "bee", "cow");
        pack(images, "shards", "--per-shard", "7");
        assertThat(pack(folder.resolve("shards"), "numbers", "--to", "Folder")).isZero();
        assertThat(pack(images, "names", "--to", "Folder")).isZero();
        for (String out : new String[] {"numbers", "names"}) {
            try (DataSet packed = DataSet.open(folder.resolve(out).toString());
                    DataSet source = DataSet.open(images.toString())) {
                assertThat(contents(packed)).as(out).isEqualTo(contents(source));
            }
        }
        assertThat(folder.resolve("names/cow")).isNotEmptyDirectory();
        assertThat(folder.resolve("shards/classes.txt")).hasContent("ant\nbee\ncow\n");
        assertThat(files(folder.resolve("names/cow")).keySet()).allMatch(name -> name.matches("\\d{9}\\.jpg"));
    }

    @Test
    void namesAndCountsImagesThatCannotBeDecoded() throws IOException {
        Path images = images("in", 9, "ant");
        Files.writeString(images.resolve("ant/bad.jpg"), "not an image");
        Path report = folder.resolve("report.json");
        assertThat(pack(images, "out", "--json", report.toString())).isEqualTo(ExitCodes.BAD_DATA);
        assertThat(said.toString())
                .contains("left out: ant/bad.jpg: it does not begin like any of JPEG, PNG")
                .contains("1 of 10 images cannot be decoded and were left out")
                .contains("--max-bad-samples 1");
        assertThat(PackReport.read(folder.resolve("out"))).hasValueSatisfying(of -> {
            assertThat(of.packed()).isEqualTo(9);
            assertThat(of.bad()).extracting(BadSampleLog.BadSample::name).containsExactly("ant/bad.jpg");
            assertThat(of.files()).hasSize(1);
        });
        assertThat(report).hasSameTextualContentAs(folder.resolve("out/pack.json"));
        assertThat(pack(images, "out", "--max-bad-samples", "1")).isZero();
    }

    @Test
    void aSetWithoutAnImageReplacesNothing() throws IOException {
        pack(images("good", 5, "ant"), "out");
        Map<String, String> before = files(folder.resolve("out"));
        Path bad = Files.createDirectories(folder.resolve("bad"));
        Files.writeString(bad.resolve("a.jpg"), "not an image");
        assertThat(pack(bad, "out")).isEqualTo(ExitCodes.BAD_DATA);
        assertThat(files(folder.resolve("out"))).isEqualTo(before);
        assertThat(names(folder)).containsExactlyInAnyOrder("good", "bad", "out");
    }

    @Test
    void continuesAfterAnErrorOfTheSource() throws IOException {
        Path images = images("in", 60, "ant", "bee");
        AtomicInteger reads = new AtomicInteger();
        AtomicBoolean broken = new AtomicBoolean(true);
        try (DataSet source = DataSet.open(images.toString())) {
            DataSet failing = failing(source, reads, broken, 41);
            DataPack pack = new DataPack(failing, folder.resolve("out"), Duration.ZERO);
            assertThatThrownBy(() -> pack.pack("in", PackLayout.Shards, 10, 31, 1, false))
                    .isInstanceOfSatisfying(
                            DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.SOFTWARE))
                    .hasMessageContaining("the same command continues");
            assertThat(folder.resolve("out")).doesNotExist();
            int done = names(folder.resolve(".out.packing/done")).size();
            assertThat(done).isBetween(1, 5);
            reads.set(0);
            broken.set(false);
            pack.pack("in", PackLayout.Shards, 10, 31, 1, false);
            assertThat(reads.get()).isEqualTo(60 - 10 * done);
        }
        pack(images, "whole", "--per-shard", "10");
        Map<String, String> continued = files(folder.resolve("out"));
        Map<String, String> whole = files(folder.resolve("whole"));
        continued.remove(PackReport.NAME); // has the name of the source
        whole.remove(PackReport.NAME);
        assertThat(continued).isEqualTo(whole);
        assertThat(names(folder)).containsExactlyInAnyOrder("in", "out", "whole");
    }

    @Test
    void manyThreadsReportTheFirstFailure() throws IOException {
        Path images = images("in", 60, "ant");
        try (DataSet source = DataSet.open(images.toString())) {
            for (int failure = 0; failure < 60; failure += 7) {
                DataPack pack = new DataPack(
                        failing(source, new AtomicInteger(), new AtomicBoolean(true), failure),
                        folder.resolve("out" + failure), // another one would continue
                        Duration.ZERO);
                assertThatThrownBy(() -> pack.pack("in", PackLayout.Shards, 3, 31, 6, false))
                        .isInstanceOf(DataException.class)
                        .hasMessageContaining("the server is away");
            }
        }
    }

    @Test
    void doesNotContinueWithOtherImagesOrOptions() throws IOException {
        Path images = images("in", 30, "ant", "bee");
        try (DataSet source = DataSet.open(images.toString())) {
            DataPack pack = new DataPack(
                    failing(source, new AtomicInteger(), new AtomicBoolean(true), 25),
                    folder.resolve("out"),
                    Duration.ZERO);
            assertThatThrownBy(() -> pack.pack("in", PackLayout.Shards, 5, 31, 1, false))
                    .isInstanceOf(DataException.class);
        }
        pack(images, "out", "--per-shard", "5", "--seed", "32");
        pack(images, "whole", "--per-shard", "5", "--seed", "32");
        assertThat(files(folder.resolve("out"))).isEqualTo(files(folder.resolve("whole")));
    }

    /** A pack replaces the whole folder. */
    @Test
    void refusesAFolderWithFilesOfOthers() throws IOException {
        Path images = images("in", 5, "ant");
        Path out = Files.createDirectories(folder.resolve("out"));
        for (String foreign : new String[] {"thesis.txt", "mine.tar", "ant/x.jpg"}) {
            Path file = out.resolve(foreign);
            Files.createDirectories(file.getParent());
            Files.writeString(file, "mine");
            assertThat(pack(images, "out")).as(foreign).isEqualTo(ExitCodes.BAD_DATA);
            assertThat(said.toString()).contains("which no pack wrote");
            assertThat(file).hasContent("mine");
            Files.delete(file);
        }
        Files.delete(out.resolve("ant"));
        assertThat(pack(images, "out")).as("an empty folder").isZero();
        Files.delete(out.resolve("pack.json")); // as an earlier version left it
        Files.writeString(Files.createDirectory(out.resolve(".swav")).resolve("index"), "");
        assertThat(pack(images, "out")).as("a set of shards with an index").isZero();
        assertThat(pack(images, "out", "--to", "Folder")).isZero();
        assertThat(pack(images, "out")).as("a set of folders").isZero();
        pack(images, "out", "--to", "Folder");
        Files.writeString(out.resolve("ant/note.txt"), "mine");
        assertThat(pack(images, "out")).as("a note in a set of folders").isEqualTo(ExitCodes.BAD_DATA);
        assertThat(pack(out, "out")).as("onto its own source").isEqualTo(ExitCodes.BAD_DATA);
    }

    @Test
    void keepsTheEarlierSetOnRequest() throws IOException {
        pack(images("one", 5, "ant"), "out");
        Map<String, String> before = files(folder.resolve("out"));
        Path two = images("two", 8, "bee");
        assertThat(pack(two, "out", "--keep-old")).isZero();
        assertThat(files(folder.resolve("out.old"))).isEqualTo(before);
        assertThat(pack(two, "out", "--keep-old")).isZero();
        try (DataSet old = DataSet.open(folder.resolve("out.old").toString())) {
            assertThat(old.size()).isEqualTo(8);
        }
    }

    @Test
    void aLinkStaysALink() throws IOException {
        Path there = Files.createDirectories(folder.resolve("volume/set"));
        Files.createSymbolicLink(folder.resolve("out"), there);
        assertThat(pack(images("in", 5, "ant"), "out")).isZero();
        assertThat(folder.resolve("out")).isSymbolicLink();
        assertThat(there.resolve("shard-000000.tar")).exists();
    }

    @Test
    void refusesASecondProcess() throws IOException {
        Path images = images("in", 5, "ant");
        try (DataSet source = DataSet.open(images.toString())) {
            DataSet packing = new ForwardingDataSet(source) {
                @Override
                public byte[] read(long sample) throws IOException {
                    assertThat(pack(images, "out")).isEqualTo(ExitCodes.CANNOT_WRITE);
                    return super.read(sample);
                }
            };
            new DataPack(packing, folder.resolve("out"), Duration.ZERO).pack("in", PackLayout.Shards, 10, 31, 1, false);
        }
        assertThat(said.toString()).contains("another process packs into " + folder.resolve("out"));
    }

    /** A reader that has the earlier set open reads on, and one that lists the name finds a whole set, at any moment. */
    @Test
    void readersAlwaysFindAWholeSet() throws Exception {
        Path small = images("small", 12, "ant");
        Path large = images("large", 20, "bee");
        pack(large, "out", "--per-shard", "4");
        List<String> ofLarge = names(folder.resolve("out"));
        pack(small, "out", "--per-shard", "4");
        List<String> ofSmall = names(folder.resolve("out"));
        assertThat(ofLarge).hasSize(7);
        assertThat(ofSmall).hasSize(5);
        AtomicBoolean end = new AtomicBoolean();
        CompletableFuture<Integer> reader = CompletableFuture.supplyAsync(() -> {
            int listed = 0;
            while (!end.get()) {
                assertThat(names(folder.resolve("out"))).isIn(ofSmall, ofLarge);
                listed++;
            }
            return listed;
        });
        try (DataSet before = DataSet.open(folder.resolve("out").toString())) {
            List<String> contents = contents(before);
            for (int i = 0; i < 15; i++) {
                pack(i % 2 == 0 ? large : small, "out", "--per-shard", "4");
            }
            assertThat(contents(before)).isEqualTo(contents);
        } finally {
            end.set(true);
        }
        assertThat(reader.get(1, TimeUnit.MINUTES)).isGreaterThan(100);
    }

    /** Where names cannot be exchanged, a process that ends between two renames leaves what the next one repairs. */
    @Test
    void bringsTheEarlierSetBackAfterHalfASwitch() throws IOException {
        Path images = images("in", 5, "ant");
        pack(images, "out");
        Path work = Files.createDirectory(folder.resolve(".out.packing"));
        Files.move(folder.resolve("out"), work.resolve("earlier"));
        Path bad = Files.createDirectories(folder.resolve("bad"));
        Files.writeString(bad.resolve("a.jpg"), "not an image");
        assertThat(pack(bad, "out")).isEqualTo(ExitCodes.BAD_DATA);
        try (DataSet restored = DataSet.open(folder.resolve("out").toString())) {
            assertThat(restored.size()).isEqualTo(5);
        }
    }

    @Test
    void linuxExchangesTwoFolders() throws IOException {
        Path one = Files.createDirectory(folder.resolve("one"));
        Path other = Files.createDirectory(folder.resolve("ötherwise"));
        Files.writeString(one.resolve("of one"), "");
        Files.writeString(other.resolve("of the other"), "");
        assertThat(LinuxFiles.exchange(one, other)).isTrue();
        assertThat(names(one)).containsExactly("of the other");
        assertThat(names(other)).containsExactly("of one");
        assertThat(LinuxFiles.exchange(one, folder.resolve("missing"))).isFalse();
    }

    @Test
    void replacesAFolderWhereNamesCannotBeExchanged() throws IOException {
        Path target = folder.resolve("target");
        Path fresh = folder.resolve("fresh");
        Path earlier = folder.resolve("earlier");
        Files.createDirectory(target);
        Files.writeString(target.resolve("old"), "");
        assertThatThrownBy(() -> FolderSwitch.replace(fresh, target, earlier, (one, other) -> false))
                .as("nothing there to replace it")
                .isInstanceOf(IOException.class);
        assertThat(names(target)).containsExactly("old");
        Files.createDirectory(fresh);
        Files.writeString(fresh.resolve("new"), "");
        FolderSwitch.replace(fresh, target, earlier, (one, other) -> false);
        assertThat(names(target)).containsExactly("new");
        assertThat(names(earlier)).containsExactly("old");
    }

    @Test
    void aKilledPackLeavesTheEarlierSetOrTheLaterOne() throws Exception {
        SplittableRandom random = new SplittableRandom(SEED);
        Path small = images("small", 12, "ant");
        Path large = images("large", 150, "bee", "cow");
        pack(small, "out", "--per-shard", "2");
        Map<String, String> earlier = files(folder.resolve("out"));
        pack(large, "whole", "--per-shard", "2");
        Map<String, String> later = files(folder.resolve("whole"));
        int killed = 0;
        for (int i = 0; i < Integer.getInteger("swav.kills", 6); i++) {
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-XX:+UseSerialGC",
                            "-XX:TieredStopAtLevel=1",
                            "-cp",
                            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                            PackProcess.class.getName(),
                            large.toString(),
                            "--out",
                            folder.resolve("out").toString(),
                            "--per-shard",
                            "2")
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("log").toFile())
                    .start();
            while (process.isAlive() && !Files.exists(folder.resolve(".out.packing/set"))) {
                LockSupport.parkNanos(1_000_000);
            }
            LockSupport.parkNanos(random.nextLong(TimeUnit.MILLISECONDS.toNanos(400)));
            killed += process.isAlive() ? 1 : 0;
            process.toHandle().destroyForcibly();
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(files(folder.resolve("out")))
                    .as("seed %d, kill %d", SEED, i)
                    .isIn(earlier, later);
            if (files(folder.resolve("out")).equals(later)) {
                pack(small, "out", "--per-shard", "2");
                assertThat(files(folder.resolve("out"))).isEqualTo(earlier);
            }
        }
        assertThat(killed).as("processes that were killed before their end").isPositive();
        assertThat(pack(large, "out", "--per-shard", "2")).isZero();
        assertThat(files(folder.resolve("out"))).isEqualTo(later);
        assertThat(folder.resolve(".out.packing")).doesNotExist();
    }

    /** Packs in a process of its own. */
    static final class PackProcess {
        private PackProcess() {}

        public static void main(String[] arguments) {
            System.exit(new CommandLine(new DataPackCommand()).execute(arguments));
        }
    }

    private int pack(Path source, String out, String... options) {
        String[] arguments = Stream.concat(
                        Stream.of(
                                source.toString(), "--out", folder.resolve(out).toString()),
                        Arrays.stream(options))
                .toArray(String[]::new);
        DataPackCommand command = new DataPackCommand();
        command.listing = Duration.ofMillis(50);
        return new CommandLine(command)
                .setErr(new PrintWriter(said, true))
                .setOut(new PrintWriter(new StringWriter()))
                .setExecutionExceptionHandler((failure, of, parsed) -> {
                    said.append(String.valueOf(failure.getMessage()));
                    return failure instanceof DataException exit ? exit.exitCode() : ExitCodes.SOFTWARE;
                })
                .execute(arguments);
    }

    private Path images(String name, int count, String... classes) throws IOException {
        Path in = folder.resolve(name);
        for (int i = 0; i < count; i++) {
            Path file = in.resolve(classes[i % classes.length]).resolve("%03d.jpg".formatted(i));
            Files.createDirectories(file.getParent());
            Files.write(file, DataSetTest.image(i));
        }
        return in;
    }

    private static DataSet failing(DataSet source, AtomicInteger reads, AtomicBoolean broken, int failure) {
        return new ForwardingDataSet(source) {
            @Override
            public byte[] read(long sample) throws IOException {
                if (broken.get() && sample == failure) {
                    throw new IOException("the server is away");
                }
                reads.incrementAndGet();
                return super.read(sample);
            }
        };
    }

    /** The images with their labels, in any order. */
    private static List<String> contents(DataSet data) throws IOException {
        String[] contents = new String[Math.toIntExact(data.size())];
        for (int sample = 0; sample < contents.length; sample++) {
            contents[sample] = data.label(sample) + " " + Arrays.hashCode(data.read(sample));
        }
        Arrays.sort(contents);
        return List.of(contents);
    }

    private static Map<String, String> files(Path of) throws IOException {
        Map<String, String> files = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(of)) {
            for (Path file : walk.filter(Files::isRegularFile).toList()) {
                files.put(
                        of.relativize(file).toString(), Integer.toHexString(Arrays.hashCode(Files.readAllBytes(file))));
            }
        }
        return files;
    }

    private static List<String> names(Path of) {
        try (Stream<Path> entries = Files.list(of)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
