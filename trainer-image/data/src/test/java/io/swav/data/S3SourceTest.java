package io.swav.data;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.swav.api.ExitCodes;
import io.swav.s3.FaultyLine;
import io.swav.s3.S3Server;
import io.swav.s3.S3Service;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;

/** Tests data in a bucket of a real server in a separate process, over a connection that can be made to fail. */
class S3SourceTest {
    @TempDir
    static Path folder;

    private static S3Server server;
    private static FaultyLine line;
    private static S3Client writer;
    private String prefix = "";
    private final List<FileSource> opened = new ArrayList<>();

    @BeforeAll
    static void start() throws Exception {
        server = S3Server.start(folder);
        line = new FaultyLine(server.port());
        writer = S3Server.at(server.port()).client(4);
    }

    @AfterAll
    static void stop() throws Exception {
        writer.close();
        line.close();
        server.close();
    }

    @BeforeEach
    void ownPrefix(TestInfo test) {
        prefix = "data/" + test.getDisplayName().replaceAll("\\W", "") + "/";
        line.setMode(FaultyLine.Mode.Healthy);
        S3Server.login("a-secret");
    }

    @AfterEach
    void close() {
        opened.forEach(FileSource::close);
    }

    static byte[] content(int seed, int length) {
        byte[] bytes = new byte[length];
        new SplittableRandom(seed).nextBytes(bytes);
        return bytes;
    }

    private void put(String name, byte[] content) {
        writer.putObject(request -> request.bucket(S3Server.BUCKET).key(prefix + name), RequestBody.fromBytes(content));
    }

    private FileSource open(String name) {
        return open(name, Optional.empty());
    }

    private FileSource open(String name, Optional<SourceOptions.Cache> cache) {
        FileSource source = FileSources.open(
                "s3://" + S3Server.BUCKET + "/" + prefix + name,
                new SourceOptions(S3Server.at(line.port()), Optional.empty(), cache));
        opened.add(source);
        return source;
    }

