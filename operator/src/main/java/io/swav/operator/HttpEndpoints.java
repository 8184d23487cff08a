package io.swav.operator;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Serves, on a port of their own for the kubelet, {@code /healthz} (200 if the operator works, otherwise 503 and why) and
 * {@code /livez} (503 only for what a restart solves); on another one {@code /metrics} for Prometheus, and {@code /}, the jobs
 * for a browser.
 */
final class HttpEndpoints implements AutoCloseable {
    /** Scrapes that may be under way at the same time, because each holds its whole text. */
    private static final int SCRAPES = 4;

    private static final Map<String, String> PAGE_HEADERS = Map.of(
            "Content-Security-Policy",
            JobPage.POLICY,
            "X-Content-Type-Options",
            "nosniff",
            "Cache-Control",
            "no-store");

    /** What is served on the port of metrics and page. */
    interface Content {
        HttpAnswer metrics(boolean gzip);

        /** The namespaces that have jobs. */
        List<String> namespaces();

        /** The page of the jobs that this reader may see. */
        String page(Readers.Decision.Sees reader);
    }

    private final HttpPort health;
    private final HttpPort content;
    private final Semaphore scrapes = new Semaphore(SCRAPES);

    /**
     * Starts serving.
     *
     * @param address of page and metrics to listen at; port 0 takes any free one
     * @param healthPort at the same address; 0 takes any free one
     * @param problems what is wrong, empty if all is well
     * @param fatalProblems what is wrong and will not end by itself
     * @param notes what a person should know although all is well
     */
    HttpEndpoints(
            InetSocketAddress address,
            int healthPort,
            Supplier<List<String>> problems,
            Supplier<List<String>> fatalProblems,
            Supplier<List<String>> notes,
            Readers readers,
            Content served)
            throws IOException {
        health = new HttpPort(
                "health",
                new InetSocketAddress(address.getAddress(), healthPort),
                health(problems, fatalProblems, notes));
        try {
            content = new HttpPort(
                    "content",
                    address,
                    Map.of(
                            "/metrics",
                            call -> metrics(call, readers, served),
                            "/",
                            call -> page(call, readers, served)));
        } catch (IOException e) {
            health.close();
            throw e;
        }
    }

    /** Returns the port of page and metrics. */
    int port() {
        return content.port();
    }

    int healthPort() {
        return health.port();
    }

    /** Returns the pages of the health port. */
    static Map<String, Function<HttpCall, HttpAnswer>> health(
            Supplier<List<String>> problems, Supplier<List<String>> fatalProblems, Supplier<List<String>> notes) {
        return Map.of(
                "/healthz", call -> health(problems.get(), notes.get()),
                "/livez", call -> health(fatalProblems.get(), List.of()));
    }

    private static HttpAnswer health(List<String> problems, List<String> notes) {
        return problems.isEmpty()
                ? HttpAnswer.plain(
                        HttpURLConnection.HTTP_OK,
                        Stream.concat(Stream.of("ok"), notes.stream()).collect(Collectors.joining("\n")))
                : HttpAnswer.plain(HttpURLConnection.HTTP_UNAVAILABLE, String.join("\n", problems));
    }

    private HttpAnswer metrics(HttpCall call, Readers readers, Content served) {
        if (readers.metrics(call) instanceof Readers.Decision.Denied refused) {
            return refused.answer();
        }
        if (!scrapes.tryAcquire()) {
            return HttpAnswer.busy(SCRAPES + " scrapes are under way; try again");
        }
        try {
            HttpAnswer text = served.metrics(call.gzip());
            return new HttpAnswer(text.status(), text.contentType(), text.body(), text.headers(), scrapes::release);
        } catch (RuntimeException e) {
            scrapes.release();
            throw e;
        }
    }

    private static HttpAnswer page(HttpCall call, Readers readers, Content served) {
        List<String> namespaces = call.namespace().map(List::of).orElseGet(served::namespaces);
        Readers.Decision decision = readers.page(call, namespaces);
        if (decision instanceof Readers.Decision.Denied refused) {
            return refused.answer();
        }
        Readers.Decision.Sees sees = (Readers.Decision.Sees) decision;
        Readers.Decision.Sees shown = call.namespace()
                .filter(namespace -> sees.all())
                .map(namespace -> new Readers.Decision.Sees(Set.of(namespace), false, 0))
                .orElse(sees);
        return HttpAnswer.of(HttpURLConnection.HTTP_OK, "text/html; charset=utf-8", served.page(shown), PAGE_HEADERS);
    }

    @Override
    public void close() {
        health.close();
        content.close();
    }
}
