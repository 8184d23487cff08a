package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.github.luben.zstd.ZstdOutputStream;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.s3.FaultyLine;
import io.swav.s3.S3Server;
import io.swav.torch.TorchRuntime;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;

/** Trains on images of a real S3 server: the crops are those of the same shards in a folder, whatever the connection does. */
class BucketDataTest {
    private static final int GROUPS = 4;
    private static final int STEPS = 4;
    private static final String PLACE = "s3://" + S3Server.BUCKET + "/set/";

    @TempDir
    static Path folder;

    private static S3Server server;
    private static FaultyLine line;
    private static S3Client writer;
    private static List<float[]> expected;

    @BeforeAll
    static void uploadShards() throws Exception {
        TorchRuntime.start();
        Path shards = folder.resolve("shards");
        try (ShardWriter to = new ShardWriter(shards, "s", 20)) {
            for (int i = 0; i < 80; i++) {
                to.add(String.format("key%03d", i), DataSetTest.image(i), "jpg", i % 10);
            }
        }
        server = S3Server.start(folder);
        line = new FaultyLine(server.port());
        writer = S3Server.at(server.port()).client(4);
        try (Stream<Path> files = Files.list(shards)) {
            for (Path file :
                    files.filter(each -> each.toString().endsWith(".tar")).toList()) {
                byte[] tar = Files.readAllBytes(file);
                put(file.getFileName().toString(), tar);
                put("packed/" + file.getFileName() + ".gz", gzip(tar));
                put("zipped/" + file.getFileName() + ".zst", zstd(tar));
            }
        }
        expected = crops(spec(shards.toUri().toString(), ""));
    }

    @AfterAll
    static void stop() throws Exception {
        writer.close();
        line.close();
        server.close();
    }

    @AfterEach
    void healthy() {
        line.setMode(FaultyLine.Mode.Healthy);
        line.setLatency(Duration.ZERO);
    }

    private static byte[] gzip(byte[] bytes) throws Exception {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (OutputStream to = new GZIPOutputStream(all)) {
            to.write(bytes);
        }
        return all.toByteArray();
    }

    private static byte[] zstd(byte[] bytes) throws Exception {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (OutputStream to = new ZstdOutputStream(all)) {
            to.write(bytes);
        }
        return all.toByteArray();
    }

    private static void put(String name, byte[] content) {
        writer.putObject(request -> request.bucket(S3Server.BUCKET).key("set/" + name), RequestBody.fromBytes(content));
    }

    private static SwavJobSpec spec(String uri, String cache) throws Exception {
        ObjectNode json = (ObjectNode) new ObjectMapper().readTree("""
                {"replicas": 1, "elastic": {"minReplicas": 1, "maxReplicas": 4},
                 "model": {"architecture": "tiny", "stem": "small"}, "data": {},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0},
                           {"count": 3, "size": 8, "minScale": 0.05, "maxScale": 0.14}],
                 "training": {"globalBatch": 16, "groupSize": 4, "epochs": 10}, "recovery": {"hungAfterSeconds": 120}}
                """);
        json.withObject("/data").put("uri", uri);
        if (uri.startsWith("s3:")) {
            json.withObject("/data/s3").put("endpoint", "http://127.0.0.1:" + line.port());
        }
        if (!cache.isEmpty()) {
            json.withObject("/data/cache").put("path", cache).put("size", "512Mi");
        }
        return SpecLoader.complete("test", json);
    }

