package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.DataType;
import io.swav.checkpoint.CheckpointCatalog.Owner;
import io.swav.s3.FaultyLine;
import io.swav.s3.S3Server;
import io.swav.s3.S3Service;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** Tests against a real server in a separate process, over a connection that can be made to fail. */
class S3StoreTest extends CheckpointsContract {
    @TempDir
    static Path folder;

    private static S3Server server;
    private static FaultyLine line;
    private String prefix = "";
    private final List<Store> opened = new ArrayList<>();

    @BeforeAll
    static void start() throws Exception {
        server = S3Server.start(folder);
        line = new FaultyLine(server.port());
    }

    @AfterAll
    static void stop() throws Exception {
        line.close();
        server.close();
    }

    @BeforeEach
    void ownPrefix(TestInfo test) {
        prefix = "runs/" + test.getDisplayName().replaceAll("\\W", "");
        line.setMode(FaultyLine.Mode.Healthy);
        S3Server.login("a-secret");
    }

    @AfterEach
    void closeStores() {
        opened.forEach(Store::close);
    }

    @Override
    Store store() {
        Store store = store(line);
        opened.add(store);
        return store;
    }

    private Store store(FaultyLine over) {
        return S3Store.open(URI.create("s3://" + S3Server.BUCKET + "/" + prefix), S3Server.at(over.port()));
    }

    @Override
    int flips() {
        return 40;
    }

    @Override
    void remove(String inFolder, String file) throws IOException {
        Files.delete(folder.resolve("s3")
                .resolve(S3Server.BUCKET)
                .resolve(prefix)
                .resolve(inFolder)
                .resolve(file));
    }

    /** 40 MB: three parts, the last one smaller. */
    @Test
    void uploadsLargeFilesInParts() throws Exception {
        Checkpoint large = large(2);
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        checkpoints.save(large);
        assertThat(newest(checkpoints)).isEqualTo(large);
    }

    /** 40 MB are three parts; the first goes over rank 0's connection, with all small files. */
    @Test
    void ranksWriteOneCheckpointTogether() throws Exception {
        Checkpoint large = large(2);
        try (FaultyLine second = new FaultyLine(server.port());
                FaultyLine third = new FaultyLine(server.port());
                Store ofSecond = store(second);
                Store ofThird = store(third)) {
            long before = line.sent();
            CompletableFuture<Void> helping = CompletableFuture.allOf(
                    helping(ofSecond, large, new UploadShare(1, 3)), helping(ofThird, large, new UploadShare(2, 3)));
            CheckpointCatalog checkpoints =
                    new CheckpointCatalog(patient(store(), helping), new Owner("job", "cfg"), 2);
            checkpoints.save(large, 3);
            assertThat(newest(checkpoints)).isEqualTo(large);
            assertThat(store().names()).as("files").hasSize(4);
            assertThat(line.sent() - before).as("bytes over the line of rank 0").isBetween(16L << 20, 17L << 20);
            assertThat(second.sent()).as("over that of rank 1").isBetween(16L << 20, 17L << 20);
            assertThat(third.sent()).as("over that of rank 2").isBetween(8L << 20, 9L << 20);
            new CheckpointCatalog(ofThird, new Owner("job", "cfg"), 2)
                    .help(large, new UploadShare(2, 3)); // the checkpoint exists: nothing to do
            assertThat(third.sent()).isLessThan(9L << 20);
        }
    }

    @Test
    void rankZeroWritesWhatOtherRanksDoNot() throws Exception {
        Checkpoint large = large(2);
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        checkpoints.save(large, 2);
        assertThat(newest(checkpoints)).isEqualTo(large);
        assertThat(store().names()).as("files").hasSize(4);
    }

    /**
     * Wraps rank 0's store so that it waits for the other ranks. Otherwise rank 0 would write everything itself if a
     * busy processor delayed the others by seconds.
     */
    private static Store patient(Store store, CompletableFuture<Void> others) {
        return (Store) patient((Object) store, others);
    }

    private static Object patient(Object part, CompletableFuture<Void> others) {
        return Proxy.newProxyInstance(
                S3StoreTest.class.getClassLoader(), part.getClass().getInterfaces(), (self, method, of) -> {
                    if (part instanceof Store.Sink && method.getName().equals("commit")) {
                        others.join();
                    }
                    try {
                        Object made = method.invoke(part, of);
                        return made instanceof Store.Draft || made instanceof Store.Sink ? patient(made, others) : made;
                    } catch (InvocationTargetException e) {
                        throw e.getTargetException();
                    }
                });
    }

