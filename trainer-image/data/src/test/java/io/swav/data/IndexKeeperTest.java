package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import io.swav.data.BuildClaim.Timing;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests when an index is built, kept and used again. */
@Timeout(3600)
class IndexKeeperTest {
    /** Every index is worth keeping, and none is worth claiming before it is done. */
    private static final Timing ALWAYS = new Timing(Duration.ZERO, Duration.ofMillis(50), Duration.ofMillis(500));

    @TempDir
    private Path folder;

    private Path data;
    private Path work;

    @BeforeEach
    void folders() throws IOException {
        data = Files.createDirectory(folder.resolve("data"));
        work = Files.createDirectory(folder.resolve("work"));
    }

    private IndexKeeper keeper(FileSource source) {
        return new IndexKeeper(source, IndexSettings.DEFAULT, List.of(), work, ALWAYS);
    }

    private IndexKeeper.Opened open() {
        try (FileSource source = FolderSource.open(data.toString())) {
            return keeper(source).open(IndexProgress.NONE);
        }
    }

    @Test
    void isKeptBesideTheDataAndUsedAgainWhereverThatIsMounted() throws IOException {
        DataSetTest.shards(data, 25, 10);
        IndexKeeper.Opened first = open();
        assertThat(first.built()).isTrue();
        assertThat(first.where()).isEqualTo(data.resolve(".swav").toString());
        assertThat(first.index().meta().fingerprint().samples()).isEqualTo(25);

        Path elsewhere = folder.resolve("elsewhere");
        Files.move(data, elsewhere);
        try (FolderSource source = FolderSource.open(elsewhere.toString())) {
            IndexKeeper.Opened second = keeper(source).open(IndexProgress.NONE);
            assertThat(second.built()).isFalse();
            assertThat(second.index().meta().fingerprint())
                    .isEqualTo(first.index().meta().fingerprint());
        }
        try (Stream<Path> left = Files.list(work)) {
            assertThat(left).as("temporary files").isEmpty();
        }
    }

    @Test
    void readsNoShardOfAnIndexThatAgrees() throws IOException {
        DataSetTest.shards(data, 25, 10);
        // not a FolderSource, so it is kept in the folder of this machine
        try (FailingSource source = new FailingSource(FolderSource.open(data.toString()))) {
            assertThat(keeper(source).open(IndexProgress.NONE).built()).isTrue();
            long reads = source.reads.get();
            assertThat(reads).isPositive();
            assertThat(keeper(source).open(IndexProgress.NONE).built()).isFalse();
            assertThat(source.reads.get()).isEqualTo(reads);
        }
    }

    /** A data set of terabytes is indexed from a thousandth of it. */
    @Test
    void readsOfShardsNoMoreThanTheirHeaders() throws IOException {
        try (ShardWriter writer = new ShardWriter(data, "s", 10)) {
            for (int i = 0; i < 20; i++) {
                writer.add("key" + i, new byte[1 << 20], "jpg", i);
            }
        }
        try (FailingSource source = new FailingSource(FolderSource.open(data.toString()))) {
            IndexFile index = keeper(source).open(IndexProgress.NONE).index();
            assertThat(index.samples()).isEqualTo(20);
            assertThat(index.label(19)).isEqualTo(19);
            assertThat(source.bytes.get()).as("of 20 MB").isLessThan((20 * 16) << 10);
        }
    }

