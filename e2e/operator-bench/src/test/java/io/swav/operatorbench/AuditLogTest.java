package io.swav.operatorbench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuditLogTest {
    private static final String PATCH = """
            {"kind":"Event","stage":"ResponseComplete","verb":"patch","requestURI":"/apis/swav.io/v1alpha1/x",\
            "objectRef":{"resource":"swavjobs","subresource":"status"}}
            """;

    private static final String LIST = """
            {"kind":"Event","verb":"list","requestURI":"/api/v1/pods?%s","objectRef":{"resource":"pods"}}
            """;

    @TempDir
    private Path dir;

    @Test
    void countsRequestsBetweenMarksByVerbAndResource() throws IOException {
        AuditLog log = AuditLog.in(dir, "system:serviceaccount:ns:operator");
        Path file = dir.resolve("audit.log");
        assertThat(log.requests(0, log.mark())).isEmpty();
        Files.writeString(file, PATCH);
        long mark = log.mark();
        Files.writeString(
                file,
                PATCH + PATCH + PATCH + LIST.formatted("limit=500") + LIST.formatted("labelSelector=a")
                        + "{\"verb\":\"get\",\"requestURI\":\"/version\"}\n{\"verb\":\"delete\",\"half a line");

        assertThat(log.requests(mark, log.mark()))
                .isEqualTo(Map.of(
                        "patch swavjobs/status", 2L, "list pods", 1L, "list pods all at once", 1L, "get /version", 1L));
        assertThat(Files.readString(dir.resolve("policy.yaml"))).contains("system:serviceaccount:ns:operator");
    }

    @Test
    void neitherRenewingTheLeaseNorAskingForRightsIsAWrite() {
        assertThat(AuditLog.writes(Map.of(
                        "patch leases",
                        9L,
                        "update leases",
                        9L,
                        "create pods",
                        2L,
                        "list pods",
                        9L,
                        "create selfsubjectrulesreviews",
                        9L,
                        "patch roles",
                        1L)))
                .isEqualTo(3);
    }
}