    private static CompletableFuture<Void> helping(Store store, Checkpoint checkpoint, UploadShare share) {
        return CompletableFuture.runAsync(() -> {
            try {
                new CheckpointCatalog(store, new Owner("job", "cfg"), 2).help(checkpoint, share);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Test
    void retriesOverAnUnreliableConnectionWithoutLosingASave() throws Exception {
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        line.setMode(FaultyLine.Mode.Flaky);
        int before = line.faults();
        int saved = 0;
        for (int step = 1; step <= 12; step++) {
            try {
                checkpoints.save(checkpoint(step, 1));
                saved = step;
            } catch (CheckpointException e) {
                assertThat(e.kind()).isEqualTo(CheckpointException.Kind.CannotWrite);
            }
        }
        line.setMode(FaultyLine.Mode.Healthy);
        assertThat(line.faults() - before).as("faults").isGreaterThan(5);
        assertThat(saved).as("the last step saved, of 12").isGreaterThan(6);
        assertThat(newest(checkpoints).state().step()).isGreaterThanOrEqualTo(saved);
    }

    /** The SDK retries, and learns that the manifest exists: it is this writer's own. */
    @Test
    void commitWithALostAnswerIsACommit() throws Exception {
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        line.loseAnswers("PUT /bucket/" + prefix + "/step-1/MANIFEST.json", 1);
        checkpoints.save(checkpoint(1, 1));
        assertThat(line.answersToLose()).isZero();
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(1, 1));
    }

    @Test
    void commitWithoutAnyAnswerLeavesAWholeCheckpoint() throws Exception {
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        line.loseAnswers("PUT /bucket/" + prefix + "/step-1/MANIFEST.json", 100);
        assertThatThrownBy(() -> checkpoints.save(checkpoint(1, 1))).hasMessageContaining("cannot be reached");
        line.loseAnswers("", 0);
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(1, 1));
        checkpoints.save(checkpoint(1, 1));
        assertThat(store().names()).as("files").hasSize(4);
    }

    @Test
    void reportsAFailingServiceAndRecovers() throws Exception {
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        checkpoints.save(checkpoint(1, 1));
        Map<FaultyLine.Mode, String> messages = Map.of(
                FaultyLine.Mode.Answers500, "bucket bucket answers 500",
                FaultyLine.Mode.Answers503, "bucket bucket answers 503",
                FaultyLine.Mode.Down, "the service of bucket bucket cannot be reached");
        for (FaultyLine.Mode mode : messages.keySet()) {
            line.setMode(mode);
            assertThatThrownBy(() -> checkpoints.save(checkpoint(2, 1)))
                    .as("%s", mode)
                    .hasMessageContaining("cannot save checkpoint step-2 to s3://bucket/" + prefix)
                    .hasMessageContaining(messages.get(mode));
            assertThatThrownBy(() -> checkpoints.newest(false))
                    .extracting(e -> ((CheckpointException) e).kind())
                    .isEqualTo(CheckpointException.Kind.CannotRead);
            line.setMode(FaultyLine.Mode.Healthy);
            assertThat(newest(checkpoints).state().step()).isEqualTo(1);
        }
        checkpoints.save(checkpoint(2, 1));
        assertThat(newest(checkpoints).state().step()).isEqualTo(2);
    }

    /**
     * The service itself answers a missing file with "no such key"; then the checkpoint is damaged. A bare 404 is not
     * that answer.
     */
    @Test
    void aProxys404IsNotAMissingFile() throws Exception {
        new CheckpointCatalog(store(), new Owner("job", "cfg"), 2).save(checkpoint(1, 1));
        line.setMode(FaultyLine.Mode.Answers404);
        assertThatThrownBy(() -> store().open("step-1/MANIFEST.json"))
                .isNotInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("bucket bucket answers 404");
        line.setMode(FaultyLine.Mode.Healthy);
        assertThatThrownBy(() -> store().open("step-2/MANIFEST.json")).isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void doesNotSweepFilesOfOthers() throws Exception {
        write("photos/g1-holiday/a.jpg", new byte[] {1});
        new CheckpointCatalog(store(), new Owner("job", "cfg"), 2).save(checkpoint(1, 1));
        assertThat(store().names()).contains("photos/g1-holiday/a.jpg");
    }

    @Test
    void namesAnEndpointThatIsNotAUrl() {
        for (String endpoint : List.of("minio:9000", "minio", "//minio:9000", "http:/minio")) {
            S3Service service = S3Service.at(URI.create(endpoint));
            assertThatThrownBy(() ->
                            S3Store.open(URI.create("s3://bucket/x"), service).close())
                    .as(endpoint)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("\"" + endpoint + "\" is no URL of an S3 service, such as http://minio:9000");
        }
    }

    @Test
    void namesWrongCredentialsAndMissingBuckets() {
        S3Server.login("wrong");
        CheckpointCatalog refused = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        assertThatThrownBy(() -> refused.save(checkpoint(1, 1)))
                .hasMessageContaining("refuses access (403")
                .hasMessageContaining("credentials");
        assertThatThrownBy(() -> refused.newest(false)).hasMessageContaining("refuses access (403");
        S3Server.login("a-secret");
        Store nowhere = S3Store.open(URI.create("s3://no-such-bucket/x"), S3Server.at(server.port()));
        opened.add(nowhere);
        assertThatThrownBy(() -> new CheckpointCatalog(nowhere, new Owner("job", "cfg"), 2).save(checkpoint(1, 1)))
                .hasMessageContaining("there is no bucket no-such-bucket: create it");
    }

    private static Checkpoint large(long step) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(40 << 20);
        SplittableRandom random = new SplittableRandom(step);
        while (bytes.hasRemaining()) {
            bytes.putLong(random.nextLong());
        }
        HostTensor weights = new HostTensor(DataType.INT32, List.of(10L, 1L << 20), bytes.clear());
        Checkpoint small = checkpoint(step, 1);
        return new Checkpoint(small.state(), Map.of("conv1.weight", weights), small.optimizer());
    }
}
