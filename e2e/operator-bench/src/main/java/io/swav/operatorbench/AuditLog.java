package io.swav.operatorbench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.local.ProcessUtils;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The API server's audit log of one user. It counts what arrived at the server, retries included, which no client knows
 * of itself.
 */
final class AuditLog {
    private static final Duration CALM = Duration.ofSeconds(3);
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Set<String> WRITES = Set.of("create", "update", "patch", "delete", "deletecollection");

    private final Path file;

    private AuditLog(Path file) {
        this.file = file;
    }

    /**
     * Writes the audit policy into {@code dir}.
     *
     * @param user whose requests are recorded
     */
    static AuditLog in(Path dir, String user) throws IOException {
        Files.createDirectories(dir);
        Files.writeString(dir.resolve("policy.yaml"), """
                apiVersion: audit.k8s.io/v1
                kind: Policy
                omitStages: [ResponseStarted]
                rules: # a watch is recorded when it begins, all else when it is done
                - {level: Metadata, users: ["%1$s"], verbs: [watch], omitStages: [ResponseComplete, Panic]}
                - {level: Metadata, users: ["%1$s"], omitStages: [RequestReceived]}
                - {level: None}
                """.formatted(user));
        return new AuditLog(dir.resolve("audit.log"));
    }

    /** Returns the arguments of a kube-apiserver that writes this log. */
    List<String> apiServerArguments() {
        return List.of(
                "--audit-policy-file=" + file.resolveSibling("policy.yaml"),
                "--audit-log-path=" + file,
                "--audit-log-maxsize=100000"); // MiB: one file, so that a position in it stays valid
    }

    /** Returns the position up to which the log is written, for {@link #requests}. */
    long mark() {
        try {
            return Files.exists(file) ? Files.size(file) : 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Returns the number of requests between two marks, by verb and resource: {@code "patch swavjobs/status"}. A list that
     * does not ask for pages is {@code "list pods all at once"}.
     */
    Map<String, Long> requests(long from, long to) {
        Map<String, Long> counts = new TreeMap<>();
        if (to <= from) {
            return counts;
        }
        try (RandomAccessFile log = new RandomAccessFile(file.toFile(), "r")) {
            log.seek(from);
            byte[] bytes = new byte[Math.toIntExact(to - from)];
            log.readFully(bytes);
            count(new String(bytes, StandardCharsets.UTF_8), counts);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return counts;
    }

    /** Counts whole lines; the first and the last may be cut off. */
    static void count(String lines, Map<String, Long> counts) throws IOException {
        for (String line : lines.split("\n", -1)) {
            if (!line.startsWith("{") || !line.endsWith("}")) {
                continue;
            }
            JsonNode event = JSON.readTree(line);
            String verb = event.path("verb").asText();
            String uri = event.path("requestURI").asText();
            String resource = event.at("/objectRef/resource").asText("");
            String subresource = event.at("/objectRef/subresource").asText("");
            boolean whole = verb.equals("list") && !uri.contains("limit=");
            counts.merge(
                    verb + " " + (resource.isEmpty() ? uri : resource)
                            + (subresource.isEmpty() ? "" : "/" + subresource)
                            + (whole ? " all at once" : ""),
                    1L,
                    Long::sum);
        }
    }

    /**
     * Returns the number of requests that change something, without the renewal of the leader's lease. A review, such as
     * {@code "create selfsubjectrulesreviews"}, asks for rights and changes nothing.
     */
    static long writes(Map<String, Long> requests) {
        return requests.entrySet().stream()
                .filter(entry -> WRITES.contains(entry.getKey().split(" ", 2)[0])
                        && !entry.getKey().endsWith(" leases")
                        && !entry.getKey().endsWith("reviews"))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /** Waits until the operator has written nothing for a while, or for this time: where trainers report it always writes. */
    void awaitCalm(Duration limit) {
        Instant deadline = Instant.now().plus(limit);
        long mark;
        do {
            mark = mark();
            ProcessUtils.pause(CALM);
        } while (writes(requests(mark, mark())) > 0 && Instant.now().isBefore(deadline));
    }
}
