package io.swav.operator;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.swav.api.SwavJob;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.zip.GZIPOutputStream;

/** Makes what the operator's port shows: metrics, and the page of jobs. */
final class OperatorContent implements HttpEndpoints.Content {
    private static final String METRICS = "text/plain; version=0.0.4; charset=utf-8";

    private final PrometheusMeterRegistry registry;
    private final Supplier<List<SwavJob>> jobs;
    private final Supplier<String> leadership;

    /** @param leadership a sentence about this operator: whether it leads, or still starts */
    OperatorContent(PrometheusMeterRegistry registry, Supplier<List<SwavJob>> jobs, Supplier<String> leadership) {
        this.registry = registry;
        this.jobs = jobs;
        this.leadership = leadership;
    }

    @Override
    public HttpAnswer metrics(boolean gzip) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        try (OutputStream out = gzip ? new GZIPOutputStream(body) : body) {
            registry.scrape(out, METRICS);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new HttpAnswer(
                HttpURLConnection.HTTP_OK,
                METRICS,
                ByteBuffer.wrap(body.toByteArray()),
                gzip ? Map.of("Content-Encoding", "gzip", "Vary", "Accept-Encoding") : Map.of(),
                () -> {});
    }

    @Override
    public List<String> namespaces() {
        return jobs.get().stream()
                .map(job -> job.getMetadata().getNamespace())
                .distinct()
                .toList();
    }

    @Override
    public String page(Readers.Decision.Sees reader) {
        String note = reader.unasked() == 0
                ? ""
                : "; " + reader.unasked()
                        + " more namespaces have jobs: add ?namespace=NAME to the address to see one of them";
        return JobPage.html(
                jobs.get().stream()
                        .filter(job -> reader.shows(job.getMetadata().getNamespace()))
                        .toList(),
                leadership.get() + note,
                Instant.now());
    }
}
