package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.DataType;
import io.swav.api.EpochSchedule;
import io.swav.checkpoint.CheckpointCatalog.Owner;
import io.swav.checkpoint.CheckpointException.Kind;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tests that every store must pass. */
abstract class CheckpointsContract {
    /** Returns a store for this test alone, the same at every call. */
    abstract Store store() throws IOException;

    /** Returns how many bytes are flipped, one at a time. */
    abstract int flips();

    private CheckpointCatalog checkpoints(int keep) throws IOException {
        return new CheckpointCatalog(store(), new Owner("job", "cfg"), keep);
    }

    @Test
    void returnsTheNewestAndRemovesOldOnes() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(2);
        assertThat(checkpoints.newest(false)).isEmpty();
        for (long step : new long[] {5, 10, 100}) {
            checkpoints.save(checkpoint(step, 1));
        }
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(100, 1));
        assertThat(steps()).containsExactly("step-10", "step-100");
        assertThat(checkpoints.holds(100)).isTrue();
        assertThat(checkpoints.holds(5)).isFalse();
        assertThat(checkpoints(2).catalogue(true)).hasSize(2).allMatch(CheckpointCatalog.CatalogEntry::verified);
    }

    /** People read captures; to the trainer they are no checkpoints, and no old files to remove. */
    @Test
    void capturesAreFewAndNoReaderTakesThemForCheckpoints() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(1);
        NotFiniteCaptures captures = checkpoints.captures();
        int all = NotFiniteCaptures.KEPT + 3;
        for (int step = 1; step <= all; step++) {
            captures.keep(step, 1, ("{\"step\": " + step + "}").getBytes(StandardCharsets.UTF_8));
        }
        captures.keep(all, 1, "{}".getBytes(StandardCharsets.UTF_8));
        checkpoints.save(checkpoint(1, 1));
        checkpoints.save(checkpoint(2, 2));
        assertThat(store().names().stream().filter(name -> name.startsWith("not-finite/")))
                .as("the highest steps")
                .hasSize(NotFiniteCaptures.KEPT)
                .contains("not-finite/step-" + all + ".json", "not-finite/step-4.json");
        assertThat(read("not-finite/step-" + all + ".json")).isEqualTo("{}".getBytes(StandardCharsets.UTF_8));
        assertThat(captures.uri(7)).isEqualTo(store().uri() + "/not-finite/step-7.json");
        assertThat(steps()).containsExactly("not-finite", "step-2");
        assertThat(newest(checkpoints(1)).state().step()).isEqualTo(2);
        assertThat(checkpoints(1).catalogue(true)).hasSize(1);

        byte[] large = new byte[NotFiniteCaptures.LARGEST + 1];
        assertThatThrownBy(() -> captures.keep(99, 1, large)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void keepsAnExistingCheckpointOfTheSameStep() throws Exception {
        checkpoints(2).save(checkpoint(7, 1));
        checkpoints(2).save(checkpoint(7, 2));
        assertThat(newest(checkpoints(2)).state().generation()).isEqualTo(1);
    }

    @Test
    void namesDamagedOrUnfinishedOnesAndUsesThePreviousOne() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(6);
        for (long step : new long[] {1, 2, 3, 4, 5}) {
            checkpoints.save(checkpoint(step, 1));
        }
        String model = file("step-5/", "model.safetensors");
        byte[] bytes = read(model);
        bytes[bytes.length - 1] ^= 1;
        write(model, bytes);
        String newer = new String(read("step-4/MANIFEST.json"), StandardCharsets.UTF_8)
                .replace("\"format\" : 1", "\"format\" : 2");
        write("step-4/MANIFEST.json", newer.getBytes(StandardCharsets.UTF_8));
        remove("step-3/", "MANIFEST.json");
        write(file("step-2/", "state.json"), new byte[0]);

        assertThat(newest(checkpoints(6)).state().step()).isEqualTo(1);
        List<String> problems = checkpoints(6).catalogue(true).stream()
                .map(entry -> entry.problem().orElseThrow())
                .toList();
        assertThat(problems).hasSize(4);
        assertThat(problems.get(0)).contains("model.safetensors is damaged");
        assertThat(problems.get(1)).contains("format 2, newer than");
        assertThat(problems.get(2)).contains("state.json is damaged");
        assertThat(problems.get(3)).isEmpty();
        assertThat(checkpoints.holds(5)).isFalse();
        checkpoints.save(checkpoint(5, 1));
        assertThat(newest(checkpoints).state().step()).isEqualTo(5);
    }

    @Test
    void startsOverOnlyIfAsked() throws Exception {
        checkpoints(5).save(checkpoint(1, 1));
        CheckpointCatalog other = new CheckpointCatalog(store(), new Owner("job", "other"), 5);
        assertThatThrownBy(() -> other.newest(false))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("step-1 belongs to another configuration")
                .hasMessageContaining("recovery.startOver: true")
                .extracting(e -> ((CheckpointException) e).kind())
                .isEqualTo(Kind.NoneUsable);
        assertThat(other.newest(true)).isEmpty();
    }

    @Test
    void keepsAnotherTrainingsCheckpointOfTheSameStep() throws Exception {
        checkpoints(5).save(checkpoint(1, 1));
        CheckpointCatalog second = new CheckpointCatalog(store(), new Owner("second", "other"), 5);
        assertThatThrownBy(() -> second.save(checkpoint(1, 1, "other")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(
                        "step-1 in " + store().uri() + " is another training's (job job, configuration cfg)")
                .hasMessageContaining("a checkpoint.uri of its own")
                .extracting(e -> ((CheckpointException) e).kind())
                .isEqualTo(Kind.CannotWrite);
        assertThat(newest(checkpoints(5))).isEqualTo(checkpoint(1, 1));
        second.save(checkpoint(2, 1, "other"));
        assertThat(steps()).containsExactly("step-1", "step-2");

        CheckpointCatalog startsOver = new CheckpointCatalog(store(), new Owner("second", "other", true), 5);
        startsOver.save(checkpoint(1, 1, "other"));
        assertThat(startsOver.holds(1)).isTrue();
    }

    @Test
    void refusesAWriterWhoseWorldWasReplaced() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(5);
        checkpoints.save(checkpoint(1, 4));
        assertThatThrownBy(() -> checkpoints.save(checkpoint(2, 3)))
                .extracting(e -> ((CheckpointException) e).kind())
                .isEqualTo(Kind.NewerWorld);
        assertThat(steps()).containsExactly("step-1");
        // generations of another job are not comparable
        new CheckpointCatalog(store(), new Owner("a later job", "cfg"), 5).save(checkpoint(2, 1));
        assertThat(steps()).containsExactly("step-1", "step-2");
    }

    /**
     * A writer pauses between its last look at the fence and its commit, and resumes when its world has saved the same
     * step.
     */
    @Test
    void aWriterThatResumesTooLateChangesNothing() throws Exception {
        Store late = store();
        Store.Draft draft = late.draft("step-2", new DraftWriter("job", 3), UploadShare.ALONE);
        Store.Sink half = draft.create("model.safetensors");
        FolderStore.writeAll(half, ByteBuffer.wrap(new byte[100]));
        checkpoints(5).save(checkpoint(2, 4));
        FolderStore.writeAll(half, ByteBuffer.wrap(new byte[100]));
        assertThatThrownBy(() -> {
                    half.commit();
                    draft.commit("MANIFEST.json", new byte[] {1});
                })
                .isInstanceOfAny(FileAlreadyExistsException.class, NoSuchFileException.class);
        draft.close();
        assertThat(newest(checkpoints(5))).isEqualTo(checkpoint(2, 4));
    }

    @Test
    void sweepsWhatADeadWriterLeft() throws Exception {
        Store.Draft dead = store().draft("step-7", new DraftWriter("job", 3), UploadShare.ALONE); // never closed
        try (Store.Sink sink = dead.create("model.safetensors")) {
            FolderStore.writeAll(sink, ByteBuffer.allocate(1000));
            sink.commit();
        }
        assertThat(store().names()).hasSize(1);
        assertThat(checkpoints(5).newest(false)).isEmpty();
        checkpoints(5).save(checkpoint(1, 4));
        assertThat(store().names()).hasSize(4).allMatch(name -> name.startsWith("step-1/"));
    }

    /** Otherwise the store would stay full. */
    @Test
    void sweepsADeadWritersFilesToMakeRoomInAFullStore() throws Exception {
        Store.Draft dead = store().draft("step-7", new DraftWriter("job", 3), UploadShare.ALONE); // never closed
        try (Store.Sink sink = dead.create("model.safetensors")) {
            FolderStore.writeAll(sink, ByteBuffer.allocate(1000));
            sink.commit();
        }
        Set<String> left = Set.copyOf(store().names());
        assertThat(left).hasSize(1);
        Store full = failing(store(), "draft", "No space left on device", folder -> named(left));
        CheckpointCatalog checkpoints = new CheckpointCatalog(full, new Owner("job", "cfg"), 2);
        assertThatThrownBy(() -> checkpoints.save(checkpoint(8, 4))).hasMessageContaining("No space left on device");
        checkpoints.save(checkpoint(8, 4));
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(8, 4));
    }

    private boolean named(Set<String> files) {
        try {
            return store().names().stream().anyMatch(files::contains);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void findsEveryFlippedByte() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(5);
        checkpoints.save(checkpoint(1, 1));
        SplittableRandom random = new SplittableRandom(31);
        List<String> names = store().names();
        assertThat(names).hasSize(4);
        List<byte[]> contents = new ArrayList<>();
        for (String name : names) {
            contents.add(read(name));
        }
        int all = contents.stream().mapToInt(bytes -> bytes.length).sum();
        for (int i = 0; i < flips(); i++) {
            int at = random.nextInt(all);
            int file = 0;
            for (; at >= contents.get(file).length; file++) {
                at -= contents.get(file).length;
            }
            byte[] flipped = contents.get(file).clone();
            flipped[at] ^= (byte) (1 + random.nextInt(255));
            write(names.get(file), flipped);
            assertThat(checkpoints(5).catalogue(true))
                    .as("seed 31, flip %d: byte %d of %s", i, at, names.get(file))
                    .singleElement()
                    .matches(entry -> !entry.verified());
            write(names.get(file), contents.get(file));
        }
        assertThat(checkpoints(5).catalogue(true)).allMatch(CheckpointCatalog.CatalogEntry::verified);
    }

    /**
     * After a power loss in the middle of a save, or a disk fault: newer checkpoints are damaged, and only one is kept.
     */
    @Test
    void neverRemovesTheOnlyOneThatVerifies() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(1);
        checkpoints.save(checkpoint(40, 1));
        write("step-40/MANIFEST.json", new byte[] {'{'});
        CheckpointCatalog reopened = checkpoints(1);
        assertThatThrownBy(() -> reopened.newest(false)).hasMessageContaining("step-40 MANIFEST.json is damaged");
        reopened.save(checkpoint(31, 1));
        assertThat(newest(checkpoints(1)).state().step()).isEqualTo(31);
        reopened.save(checkpoint(32, 1));
        assertThat(newest(checkpoints(1)).state().step()).isEqualTo(32);
        assertThat(steps()).containsExactly("step-32", "step-40");
    }

    /** Damaged checkpoints do not take the place of good ones. */
    @Test
    void keepsTheRequestedNumberOfGoodOnes() throws Exception {
        for (long step : new long[] {2, 3, 5, 6, 7, 8}) {
            checkpoints(6).save(checkpoint(step, 1));
        }
        for (long step : new long[] {3, 6, 7, 8}) {
            write(file("step-" + step + "/", "model.safetensors"), new byte[7]);
        }
        CheckpointCatalog reopened = checkpoints(2);
        assertThat(newest(reopened).state().step()).isEqualTo(5);
        reopened.save(checkpoint(6, 1));
        assertThat(steps()).containsExactly("step-5", "step-6", "step-7", "step-8");
        reopened.save(checkpoint(9, 1));
        assertThat(steps()).containsExactly("step-6", "step-7", "step-8", "step-9");
    }

    /** The catalogue reads the checkpoint in full, and reports that it cannot be used here. */
    @Test
    void neverRemovesAnotherTrainingsCheckpoints() throws Exception {
        checkpoints(5).save(checkpoint(1, 1));
        CheckpointCatalog other = new CheckpointCatalog(store(), new Owner("other", "other"), 1);
        assertThat(other.newest(true)).isEmpty();
        assertThat(other.catalogue(true))
                .singleElement()
                .matches(entry -> entry.problem().orElseThrow().contains("belongs to another configuration"));
        other.save(checkpoint(2, 1, "other"));
        other.save(checkpoint(3, 1, "other"));
        assertThat(steps()).containsExactly("step-1", "step-3");
    }

    /** The checkpoint may be intact when it can be read again, and may be the only one. */
    @Test
    void doesNotReplaceACheckpointThatCannotBeReadNow() throws Exception {
        checkpoints(1).save(checkpoint(1, 1));
        AtomicInteger failures = new AtomicInteger(1);
        Store failing = failing(
                store(),
                "open",
                "cannot be read now",
                name -> name.endsWith("model.safetensors") && failures.getAndDecrement() > 0);
        CheckpointCatalog reopened = new CheckpointCatalog(failing, new Owner("job", "cfg"), 1);
        assertThatThrownBy(() -> reopened.save(checkpoint(1, 2)))
                .hasMessageContaining("cannot be read now")
                .extracting(e -> ((CheckpointException) e).kind())
                .isEqualTo(Kind.CannotWrite);
        reopened.save(checkpoint(1, 2));
        assertThat(newest(checkpoints(1))).isEqualTo(checkpoint(1, 1));
    }

    /** Wraps a store of which one method fails if its name argument matches. */
    private static Store failing(Store store, String method, String why, Predicate<String> when) {
        return (Store) Proxy.newProxyInstance(
                Store.class.getClassLoader(), new Class<?>[] {Store.class}, (proxy, called, arguments) -> {
                    if (called.getName().equals(method) && when.test((String) arguments[0])) {
                        throw new IOException(why);
                    }
                    try {
                        return called.invoke(store, arguments);
                    } catch (InvocationTargetException e) {
                        throw Objects.requireNonNull(e.getCause());
                    }
                });
    }

    /** Such names may be tests of an attacker, or a slip of a person. */
    @Test
    void passesOverNamesThatNoTrainerWrites() throws Exception {
        checkpoints(5).save(checkpoint(7, 1));
        byte[] manifest = read("step-7/MANIFEST.json");
        List<String> foreign = List.of(
                "step-99999999999999999999/MANIFEST.json",
                "step-9223372036854775807/MANIFEST.json",
                "step-007/MANIFEST.json",
                "step--1/MANIFEST.json",
                "step-/MANIFEST.json",
                "step-1e9/MANIFEST.json",
                "step-\u0663/MANIFEST.json");
        for (String name : foreign) {
            write(name, manifest);
        }
        assertThat(newest(checkpoints(1))).isEqualTo(checkpoint(7, 1));
        assertThat(checkpoints(1).catalogue(true)).hasSize(1).allMatch(CheckpointCatalog.CatalogEntry::verified);
        checkpoints(1).save(checkpoint(8, 1));
        assertThat(newest(checkpoints(1))).isEqualTo(checkpoint(8, 1));
        assertThat(store().names()).containsAll(foreign);
    }

    @Test
    void passesOverDraftsWhoseGenerationIsNoNumberOfOurs() throws Exception {
        write("step-7/g99999999999999999999-x/model.safetensors", new byte[1]);
        checkpoints(5).save(checkpoint(8, 1));
        assertThat(newest(checkpoints(5))).isEqualTo(checkpoint(8, 1));
    }

    @Test
    void namesManifestsThatLeadOutOfTheirFolderOrLackValues() throws Exception {
        checkpoints(9).save(checkpoint(1, 1));
        checkpoints(9).save(checkpoint(2, 1));
        String good = new String(read("step-2/MANIFEST.json"), StandardCharsets.UTF_8);
        String digest = "0".repeat(64);
        String entry = " : {\n      \"bytes\" : 1,\n      \"sha256\" : \"" + digest + "\"\n    }";
        Map<String, String> hostile = Map.of(
                withLocation(good, "../step-1/"),
                "its location is",
                withLocation(good, "/etc/"),
                "its location is",
                withLocation(good, "g1-x/../../"),
                "its location is",
                withLocation(good, "g1-x"),
                "its location is",
                withFile(good, "\"../../x\"" + entry),
                "it names \"../../x\"",
                withFile(good, "\"/etc/passwd\"" + entry),
                "it names \"/etc/passwd\"",
                withFile(good, "\"a\" : null"),
                "it names \"a\" without size",
                withFile(good, "\"x\"" + entry.replace(": 1,", ": -1,")),
                "it names \"x\" without size",
                withFile(good, "\"x\"" + entry.replace(digest, "0")),
                "it names \"x\" without size",
                "{ \"format\" : 1 }",
                "not as it was written");
        hostile.forEach((manifest, problem) -> {
            try {
                write("step-2/MANIFEST.json", manifest.getBytes(StandardCharsets.UTF_8));
                assertThat(newest(checkpoints(9)).state().step()).as(manifest).isEqualTo(1);
                assertThat(checkpoints(9).catalogue(true).get(0).problem().orElseThrow())
                        .as(manifest)
                        .contains(problem);
                checkpoints(9).save(checkpoint(3, 1));
            } catch (IOException | CheckpointException e) {
                throw new AssertionError(manifest, e);
            } finally {
                removeStep3();
            }
        });
    }

    private void removeStep3() {
        try {
            store().remove("step-3", "MANIFEST.json");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String withLocation(String manifest, String location) {
        String none = manifest.replaceAll("  \"location\" : .*\n", "");
        return none.replace("\"format\" : 1,\n", "\"format\" : 1,\n  \"location\" : \"" + location + "\",\n");
    }

    /** Adds a file in the place that its name sorts to, because a manifest in another order is damaged. */
    private static String withFile(String manifest, String file) {
        boolean first = file.charAt(1) < 'm';
        return first
                ? manifest.replace("\"files\" : {\n", "\"files\" : {\n    " + file + ",\n")
                : manifest.replaceFirst("(?s)(.*\n    )}", "$1}" + Matcher.quoteReplacement(",\n    " + file));
    }

    /** The digests are right: whoever wrote these computed them, or is an older version. */
    @Test
    void namesStatesThatNoTrainerWrites() throws Exception {
        checkpoints(5).save(checkpoint(1, 1));
        CheckpointState good = checkpoint(2, 1).state();
        for (CheckpointState hostile : List.of(
                new CheckpointState(2, -1, 31, "cfg", 2, "job", 1, ""),
                new CheckpointState(2, 16, 31, "cfg", -2, "job", 1, ""),
                new CheckpointState(2, 16, 31, "cfg", 2, "job", Long.MAX_VALUE, ""),
                new CheckpointState(2, 16, 31, "cfg", 2, "job", -1, ""),
                new CheckpointState(2, 16, 31, "cfg", 2, "job", 1, "x".repeat(100_000)),
                raised(2, EpochSchedule.of(10).raisedTo(20)),
                raised(2, new EpochSchedule(List.of(new EpochSchedule.Change(Long.MAX_VALUE, 10)))),
                new CheckpointState(3, 16, 31, "cfg", 2, "job", 1, ""))) {
            replace("step-2", good, hostile);
            assertThat(newest(checkpoints(5)).state().step()).isEqualTo(1);
            assertThat(checkpoints(5).catalogue(true).get(0).problem().orElseThrow())
                    .contains("state.json is not the state of step 2");
            checkpoints(5).save(checkpoint(4, 1)); // a later generation would fence it off
            store().remove("step-4", "MANIFEST.json");
            store().remove("step-2", "MANIFEST.json");
        }
    }

    private static CheckpointState raised(long step, EpochSchedule epochs) {
        return new CheckpointState(step, 16, 31, "cfg", 2, "job", 1, "", "", null, epochs, null);
    }

    @Test
    void keepsRaisedEpochsWithTheirSteps() throws Exception {
        checkpoints(5).save(checkpoint(1, 1));
        assertThat(newest(checkpoints(5)).state().epochs()).isNull();
        assertThat(new String(read(file("step-1/", "state.json")), StandardCharsets.UTF_8))
                .doesNotContain("epochs");
        EpochSchedule epochs =
                EpochSchedule.of(10).following(EpochSchedule.of(10).raisedTo(20), 2);
        replace("step-2", checkpoint(2, 1).state(), raised(2, epochs));
        assertThat(newest(checkpoints(5)).state().epochs()).isEqualTo(epochs);
        assertThat(newest(checkpoints(5)).state().answering("now").epochs()).isEqualTo(epochs);
    }

    /** Writes a whole checkpoint with this state, under the name of another step. */
    private void replace(String folder, CheckpointState like, CheckpointState state) throws IOException {
        Checkpoint checkpoint = checkpoint(like.step(), 1);
        try (Store.Draft draft = store().draft(folder, new DraftWriter("job", 1), UploadShare.ALONE)) {
            Map<String, Manifest.ManifestEntry> written = CheckpointFiles.writeTensors(draft, checkpoint, "cfg");
            written.put(CheckpointFiles.STATE, CheckpointFiles.writeState(draft, state));
            draft.commit(Manifest.NAME, Manifest.of(draft.location(), written).toJson());
        }
    }

    @Test
    void doesNotSaveOrExportValuesThatAreNotFinite() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(5);
        checkpoints.save(checkpoint(1, 1));
        for (float value : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            Checkpoint good = checkpoint(2, 1);
            Map<String, HostTensor> model = new TreeMap<>(good.model());
            model.put("layer1.0.conv1.weight", floats(1, 2, value));
            for (Checkpoint bad : List.of(
                    new Checkpoint(good.state(), model, good.optimizer()),
                    new Checkpoint(good.state(), good.model(), model))) {
                assertThatThrownBy(() -> checkpoints.save(bad))
                        .hasMessageContaining("step-2 is not saved: layer1.0.conv1.weight holds NaN or infinity")
                        .hasMessageContaining("at element 2")
                        .extracting(e -> ((CheckpointException) e).kind())
                        .isEqualTo(Kind.NotFinite);
            }
            assertThatThrownBy(() -> checkpoints.export(new Checkpoint(good.state(), model, Map.of())))
                    .hasMessageContaining("layer1.0.conv1.weight holds NaN or infinity")
                    .extracting(e -> ((CheckpointException) e).kind())
                    .isEqualTo(Kind.NotFinite);
        }
        assertThat(store().names()).hasSize(4).allMatch(name -> name.startsWith("step-1/"));
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(1, 1));
    }

    /** An older version wrote it: all digests are right. */
    @Test
    void passesOverACheckpointWithValuesThatAreNotFinite() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(5);
        checkpoints.save(checkpoint(1, 1));
        for (String file : List.of("model.safetensors", "optimizer.safetensors")) {
            checkpoints.save(checkpoint(2, 1));
            String name = file("step-2/", file);
            byte[] bytes = read(name);
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 4, Float.NaN);
            String manifest = new String(read("step-2/MANIFEST.json"), StandardCharsets.UTF_8);
            String before = sha256(read(name));
            write(name, bytes);
            write(
                    "step-2/MANIFEST.json",
                    manifest.replace(before, sha256(bytes)).getBytes(StandardCharsets.UTF_8));

            assertThat(newest(checkpoints(5)).state().step()).isEqualTo(1);
            assertThat(checkpoints(5).catalogue(true).get(0).problem().orElseThrow())
                    .contains(file + ": ")
                    .contains("holds NaN or infinity, first at element");
            assertThatThrownBy(() -> checkpoints(5).load(2)).hasMessageContaining("holds NaN or infinity");
            assertThat(checkpoints(5).holds(2)).isFalse();
            store().remove("step-2", "MANIFEST.json");
        }
    }

    private static String sha256(byte[] bytes) throws IOException {
        DigestingChannels digests = new DigestingChannels();
        try (var to = digests.over(Channels.newChannel(OutputStream.nullOutputStream()))) {
            to.write(ByteBuffer.wrap(bytes));
        }
        return digests.entry().sha256();
    }

    /** The files fit the manifest, and the configuration is this one, but the tensors are of another network. */
    @Test
    void passesOverACheckpointThatDoesNotSuitItsUser() throws Exception {
        checkpoints(5).save(checkpoint(1, 1));
        checkpoints(5).save(checkpoint(2, 1));
        Checkpoint found = checkpoints(5)
                .newest(false, each -> each.state().step() == 2 ? Optional.of("has other tensors") : Optional.empty())
                .orElseThrow();
        assertThat(found.state().step()).isEqualTo(1);
        assertThatThrownBy(() -> checkpoints(5).newest(false, each -> Optional.of("has other tensors")))
                .hasMessageContaining("step-2 has other tensors; step-1 has other tensors");
    }

    @Test
    void exportHoldsTheBackboneAlone() throws Exception {
        CheckpointCatalog checkpoints = checkpoints(1);
        checkpoints.classes(List.of("a \"cat\"", "dog"));
        assertThat(checkpoints.export(checkpoint(3, 1))).isEqualTo(store().uri() + "/export/backbone.safetensors");
        try (Store.Source source = store().open("export/backbone.safetensors")) {
            assertThat(SafetensorsHeader.read(source, source.size(), "export", Integer.MAX_VALUE)
                            .metadata())
                    .containsEntry("classes", "[\"a \\\"cat\\\"\",\"dog\"]");
        }
        try (Store.Source source = store().open("export/backbone.safetensors")) {
            assertThat(Safetensors.read(source, source.size(), "export"))
                    .containsOnlyKeys("conv1.weight", "bn1.num_batches_tracked");
        }
        assertThat(checkpoints.newest(false)).isEmpty();
    }

    static Checkpoint newest(CheckpointCatalog checkpoints) throws CheckpointException {
        return checkpoints.newest(false).orElseThrow();
    }

    private Stream<String> steps() throws IOException {
        return store().names().stream()
                .map(name -> name.replaceAll("/.*", ""))
                .distinct()
                .sorted();
    }

    private String file(String folder, String name) throws IOException {
        return store().names().stream()
                .filter(each -> each.startsWith(folder) && each.endsWith(name))
                .findFirst()
                .orElseThrow();
    }

    private byte[] read(String name) throws IOException {
        try (Store.Source source = store().open(name)) {
            ByteBuffer bytes = ByteBuffer.allocate((int) source.size());
            while (bytes.hasRemaining()) {
                source.read(bytes);
            }
            return bytes.array();
        }
    }

    void write(String name, byte[] bytes) throws IOException {
        try (Store.Sink sink = store().create(name, new DraftWriter("job", 1))) {
            FolderStore.writeAll(sink, ByteBuffer.wrap(bytes));
            sink.commit();
        }
    }

    abstract void remove(String folder, String file) throws IOException;

    static Checkpoint checkpoint(long step, long generation) {
        return checkpoint(step, generation, "cfg");
    }

    static Checkpoint checkpoint(long step, long generation, String digest) {
        CheckpointState state =
                new CheckpointState(step, step * 8, 31, digest, 2, "job", generation, "2026-11-23T00:00:00Z");
        ByteBuffer count =
                ByteBuffer.allocateDirect(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 7);
        HostTensor weights = new HostTensor(
                DataType.FLOAT32,
                List.of(2L, 3L),
                floats((float) step, .5f, -1, 0, 0, 0).bytes());
        return new Checkpoint(
                state,
                Map.of(
                        "conv1.weight",
                        weights,
                        "bn1.num_batches_tracked",
                        new HostTensor(DataType.INT64, List.of(), count),
                        "projection_head.0.bias",
                        floats(1),
                        "prototypes.weight",
                        floats(2)),
                Map.of("conv1.weight", weights));
    }

    static HostTensor floats(float... values) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return new HostTensor(DataType.FLOAT32, List.of((long) values.length), bytes);
    }
}
