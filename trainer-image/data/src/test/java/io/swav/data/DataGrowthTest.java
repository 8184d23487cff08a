package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.DataLedger;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests how data grows while it is trained on, and how it stays what it was if it may not. */
@Timeout(3600)
class DataGrowthTest {
    private static final int BATCH = 8;

    @TempDir
    private Path folder;

    private Path data;
    private IndexHome store = new FolderHome(Path.of(""));

    @BeforeAll
    static void libtorch() {
        TorchRuntime.start();
    }

    @BeforeEach
    void folders() throws IOException {
        data = Files.createDirectory(folder.resolve("data"));
        store = new FolderHome(folder.resolve("store/data-index"));
    }

    private SwavJobSpec spec(boolean grow, String more) {
        try {
            return SpecLoader.complete("test", new ObjectMapper().readTree("""
                    {"replicas": 1, "data": {"uri": "%s", "workers": 1 %s %s},
                     "crops": [{"count": 2, "size": 8, "minScale": 0.3, "maxScale": 1}],
                     "checkpoint": {"uri": "%s"}, "recovery": {"hungAfterSeconds": 1},
                     "training": {"globalBatch": 8, "groupSize": 4, "epochs": 100, "seed": 3,
                     "optimizer": {"warmupEpochs": 1}}}
                    """.formatted(
                                    data.toUri(),
                                    grow ? ", \"grow\": true" : "",
                                    more,
                                    folder.resolve("store").toUri())));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private PrefetchingBatches open(boolean grow) {
        return PrefetchingBatches.open(spec(grow, ""), List.of(store));
    }

    private static DataGrowth growth(PrefetchingBatches batches) {
        return batches.growth().orElseThrow();
    }

    /** Looks twice, and takes what was found from this epoch on. */
    private static DataLedger grow(PrefetchingBatches batches, long epoch) {
        DataGrowth growth = growth(batches);
        growth.look();
        growth.look();
        DataFingerprint found = growth.offer(batches.ledger()).orElseThrow(() -> new AssertionError(growth.state()));
        DataLedger grown = batches.ledger().grown(new DataLedger.Entry(epoch, found.samples(), found.digest()));
        assertThat(growth.open(grown)).isTrue();
        assertThat(growth.decide(grown, batches.ledger().decided(epoch))).isEqualTo(grown);
        batches.follow(grown);
        return grown;
    }

    private void shards(String prefix, int samples, int perShard) throws IOException {
        try (ShardWriter writer = new ShardWriter(data, prefix, perShard)) {
            for (int i = 0; i < samples; i++) {
                writer.add(prefix + i, DataSetTest.image(i), "jpg", i % 10);
            }
        }
    }

    private static List<String> names(PrefetchingBatches batches) {
        List<String> names = new ArrayList<>();
        for (long sample = 0; sample < batches.samples(); sample++) {
            names.add(batches.data().place(sample) + " " + batches.data().label(sample));
        }
        return names;
    }

    /** New shards come last whatever their names, so that no sample gets another number. */
    @Test
    void whatIsAddedIsAppended() throws IOException {
        shards("s", 20, 5);
        try (PrefetchingBatches batches = open(true)) {
            List<String> before = names(batches);
            shards("a", 7, 5);
            DataLedger grown = grow(batches, 2);
            assertThat(grown.newest().samples()).isEqualTo(27);
            List<String> after = names(batches);
            assertThat(after.subList(0, 20)).isEqualTo(before);
            assertThat(after.get(20)).isEqualTo("a-000000.tar:a0.jpg 0");
            assertThat(batches.inventory().images()).isEqualTo(27);
            assertThat(batches.inventory().files()).isEqualTo(6);
            assertThat(batches.fingerprint().samples())
                    .as("the training is known by its first set")
                    .isEqualTo(20);

            shards("b", 3, 5);
            assertThat(grow(batches, 9).sets()).hasSize(3);
            assertThat(names(batches).subList(0, 27)).isEqualTo(after);
        }
        await("the index of the first set goes once the second one was trained on")
                .untilAsserted(() -> assertThat(keptSets()).hasSize(2));
    }

    private long[] keptSets() throws IOException {
        try (Stream<Path> kept = Files.list(folder.resolve("store/data-index"))) {
            return kept.filter(file -> file.getFileName().toString().startsWith("set-"))
                    .mapToLong(file -> file.toFile().length())
                    .toArray();
        }
    }

    @Test
    void aPodThatStartsLaterOpensWhatTheTrainingHasSeen() throws IOException {
        shards("s", 20, 5);
        DataLedger grown;
        List<String> names;
        try (PrefetchingBatches batches = open(true)) {
            shards("a", 7, 5);
            grown = grow(batches, 2);
            names = names(batches);
        }
        shards("b", 30, 5);
        try (PrefetchingBatches later = open(true)) {
            assertThat(later.ledger()).isEqualTo(grown);
            assertThat(names(later)).isEqualTo(names);
            assertThat(growth(later).offer(later.ledger())).isEmpty();
        }
        try (PrefetchingBatches still = open(false)) {
            assertThat(still.ledger()).isEqualTo(grown);
            assertThat(still.notUsed().orElseThrow()).contains("6 shards are new", "b-000000.tar", "data.grow: true");
        }
    }

    /** Another trainer found the larger set; this one opens its index when it is decided on. */
    @Test
    void aTrainerThatHasNotLookedOpensTheSetOfOneThatHas() throws IOException {
        shards("s", 20, 5);
        try (PrefetchingBatches leader = open(true);
                PrefetchingBatches other = open(true)) {
            shards("a", 7, 5);
            DataLedger grown = grow(leader, 1);
            assertThat(other.samples()).isEqualTo(20);
            assertThat(growth(other).open(grown)).isTrue();
            other.follow(grown);
            assertThat(names(other)).isEqualTo(names(leader));
            DataLedger gone = grown.grown(new DataLedger.Entry(5, 99, "0123456789abcdef"));
            assertThat(growth(other).open(gone)).as("no such index").isFalse();
        }
    }

    @Test
    void aShardThatIsStillBeingCopiedIsNotTaken() throws IOException {
        shards("s", 20, 5);
        try (PrefetchingBatches batches = open(true)) {
            DataGrowth growth = growth(batches);
            shards("a", 5, 5);
            Path copied = data.resolve("a-000000.tar");
            byte[] whole = Files.readAllBytes(copied);
            for (int part = 1; part <= 3; part++) {
                Files.write(copied, Arrays.copyOf(whole, whole.length * part / 4));
                growth.look();
                assertThat(growth.offer(batches.ledger())).isEmpty();
                assertThat(growth.state().orElseThrow()).contains("a-000000.tar", "next look");
            }
            growth.look();
            assertThat(growth.state().orElseThrow()).as("cut off").contains("a-000000.tar", "truncated");
            Files.write(copied, whole);
            growth.look();
            growth.look();
            assertThat(growth.offer(batches.ledger()).orElseThrow().samples()).isEqualTo(25);
            assertThat(growth.state()).isEmpty();
        }
    }

    @Test
    void nothingIsTakenWhileAShardThatWasTrainedOnDiffers() throws IOException {
        shards("s", 20, 5);
        try (PrefetchingBatches batches = open(true)) {
            DataGrowth growth = growth(batches);
            shards("a", 5, 5);
            FileTime time = Files.getLastModifiedTime(data.resolve("s-000001.tar"));
            Files.setLastModifiedTime(data.resolve("s-000001.tar"), FileTime.fromMillis(1));
            Path away = Files.move(data.resolve("s-000002.tar"), folder.resolve("away.tar"));
            growth.look();
            growth.look();
            assertThat(growth.offer(batches.ledger())).isEmpty();
            assertThat(growth.state().orElseThrow())
                    .contains("s-000001.tar is changed", "s-000002.tar is gone", "put them back");
            assertThatThrownBy(() -> open(true).close()).hasMessageContaining("s-000002.tar is gone");
            Files.setLastModifiedTime(data.resolve("s-000001.tar"), time);
            Files.move(away, data.resolve("s-000002.tar"));
            growth.look();
            growth.look();
            assertThat(growth.offer(batches.ledger())).isPresent();
        }
    }

    @Test
    void dataOfAnotherKindOrWithoutImagesIsNamed() throws IOException {
        shards("s", 20, 5);
        try (PrefetchingBatches batches = open(true)) {
            DataGrowth growth = growth(batches);
            Path loose = Files.write(data.resolve("x.jpg"), DataSetTest.image(1));
            growth.look();
            assertThat(growth.state().orElseThrow()).contains("nothing new is taken", "x.jpg");
            Files.delete(loose);
            try (TarArchiveOutputStream tar = tar("empty.tar")) {
                put(tar, "readme.md", "nothing".getBytes(StandardCharsets.UTF_8));
            }
            growth.look();
            growth.look();
            assertThat(growth.state().orElseThrow()).contains("no images", "empty.tar");
            assertThat(growth.offer(batches.ledger())).isEmpty();
            Files.delete(data.resolve("empty.tar"));
            growth.look();
            assertThat(growth.state()).isEmpty();
        }
    }

    /** A new class is numbered after those that are there, wherever its name sorts. */
    @Test
    void classFoldersKeepTheirNumbers() throws IOException {
        for (String name : List.of("cat/1.jpg", "dog/1.jpg", "dog/2.jpg", "cat/2.jpg", "emu/1.jpg", "emu/2.jpg")) {
            image(name);
        }
        image("emu/3.jpg");
        image("emu/4.jpg");
        try (PrefetchingBatches batches = open(true)) {
            List<String> before = names(batches);
            image("ant/1.jpg");
            image("dog/0.jpg");
            grow(batches, 1);
            assertThat(names(batches).subList(0, 8)).isEqualTo(before);
            assertThat(names(batches).subList(8, 10)).containsExactly("ant/1.jpg 3", "dog/0.jpg 1");
            assertThat(batches.classNames()).containsExactly("cat", "dog", "emu", "ant");
            growth(batches).look();
            assertThat(growth(batches).offer(batches.ledger())).isEmpty();
            image("cat/0.jpg");
            assertThat(grow(batches, 2).newest().samples()).isEqualTo(11);
        }
    }

    private void image(String name) throws IOException {
        Path file = data.resolve(name);
        Files.createDirectories(file.getParent());
        Files.write(file, DataSetTest.image(name.hashCode() & 7));
    }

    @Test
    void namedLabelsKeepTheirNumbers() throws IOException {
        named("s-0.tar", "dog", "cat", "dog", "cat");
        named("s-1.tar", "emu", "emu", "emu", "emu");
        SwavJobSpec spec = spec(true, ", \"labelExtension\": \"txt\"");
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec, List.of(store))) {
            assertThat(batches.classNames()).containsExactly("cat", "dog", "emu");
            named("r-0.tar", "bee", "dog", "ant");
            grow(batches, 1);
            assertThat(batches.classNames()).containsExactly("cat", "dog", "emu", "ant", "bee");
            assertThat(names(batches).subList(6, 11))
                    .containsExactly(
                            "s-1.tar:k2.jpg 2",
                            "s-1.tar:k3.jpg 2",
                            "r-0.tar:k0.jpg 4",
                            "r-0.tar:k1.jpg 1",
                            "r-0.tar:k2.jpg 3");
            named("t-0.tar", "7");
            growth(batches).look();
            growth(batches).look();
            assertThat(growth(batches).state().orElseThrow()).contains("some labels are numbers and some are names");
        }
    }

