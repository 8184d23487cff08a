package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import io.swav.s3.S3Service;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests shards on a web server that fails on command. */
class WebSourceTest {
    private static final byte[] SHARD = new byte[3_000_000];

    static {
        new SplittableRandom(3).nextBytes(SHARD);
    }

    private FaultyWeb web;
    private final List<FileSource> opened = new ArrayList<>();

    @BeforeEach
    void start() throws IOException {
        web = new FaultyWeb();
        web.put("d/s-0.tar", SHARD, "\"one\"");
    }

    @AfterEach
    void stop() {
        opened.forEach(FileSource::close);
        web.close();
    }

    private FileSource open(String uri) {
        return open(uri, Optional.empty());
    }

    private FileSource open(String uri, Optional<String> authorization) {
        FileSource source = FileSources.open(uri, new SourceOptions(S3Service.AWS, authorization, Optional.empty()));
        opened.add(source);
        return source;
    }

    private static byte[] part(int from, int to) {
        return Arrays.copyOfRange(SHARD, from, to);
    }

    @Test
    void readsRangesOfNamedShards() throws Exception {
        web.put("d/s-1.tar", new byte[10], "\"two\"");
        FileSource source = open(web.uri("d/s-{0..1}.tar"));
        Listed listed = Listed.of(source);
        assertThat(listed.files.values())
                .containsExactly(
                        new FileSource.SourceFile("s-0.tar", SHARD.length, "\"one\""),
                        new FileSource.SourceFile("s-1.tar", 10, "\"two\""));
        FileSource.SourceFile file = listed.one();
        assertThat(source.read(file, 0, 10)).isEqualTo(part(0, 10));
        assertThat(source.read(file, 1_000_000, 500_000)).isEqualTo(part(1_000_000, 1_500_000));
        assertThat(source.read(file, SHARD.length - 1, 1)).isEqualTo(part(SHARD.length - 1, SHARD.length));
        assertThat(source.read(file, SHARD.length, 0)).isEmpty();
        assertThatThrownBy(() -> source.read(file, SHARD.length - 1, 2)).isInstanceOf(EOFException.class);
        assertThat(web.requests()).contains("GET /d/s-0.tar bytes=1000000-1499999 null");
    }

    @Test
    void streamsFromAnyPlaceAndSkips() throws Exception {
        FileSource source = open(web.uri("d/s-0.tar"));
        FileSource.SourceFile file = Listed.of(source).one();
        try (InputStream stream = source.open(file, 100)) {
            assertThat(stream.readNBytes(50)).isEqualTo(part(100, 150));
            assertThat(stream.skip(1000)).isEqualTo(1000);
            assertThat(stream.readNBytes(50)).isEqualTo(part(1150, 1200));
            assertThat(stream.skip(2_000_000)).isEqualTo(2_000_000);
            assertThat(stream.readAllBytes()).isEqualTo(part(2_001_200, SHARD.length));
            assertThat(stream.read()).isEqualTo(-1);
        }
        assertThat(web.requests().stream().filter(each -> each.startsWith("GET")))
                .as("a long skip is a request, a short one is read")
                .hasSize(2);
    }

    @Test
    void errorsAndCutBodiesAreRequestedAgainFromWhereTheyEnded() throws Exception {
        FileSource source = open(web.uri("d/s-0.tar"));
        FileSource.SourceFile file = Listed.of(source).one();
        web.fail(FaultyWeb.status(500), FaultyWeb.status(503), FaultyWeb.cutAfter(700_000), FaultyWeb.cutAfter(0));
        assertThat(source.read(file, 1000, 2_000_000)).isEqualTo(part(1000, 2_001_000));
        assertThat(web.faultsLeft()).isZero();

        web.fail(FaultyWeb.cutAfter(1_000_000), FaultyWeb.status(429), FaultyWeb.cutAfter(5000));
        try (InputStream stream = source.open(file, 0)) {
            assertThat(stream.readAllBytes()).isEqualTo(SHARD);
        }
        assertThat(web.faultsLeft()).isZero();
        assertThat(web.requests()).last().asString().matches("GET /d/s-0.tar bytes=\\d{6,7}-2999999 null");
    }

