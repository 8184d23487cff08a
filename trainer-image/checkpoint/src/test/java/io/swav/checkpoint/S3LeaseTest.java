package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.s3.S3Server;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** Tests ownership of a real server's bucket. */
class S3LeaseTest extends LeaseContract {
    @TempDir
    static Path folder;

    private static S3Server server;
    private String prefix = "";
    private final List<Store> opened = new ArrayList<>();

    @BeforeAll
    static void start() throws Exception {
        server = S3Server.start(folder);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void ownPrefix(TestInfo test) {
        prefix = "owners/" + test.getDisplayName().replaceAll("\\W", "");
        S3Server.login("a-secret");
    }

    @AfterEach
    void closeStores() {
        opened.forEach(Store::close);
    }

    @Override
    Store store() {
        Store store = S3Store.open(URI.create("s3://" + S3Server.BUCKET + "/" + prefix), S3Server.at(server.port()));
        opened.add(store);
        return store;
    }

    @Override
    void put(String name, byte[] content) throws IOException {
        try (Store.Sink sink = store().create(name, new DraftWriter("other", 0))) {
            sink.write(ByteBuffer.wrap(content));
            sink.commit();
        }
    }

    @Test
    void ofManyProcessesOneHolds() throws Exception {
        List<Process> processes = new ArrayList<>();
        try {
            for (int i = 0; i < 4; i++) {
                processes.add(Claimer.start("s3://" + S3Server.BUCKET + "/" + prefix, server.port(), "job-" + i));
            }
            int holding = 0;
            for (Process process : processes) {
                BufferedReader said =
                        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
                holding += "true".equals(said.readLine()) ? 1 : 0;
            }
            assertThat(holding).isEqualTo(1);
        } finally {
            processes.forEach(Process::destroyForcibly);
        }
    }

    /** Otherwise every claim would have to settle. */
    @Test
    void theServerRefusesASecondFileOfOneName() throws Exception {
        put("owner-1/OWNER.json", new byte[] {1});
        assertThat(store().refusesSecond("owner-1/OWNER.json", new byte[] {1})).isTrue();
    }
}