    private TarArchiveOutputStream tar(String name) throws IOException {
        OutputStream out = Files.newOutputStream(data.resolve(name));
        return new TarArchiveOutputStream(out);
    }

    private static void put(TarArchiveOutputStream tar, String name, byte[] content) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(content.length);
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
    }

    private void named(String shard, String... labels) throws IOException {
        try (TarArchiveOutputStream tar = tar(shard)) {
            for (int i = 0; i < labels.length; i++) {
                put(tar, "k" + i + ".jpg", DataSetTest.image(i));
                put(tar, "k" + i + ".txt", labels[i].getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    @Test
    void namesOfClassesMayBeAppendedButNotMoved() throws IOException {
        shards("s", 20, 5);
        Files.writeString(data.resolve("classes.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
        try (PrefetchingBatches batches = open(true)) {
            shards("t", 5, 5);
            Files.writeString(data.resolve("classes.txt"), "zero\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
            growth(batches).look();
            growth(batches).look();
            assertThat(growth(batches).state().orElseThrow()).contains("classes.txt", "other numbers");
            Files.writeString(data.resolve("classes.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n");
            grow(batches, 1);
            assertThat(batches.classNames()).hasSize(11).endsWith("j", "k");
        }
    }

    /** Crops of a training that grows while it runs, of one that has grown, and of one that is resumed are the same. */
    @Test
    void everyStepSeesWhatItsEpochSees() throws IOException {
        shards("s", 20, 5);
        List<float[]> running = new ArrayList<>();
        DataLedger ledger;
        try (PrefetchingBatches batches = open(true);
                NDManager manager = NDManager.newBaseManager()) {
            batches.expect(0, 0, 2);
            for (long step = 0; step < 4; step++) {
                running.addAll(crops(batches, manager, step));
            }
            shards("a", 7, 5);
            ledger = grow(batches, 2); // crops of step 4 have been prepared from 20 images
            batches.expect(4, 0, 2);
            for (long step = 4; step < 14; step++) {
                running.addAll(crops(batches, manager, step));
            }
            everySampleOnce(batches, ledger, 5);
        }
        shards("z", 12, 5);
        try (PrefetchingBatches resumed = open(true);
                NDManager manager = NDManager.newBaseManager()) {
            assertThat(resumed.ledger()).isEqualTo(ledger);
            for (long from : new long[] {0, 3, 4, 6}) {
                resumed.expect(from, 0, 2);
                List<float[]> again = new ArrayList<>();
                for (long step = from; step < 14; step++) {
                    again.addAll(crops(resumed, manager, step));
                }
                assertThat(again).usingRecursiveComparison().isEqualTo(running.subList((int) from * 2, running.size()));
            }
        }
    }

    private static List<float[]> crops(PrefetchingBatches batches, NDManager manager, long step) {
        List<float[]> crops = new ArrayList<>();
        for (int group = 0; group < 2; group++) {
            List<NDArray> arrays = batches.group(manager, step, group);
            crops.add(arrays.get(0).toFloatArray());
            arrays.forEach(NDArray::close);
        }
        return crops;
    }

    private static void everySampleOnce(PrefetchingBatches batches, DataLedger ledger, int epochs) {
        for (long epoch = 0; epoch < epochs; epoch++) {
            Set<Long> seen = new HashSet<>();
            long count = 0;
            for (long step = ledger.firstStep(epoch, BATCH); step < ledger.firstStep(epoch + 1, BATCH); step++) {
                for (int group = 0; group < 2; group++) {
                    for (long sample : batches.samples(step, group)) {
                        assertThat(sample).isLessThan(ledger.setOf(epoch).samples());
                        seen.add(sample);
                        count++;
                    }
                }
            }
            assertThat(count).isEqualTo(ledger.setOf(epoch).samples() / BATCH * BATCH);
            assertThat(seen).hasSize((int) count);
        }
    }

    @Test
    void withoutGrowTheSetStaysWhatItWas() throws IOException {
        shards("s", 20, 5);
        DataFingerprint before;
        try (PrefetchingBatches batches = open(false)) {
            before = batches.fingerprint();
            assertThat(batches.growth()).isEmpty();
            assertThat(batches.notUsed()).isEmpty();
        }
        shards("a", 7, 5);
        try (PrefetchingBatches batches = open(false)) {
            assertThat(batches.fingerprint()).isEqualTo(before);
            assertThat(batches.samples()).isEqualTo(20);
            assertThat(batches.notUsed().orElseThrow()).contains("2 shards are new (the first is a-000000.tar)");
        }
        shards("b", 1, 5);
        try (PrefetchingBatches batches = open(false)) {
            batches.lead(true);
            await().untilAsserted(
                            () -> assertThat(batches.notUsed().orElseThrow()).contains("3 shards are new"));
            assertThat(batches.samples()).isEqualTo(20);
        }
        Files.delete(data.resolve("b-000000.tar"));
        try (PrefetchingBatches elsewhere = PrefetchingBatches.open(spec(false, ""), List.of())) {
            assertThat(elsewhere.samples()).as("a training of its own").isEqualTo(27);
        }
        Files.delete(data.resolve("s-000000.tar"));
        try (PrefetchingBatches batches = open(false)) {
            assertThat(batches.samples())
                    .as("the data is another one, as before")
                    .isEqualTo(22);
        }
        try (PrefetchingBatches batches = open(false)) {
            assertThat(batches.samples()).isEqualTo(22);
        }
    }

    @Test
    void aDamagedLedgerIsNamedAndALostIndexBuiltAgain() throws IOException {
        shards("s", 20, 5);
        open(true).close();
        Path index = folder.resolve("store/data-index");
        List<Path> files;
        try (Stream<Path> all = Files.list(index)) {
            files = all.toList();
        }
        Path set = files.stream()
                .filter(file -> file.toString().endsWith(".swavidx"))
                .findFirst()
                .orElseThrow();
        Path ledger = files.stream()
                .filter(file -> file.toString().endsWith(".sets.json"))
                .findFirst()
                .orElseThrow();
        Files.delete(set);
        open(true).close();
        assertThat(set).exists();
        Files.writeString(set, "nonsense");
        open(true).close();
        Files.writeString(ledger, "{\"through\": -3}");
        assertThatThrownBy(() -> open(true).close())
                .hasMessageContaining(ledger.getFileName().toString())
                .hasMessageContaining("remove it");
    }

    @Test
    void growthNeedsAStore() throws IOException {
        shards("s", 20, 5);
        assertThatThrownBy(() -> PrefetchingBatches.open(spec(true, ""), List.of()))
                .hasMessageContaining("checkpoint.uri");
    }
}