    @Test
    void anIndexOfOtherShardsOrSettingsIsNotUsed() throws IOException {
        DataSetTest.shards(data, 25, 10);
        DataFingerprint before = open().index().meta().fingerprint();
        Files.delete(data.resolve("s-000002.tar"));
        assertThat(open().index().samples()).isEqualTo(20);
        DataSetTest.shards(data, 25, 10);
        IndexKeeper.Opened again = open();
        assertThat(again.built()).as("a shard is new").isTrue();
        assertThat(again.index().meta().fingerprint()).isEqualTo(before);

        Files.setLastModifiedTime(data.resolve("s-000001.tar"), FileTime.fromMillis(1_000_000));
        assertThat(open().built()).as("a shard was written again").isTrue();
        assertThat(open().built()).isFalse();
        Files.writeString(data.resolve("classes.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
        assertThat(open().index().meta().classNames()).hasSize(10);
        try (FolderSource source = FolderSource.open(data.toString())) {
            IndexSettings all = IndexSettings.of("*", "");
            assertThat(new IndexKeeper(source, all, List.of(), work, ALWAYS)
                            .open(IndexProgress.NONE)
                            .built())
                    .isTrue();
        }
    }

    @Test
    void listsLooseImagesAgainOnlyIfAFolderChanged() throws IOException {
        for (String name : new String[] {"cat/a.png", "cat/deep/b.png", "dog/c.png"}) {
            Files.createDirectories(data.resolve(name).getParent());
            Files.write(data.resolve(name), new byte[10]);
        }
        try (FailingSource source = new FailingSource(FolderSource.open(data.toString()))) {
            assertThat(keeper(source).open(IndexProgress.NONE).built()).isTrue();
            assertThat(keeper(source).open(IndexProgress.NONE).built()).isFalse();
            assertThat(source.listed.get()).isEqualTo(1);
            Files.write(data.resolve("cat/deep/d.png"), new byte[10]);
            Files.setLastModifiedTime(data.resolve("cat/deep"), FileTime.fromMillis(1_000_000));
            IndexKeeper.Opened again = keeper(source).open(IndexProgress.NONE);
            assertThat(again.built()).isTrue();
            assertThat(again.index().samples()).isEqualTo(4);
        }
        work = Files.createDirectory(folder.resolve("another machine"));
        assertThat(open().built()).as("beside the data").isTrue();
        assertThat(open().built())
                .as("the folder of the index does not count as a change")
                .isFalse();
    }

    /** A trainer must not train on other bytes than its peers, and the next one must not trust the same index. */
    @Test
    void namesDataThatChangedUnderATrainingAndForgetsTheIndex() throws IOException {
        Files.createDirectories(data.resolve("cat"));
        Files.write(data.resolve("cat/a.png"), DataSetTest.image(1));
        open();
        assertThat(open().built()).isFalse();
        try (DataSet set = DataSet.open(data.toString())) {
            byte[] image = set.read(0);
            Files.write(data.resolve("cat/a.png"), new byte[5]);
            assertThatThrownBy(() -> set.read(0))
                    .isInstanceOfSatisfying(
                            DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.SOFTWARE))
                    .hasMessageContaining("cat/a.png changed since it was indexed: 5 bytes instead of " + image.length)
                    .hasMessageContaining("put the earlier file back");
        }
        assertThat(open().built()).isTrue();
        assertThat(open().index().bytes(0)).isEqualTo(5);
    }

    @Test
    void buildsADamagedOrForeignIndexAgain() throws IOException {
        DataSetTest.shards(data, 5, 5);
        open();
        Path kept = onlyFile(data.resolve(".swav"));
        byte[] whole = Files.readAllBytes(kept);
        for (byte[] other : new byte[][] {
            {}, "something else that is long enough ".repeat(10).getBytes(StandardCharsets.UTF_8), damaged(whole)
        }) {
            Files.write(kept, other);
            assertThat(open().built()).isTrue();
            assertThat(open().built()).isFalse();
        }
    }

    private static byte[] damaged(byte[] whole) {
        byte[] bytes = whole.clone();
        bytes[bytes.length / 2] ^= 1;
        return bytes;
    }

    private static Path onlyFile(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> all = files.toList();
            assertThat(all).hasSize(1);
            return all.get(0);
        }
    }

    /** A home that cannot be written to, such as a read-only volume. */
    private record ReadOnlyHome(String uri) implements IndexHome {
        @Override
        public boolean fetch(String name, Path to) {
            return false;
        }

        @Override
        public void store(String name, Path from) throws IOException {
            throw new IOException("Read-only file system");
        }

        @Override
        public Optional<byte[]> read(String name) {
            return Optional.empty();
        }

        @Override
        public void write(String name, byte[] content) throws IOException {
            throw new IOException("Read-only file system");
        }