    @Test
    void listsWhatTheUriNames() throws Exception {
        put("s-0.tar", content(0, 10));
        put("s-1.tar", content(1, 11));
        put("t/s-2.tar", content(2, 12));
        put("t/a b+ü.jpg", content(3, 13));
        put("t/._a.jpg", content(4, 14));
        put("t/", new byte[0]);

        Listed all = Listed.of(open(""));
        assertThat(all.files.keySet()).containsExactly("s-0.tar", "s-1.tar", "t/a b+ü.jpg", "t/s-2.tar");
        assertThat(all.ignored.keySet()).containsExactly("t/._a.jpg");
        assertThat(requireNonNull(all.files.get("t/a b+ü.jpg")).bytes()).isEqualTo(13);
        assertThat(Listed.of(open("t")).files.keySet()).containsExactly("a b+ü.jpg", "s-2.tar");
        assertThat(Listed.of(open("*.tar")).files.keySet()).containsExactly("s-0.tar", "s-1.tar");
        assertThat(Listed.of(open("s-?.tar")).files).hasSize(2);
        assertThat(Listed.of(open("{s-{0..1},t/s-2}.tar")).files.keySet())
                .containsExactly("s-0.tar", "s-1.tar", "t/s-2.tar");
        assertThat(Listed.of(open("t/s-2.tar")).one())
                .isEqualTo(new FileSource.SourceFile(
                        "s-2.tar",
                        12,
                        requireNonNull(all.files.get("t/s-2.tar")).version()));
        assertThat(Listed.of(open("nothing/")).files).isEmpty();
        assertThatThrownBy(() -> Listed.of(open("s-{0..2}.tar")))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.NO_INPUT))
                .hasMessageContaining(prefix + "s-2.tar");
    }

    @Test
    void readsRangesAndStreams() throws Exception {
        byte[] shard = content(5, 4_000_000);
        put("s.tar", shard);
        FileSource source = open("s.tar");
        FileSource.SourceFile file = Listed.of(source).one();
        assertThat(source.read(file, 1_234_567, 100_000)).isEqualTo(Arrays.copyOfRange(shard, 1_234_567, 1_334_567));
        assertThat(source.read(file, 0, 0)).isEmpty();
        try (InputStream stream = source.open(file, 10)) {
            assertThat(stream.skip(3_000_000)).isEqualTo(3_000_000);
            assertThat(stream.readAllBytes()).isEqualTo(Arrays.copyOfRange(shard, 3_000_010, shard.length));
        }
        try (InputStream given = source.open(file, 0)) {
            assertThat(given.read()).isEqualTo(shard[0] & 0xff);
        }
    }

    @Test
    void aFlakyConnectionLosesNothing() throws Exception {
        byte[] shard = content(6, 300_000);
        put("s.tar", shard);
        FileSource source = open("s.tar");
        FileSource.SourceFile file = Listed.of(source).one();
        int before = line.faults();
        line.setMode(FaultyLine.Mode.Flaky);
        SplittableRandom random = new SplittableRandom(9);
        int failed = 0;
        for (int i = 0; i < 40; i++) {
            int from = random.nextInt(shard.length);
            int length = random.nextInt(Math.min(30_000, shard.length - from));
            try {
                assertThat(source.read(file, from, length))
                        .as("range %d+%d", from, length)
                        .isEqualTo(Arrays.copyOfRange(shard, from, from + length));
            } catch (IOException e) {
                failed++; // it is retried by the reader of samples
            }
        }
        assertThat(line.faults() - before).isGreaterThan(10);
        assertThat(failed).isLessThan(8);
    }

    @Test
    void anOutageIsNamedAndPasses() throws Exception {
        put("s.tar", content(7, 1000));
        FileSource source = open("s.tar");
        FileSource.SourceFile file = Listed.of(source).one();
        line.setMode(FaultyLine.Mode.Answers500);
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("s3://" + S3Server.BUCKET + "/" + prefix + "s.tar")
                .hasMessageContaining("answers 500");
        line.setMode(FaultyLine.Mode.Down);
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("cannot be reached");
        line.setMode(FaultyLine.Mode.Healthy);
        assertThat(source.read(file, 0, 10)).isEqualTo(Arrays.copyOf(content(7, 1000), 10));
    }

    @Test
    void aReplacedOrRemovedObjectIsNamed() throws Exception {
        put("s.tar", content(8, 1000));
        FileSource source = open("s.tar");
        FileSource.SourceFile file = Listed.of(source).one();
        put("s.tar", content(9, 1000));
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(ChangedFileException.class)
                .hasMessageContaining(prefix + "s.tar");
        writer.deleteObject(request -> request.bucket(S3Server.BUCKET).key(prefix + "s.tar"));
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(ChangedFileException.class)
                .hasMessageContaining("gone");
    }

    @Test
    void refusedCredentialsAreNamedAndRenewedOnesAreUsed() throws Exception {
        put("s.tar", content(8, 1000));
        FileSource source = open("s.tar");
        FileSource.SourceFile file = Listed.of(source).one();
        S3Server.login("expired");
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("refuses access (403")
                .hasMessageContaining("may list and read there");
        S3Server.login("a-secret");
        assertThat(source.read(file, 0, 10)).isEqualTo(Arrays.copyOf(content(8, 1000), 10));
        FileSource nowhere = FileSources.open(
                "s3://no-such-bucket/x",
                new SourceOptions(S3Server.at(line.port()), Optional.empty(), Optional.empty()));
        opened.add(nowhere);
        assertThatThrownBy(() -> Listed.of(nowhere))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("there is no bucket no-such-bucket: create it, or correct data.uri");
    }

    @Test
    void expiredCredentialsAreNamedAndRenewedOnesAreUsed() throws Exception {
        put("s.tar", content(8, 1000));
        FileSource source = open("s.tar");
        FileSource.SourceFile file = Listed.of(source).one();
        line.setMode(FaultyLine.Mode.ExpiredToken);
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(prefix + "s.tar")
                .hasMessageContaining("the credentials have expired (400 ExpiredToken)")
                .hasMessageContaining("renew the Secret and its pods");
        line.setMode(FaultyLine.Mode.Healthy);
        assertThat(source.read(file, 0, 10)).isEqualTo(Arrays.copyOf(content(8, 1000), 10));
    }

    /** Its client would be silent for five timeouts of 20 s. */
    @Test
    void aServiceThatTakesRequestsAndIsSilentIsNamedInTime() throws Exception {
        put("s.tar", content(8, 1000));
        try (S3Files files = new S3Files(S3Server.at(line.port()), S3Server.BUCKET, 1, Duration.ofSeconds(1))) {
            FileSource.SourceFile file = files.describe(prefix + "s.tar");
            line.setMode(FaultyLine.Mode.Silent);
            Duration limit = Duration.ofSeconds(15);
            assertTimeoutPreemptively(
                    limit,
                    () -> assertThatThrownBy(() -> files.get(file, 0, 10))
                            .isInstanceOf(IOException.class)
                            .hasMessageContaining("cannot be reached"));
            assertTimeoutPreemptively(
                    limit,
                    () -> assertThatThrownBy(() -> files.describe(file.name())).isInstanceOf(IOException.class));
            assertTimeoutPreemptively(
                    limit,
                    () -> assertThatThrownBy(() -> files.list(prefix, new Listed()))
                            .isInstanceOf(IOException.class));
        }
    }

    /** The file of a Secret changes when the Secret does; the SDK looks at it again within seconds. */
    @Test
    void aProfileHasItsOwnCredentialsAndFollowsItsFile(@TempDir Path aws) throws Exception {
        put("s.tar", content(8, 1000));
        Path credentials = aws.resolve("credentials");
        writeProfile(credentials, "a-secret");
        S3Server.login("of another service");
        System.setProperty("aws.sharedCredentialsFile", credentials.toString());
        S3Service plain = S3Server.at(line.port());
        try (S3Files files = new S3Files(
                new S3Service(plain.endpoint(), plain.region(), plain.pathStyle(), Optional.of("data")),
                S3Server.BUCKET,
                1)) {
            FileSource.SourceFile file = files.describe(prefix + "s.tar");
            assertThat(file.bytes()).isEqualTo(1000);
            writeProfile(credentials, "revoked");
            await().atMost(Duration.ofSeconds(60))
                    .untilAsserted(() -> assertThatThrownBy(() -> files.describe(file.name()))
                            .hasMessageContaining("refuses access (403"));
            writeProfile(credentials, "a-secret");
            await().atMost(Duration.ofSeconds(60))
                    .ignoreExceptions()
                    .untilAsserted(() -> assertThat(files.describe(file.name())).isEqualTo(file));
        } finally {
            System.clearProperty("aws.sharedCredentialsFile");
        }
    }

    private static void writeProfile(Path file, String secret) throws IOException {
        Files.writeString(file, """
                [checkpoints]
                aws_access_key_id = tester
                aws_secret_access_key = not for data
                [data]
                aws_access_key_id = tester
                aws_secret_access_key = %s
                """.formatted(secret));
    }

    /** A pod that is replaced on the same node finds the cache of the one before it. */
    @Test
    void whatIsCachedIsReadWithoutTheService(@TempDir Path cached) throws Exception {
        byte[] shard = content(10, 2_000_000);
        put("s.tar", shard);
        Optional<SourceOptions.Cache> cache = Optional.of(new SourceOptions.Cache(cached, 256 << 20));
        FileSource first = open("s.tar", cache);
        FileSource.SourceFile file = Listed.of(first).one();
        for (int i = 0; i < 10; i++) {
            first.read(file, i * 1000L, 1000);
        }
        first.uncached().read(file, 50_000, 1000);
        int before = line.requests();
        FileSource second = open("s.tar", cache);
        for (int i = 0; i < 10; i++) {
            assertThat(second.read(file, i * 1000L, 1000))
                    .isEqualTo(Arrays.copyOfRange(shard, i * 1000, i * 1000 + 1000));
        }
        assertThat(line.requests()).isEqualTo(before);
        second.read(file, 50_000, 1000);
        assertThat(line.requests()).as("what is read uncached is not kept").isEqualTo(before + 1);
        FileSource.SourceFile other = new FileSource.SourceFile(file.name(), file.bytes(), "another");
        assertThatThrownBy(() -> second.read(other, 0, 1000))
                .as("what is kept is of one version")
                .isInstanceOf(ChangedFileException.class);
    }
}