    @Test
    void anErrorThatLastsIsNamed() throws Exception {
        FileSource source = open(web.uri("d/s-0.tar"));
        FileSource.SourceFile file = Listed.of(source).one();
        for (int i = 0; i < 4; i++) {
            web.fail(FaultyWeb.status(500));
        }
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(web.uri("d/s-0.tar"))
                .hasMessageContaining("500");
        assertThat(source.read(file, 0, 10)).isEqualTo(part(0, 10));
    }

    @Test
    void aReplacedShardIsNamedAndNotRead() throws Exception {
        FileSource source = open(web.uri("d/s-0.tar"));
        FileSource.SourceFile file = Listed.of(source).one();
        web.put("d/s-0.tar", new byte[SHARD.length], "\"other\"");
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(ChangedFileException.class)
                .hasMessageContaining("d/s-0.tar changed")
                .hasMessageContaining("\"other\" instead of \"one\"");
        assertThat(web.requests()).as("no retry changes that").hasSize(2);
        web.put("d/s-0.tar", new byte[100], "\"one\"");
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(ChangedFileException.class)
                .hasMessageContaining("100 bytes instead of 3000000");
        web.remove("d/s-0.tar");
        assertThatThrownBy(() -> source.open(file, 0).read())
                .isInstanceOf(ChangedFileException.class)
                .hasMessageContaining("gone");
    }

    /** The connection is cut, and what follows is of another shard: no mixture of the two is returned. */
    @Test
    void aShardReplacedWithinARangeIsNotMixed() throws Exception {
        FileSource source = open(web.uri("d/s-0.tar"));
        FileSource.SourceFile file = Listed.of(source).one();
        web.fail((exchange, content) -> {
            web.put("d/s-0.tar", new byte[SHARD.length], "\"other\"");
            return FaultyWeb.cutAfter(1000).answer(exchange, content);
        });
        assertThatThrownBy(() -> source.read(file, 0, 1_000_000)).isInstanceOf(ChangedFileException.class);
    }

    @Test
    void aServerWithoutRangesIsRefusedWithAWayOut() throws Exception {
        web.withoutRanges();
        FileSource source = open(web.uri("d/s-0.tar"));
        FileSource.SourceFile file = Listed.of(source).one();
        assertThatThrownBy(() -> source.read(file, 10, 10))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("answers 200 to a request for a range")
                .hasMessageContaining("mount the data as a volume");
        try (InputStream whole = source.open(file, 0)) {
            assertThat(whole.readAllBytes()).isEqualTo(SHARD);
        }
    }

    @Test
    void credentialsAreSentOnlyToTheirHostAndTheirEndIsNamed() throws Exception {
        FileSource source = open(web.uri("d/s-0.tar"), Optional.of("Bearer abc"));
        FileSource.SourceFile file = Listed.of(source).one();
        try (FaultyWeb elsewhere = new FaultyWeb()) {
            elsewhere.put("moved", SHARD, "\"one\"");
            web.fail(FaultyWeb.redirect("http://localhost:" + elsewhere.port() + "/moved"));
            assertThat(source.read(file, 5, 10)).isEqualTo(part(5, 15));
            assertThat(elsewhere.requests()).containsExactly("GET /moved bytes=5-14 null");
        }
        assertThat(web.requests())
                .containsExactly("HEAD /d/s-0.tar null Bearer abc", "GET /d/s-0.tar bytes=5-14 Bearer abc");
        for (int i = 0; i < 4; i++) {
            web.fail(FaultyWeb.status(401));
        }
        assertThatThrownBy(() -> source.read(file, 0, 10))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("refuses access (401)")
                .hasMessageContaining("SWAV_DATA_AUTHORIZATION")
                .hasMessageNotContaining("abc");
    }

    @Test
    void aMissingShardIsNamed() {
        FileSource source = open(web.uri("d/s-{0..2}.tar"));
        assertThatThrownBy(() -> Listed.of(source))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.NO_INPUT))
                .hasMessageContaining(web.uri("d/s-1.tar"));
    }

    @Test
    void namesWithSpacesAndPercentSignsAreThatFile() throws Exception {
        web.put("a b/50%+ü.tar", part(0, 100), "\"x\"");
        FileSource source = open(web.uri("a b/50%25+ü.tar"));
        assertThat(source.read(Listed.of(source).one(), 10, 10)).isEqualTo(part(10, 20));
    }
}