        @Override
        public void remove(String name) throws IOException {
            throw new IOException("Read-only file system");
        }
    }

    @Test
    void isKeptAtTheFirstHomeThatTakesIt() throws IOException {
        DataSetTest.shards(data, 5, 5);
        IndexHome store = new FolderHome(folder.resolve("store"));
        try (FailingSource source = new FailingSource(FolderSource.open(data.toString()))) {
            List<IndexHome> homes = List.of(new ReadOnlyHome("/mnt/ro"), store);
            IndexKeeper keeper = new IndexKeeper(source, IndexSettings.DEFAULT, homes, work, ALWAYS);
            assertThat(keeper.open(IndexProgress.NONE).where()).isEqualTo(store.uri());
            IndexKeeper.Opened again = keeper.open(IndexProgress.NONE);
            assertThat(again.built()).isFalse();
            assertThat(again.where()).isEqualTo(store.uri());
        }
    }

    /** All of them find no index; without the claim each would read every shard. */
    @Test
    void oneOfManyThatStartTogetherBuildsTheIndex() throws Exception {
        DataSetTest.shards(data, 40, 2);
        List<FailingSource> sources = new ArrayList<>();
        List<CompletableFuture<IndexKeeper.Opened>> starting = new ArrayList<>();
        IndexHome home = new FolderHome(folder.resolve("store"));
        for (int i = 0; i < 6; i++) {
            FailingSource source = new FailingSource(FolderSource.open(data.toString()));
            sources.add(source);
            Path own = Files.createDirectory(folder.resolve("work" + i));
            IndexKeeper keeper = new IndexKeeper(
                    source,
                    IndexSettings.DEFAULT,
                    List.of(home),
                    own,
                    new Timing(Duration.ZERO, Duration.ofMillis(300), Duration.ofSeconds(60)));
            starting.add(CompletableFuture.supplyAsync(
                    () -> keeper.open(IndexProgress.NONE), task -> new Thread(task).start()));
        }
        int built = 0;
        for (CompletableFuture<IndexKeeper.Opened> one : starting) {
            IndexKeeper.Opened opened = one.get(5, TimeUnit.MINUTES);
            assertThat(opened.index().samples()).isEqualTo(40);
            built += opened.built() ? 1 : 0;
        }
        assertThat(built).isEqualTo(1);
        sources.forEach(FailingSource::close);
        assertThat(onlyFile(folder.resolve("store")).toString())
                .as("no claim is left")
                .endsWith(".swavidx");
    }

    @Test
    void anotherTakesOverFromABuilderThatDied() throws IOException {
        DataSetTest.shards(data, 4, 2);
        IndexHome home = new FolderHome(folder.resolve("store"));
        try (FailingSource source = new FailingSource(FolderSource.open(data.toString()))) {
            IndexKeeper keeper = new IndexKeeper(source, IndexSettings.DEFAULT, List.of(home), work, ALWAYS);
            keeper.open(IndexProgress.NONE);
            String index = onlyFile(folder.resolve("store")).getFileName().toString();
            home.remove(index);
            home.write(index + ".building", "dead 17".getBytes(StandardCharsets.UTF_8));
            long start = System.nanoTime();
            assertThat(keeper.open(IndexProgress.NONE).built()).isTrue();
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(ALWAYS.silence());
            assertThat(onlyFile(folder.resolve("store")).getFileName()).hasToString(index);
        }
    }

    @Test
    void doesNotWaitForSomethingThatIsBuiltInNoTime() throws IOException {
        DataSetTest.shards(data, 4, 2);
        Timing patient = new Timing(Duration.ofMinutes(10), Duration.ofSeconds(1), Duration.ofMinutes(10));
        try (FolderSource source = FolderSource.open(data.toString())) {
            IndexKeeper keeper = new IndexKeeper(source, IndexSettings.DEFAULT, List.of(), work, patient);
            IndexKeeper.Opened opened = keeper.open(IndexProgress.NONE);
            assertThat(opened.built()).isTrue();
            assertThat(opened.where()).as("kept nowhere").isEmpty();
            assertThat(data.resolve(".swav")).doesNotExist();
        }
    }
}