    private static List<float[]> crops(SwavJobSpec spec) {
        List<float[]> all = new ArrayList<>();
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec, List.of());
                NDManager manager = NDManager.newBaseManager()) {
            batches.expect(0, 0, GROUPS);
            for (int step = 0; step < STEPS; step++) {
                for (int group = 0; group < GROUPS; group++) {
                    all.add(batches.group(manager, step, group).get(1).toFloatArray());
                }
            }
        }
        return all;
    }

    private static void assertSameCrops(SwavJobSpec spec) {
        assertThat(crops(spec)).usingRecursiveComparison().isEqualTo(expected);
    }

    @Test
    void aBucketGivesTheCropsOfTheFolder() throws Exception {
        assertSameCrops(spec(PLACE + "s-{000000..000003}.tar", ""));
        assertSameCrops(spec(PLACE + "*.tar", ""));
    }

    @Test
    void aBadConnectionDoesNotChangeCrops() throws Exception {
        crops(spec(PLACE + "s-00000?.tar", "")); // the index is built
        int before = line.faults();
        line.setMode(FaultyLine.Mode.Flaky);
        assertSameCrops(spec(PLACE + "s-00000?.tar", ""));
        assertThat(line.faults() - before).isGreaterThan(20);
    }

    /** The Secret is renewed while the trainer keeps trying. */
    @Test
    void credentialsThatExpireForAWhileDoNotChangeCrops() throws Exception {
        SwavJobSpec spec = spec(PLACE + "s-00000?.tar", "");
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec, List.of());
                NDManager manager = NDManager.newBaseManager()) {
            int before = line.faults();
            line.setMode(FaultyLine.Mode.ExpiredToken);
            batches.expect(0, 0, GROUPS);
            // longer than one read is repeated by itself
            await().pollDelay(Duration.ofSeconds(3)).until(() -> line.faults() - before > 10);
            line.setMode(FaultyLine.Mode.Healthy);
            for (int group = 0; group < GROUPS; group++) {
                assertThat(batches.group(manager, 0, group).get(1).toFloatArray())
                        .isEqualTo(expected.get(group));
            }
        }
    }

    @Test
    void compressedShardsGiveTheSameCrops() throws Exception {
        assertSameCrops(spec(PLACE + "packed/*", ""));
        assertSameCrops(spec(PLACE + "zipped", folder.resolve("unpacked").toString()));
    }

    @Test
    void laterPodsAndEpochsReadFromTheCache() throws Exception {
        SwavJobSpec spec = spec(PLACE + "s-*.tar", folder.resolve("cache").toString());
        assertSameCrops(spec);
        int before = line.requests();
        assertSameCrops(spec);
        assertThat(line.requests() - before)
                .as("listing and headers; 64 samples are in the cache")
                .isLessThan(20);
    }

    @Test
    void aShardThatIsReplacedWhileItIsReadIsNamed() throws Exception {
        try (DataSet data =
                DataSet.open(PLACE + "s-{000000..000001}.tar", spec(PLACE + "s-{000000..000001}.tar", ""))) {
            byte[] before = data.read(0);
            assertThat(before).isNotEmpty();
            byte[] shard = writer.getObjectAsBytes(
                            request -> request.bucket(S3Server.BUCKET).key("set/s-000000.tar"))
                    .asByteArray();
            byte[] other = shard.clone();
            other[600] ^= 1;
            put("s-000000.tar", other);
            try {
                assertThatThrownBy(() -> data.read(0))
                        .isInstanceOf(DataException.class)
                        .hasMessageContaining("s-000000.tar");
            } finally {
                put("s-000000.tar", shard);
            }
        }
    }

    /** One worker that read by itself would need 64 times 20 ms. */
    @Test
    void latencyIsHiddenByReadsAhead() throws Exception {
        SwavJobSpec spec = spec(PLACE + "s-{000000..000003}.tar", "");
        crops(spec); // classes are loaded, the index is built
        try (PrefetchingBatches batches = PrefetchingBatches.open(spec, List.of());
                NDManager manager = NDManager.newBaseManager()) {
            line.setLatency(Duration.ofMillis(200));
            batches.expect(0, 0, GROUPS);
            long start = System.nanoTime();
            for (int group = 0; group < GROUPS; group++) {
                batches.group(manager, 0, group);
            }
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                    .as("sixteen reads at 200 ms each, at the same time")
                    .isLessThan(Duration.ofMillis(16 * 200 / 2));
        }
    }
}
