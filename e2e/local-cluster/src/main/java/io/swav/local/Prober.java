package io.swav.local;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.HTTPGetAction;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.Probe;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Probes one run of a container: startup first, then readiness and liveness, each with its delay, period, timeout and
 * thresholds.
 */
final class Prober implements AutoCloseable {
    /** A change in the result of the probes; unchanged results are not reported. */
    sealed interface Finding permits Started, Ready, NotReady, Unhealthy {}

    record Started() implements Finding {}

    record Ready() implements Finding {}

    record NotReady() implements Finding {}

    /** The startup or liveness probe reached its failure threshold: the container must be killed. */
    record Unhealthy(String why) implements Finding {}

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private final ScheduledExecutorService timer;
    private final Container container;
    private final Map<String, String> mounts;
    private final Map<String, String> env;
    private final Path workingDir;
    private final Consumer<Finding> listener;
    private final List<ScheduledFuture<?>> schedules = new ArrayList<>();

    Prober(
            ScheduledExecutorService timer,
            Container container,
            Map<String, String> mounts,
            Map<String, String> env,
            Path workingDir,
            Consumer<Finding> listener) {
        this.timer = timer;
        this.container = container;
        this.mounts = mounts;
        this.env = env;
        this.workingDir = workingDir;
        this.listener = listener;
    }

    void start() {
        if (container.getStartupProbe() == null) {
            started();
        } else {
            schedule(
                    container.getStartupProbe(),
                    this::started,
                    () -> listener.accept(new Unhealthy("startup probe failed")));
        }
    }

    private synchronized void started() {
        schedules.forEach(s -> s.cancel(false));
        listener.accept(new Started());
        if (container.getReadinessProbe() == null) {
            listener.accept(new Ready());
        } else {
            schedule(
                    container.getReadinessProbe(),
                    () -> listener.accept(new Ready()),
                    () -> listener.accept(new NotReady()));
        }
        if (container.getLivenessProbe() != null) {
            schedule(
                    container.getLivenessProbe(),
                    () -> {},
                    () -> listener.accept(new Unhealthy("liveness probe failed")));
        }
    }

    @Override
    public synchronized void close() {
        schedules.forEach(s -> s.cancel(false));
    }

    private synchronized void schedule(Probe probe, Runnable passed, Runnable failed) {
        ProbeCount count = new ProbeCount(or(probe.getSuccessThreshold(), 1), or(probe.getFailureThreshold(), 3));
        schedules.add(timer.scheduleWithFixedDelay(
                () -> {
                    switch (count.add(succeeds(probe))) {
                        case PASSED -> passed.run();
                        case FAILED -> failed.run();
                        case UNCHANGED -> {}
                    }
                },
                or(probe.getInitialDelaySeconds(), 0) * 1000L,
                or(probe.getPeriodSeconds(), 10) * 1000L,
                TimeUnit.MILLISECONDS));
    }

    private boolean succeeds(Probe probe) {
        Duration limit = Duration.ofSeconds(or(probe.getTimeoutSeconds(), 1));
        try {
            if (probe.getExec() != null) {
                return exec(probe.getExec().getCommand(), limit);
            }
            if (probe.getHttpGet() != null) {
                return http(probe.getHttpGet(), limit);
            }
            if (probe.getTcpSocket() != null) {
                return tcp(
                        probe.getTcpSocket().getHost(),
                        port(probe.getTcpSocket().getPort()),
                        limit);
            }
            return true;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private boolean exec(List<String> command, Duration limit) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command.stream()
                        .map(word -> VariableExpansion.paths(word, mounts))
                        .toList())
                .directory(workingDir.toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.environment().clear();
        builder.environment().putAll(env);
        Process process = builder.start();
        if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
            process.destroyForcibly();
            return false;
        }
        return process.exitValue() == 0;
    }

    private boolean http(HTTPGetAction get, Duration limit) throws IOException, InterruptedException {
        String scheme = get.getScheme() == null ? "http" : get.getScheme().toLowerCase(Locale.ROOT);
        String path = get.getPath() == null ? "/" : get.getPath();
        HttpRequest.Builder request = HttpRequest.newBuilder(
                        URI.create(scheme + "://" + host(get.getHost()) + ":" + port(get.getPort()) + path))
                .timeout(limit);
        get.getHttpHeaders().forEach(h -> request.header(h.getName(), h.getValue()));
        int code = HTTP.send(request.build(), HttpResponse.BodyHandlers.discarding())
                .statusCode();
        return code >= 200 && code < 400;
    }

    private static boolean tcp(@Nullable String host, int port, Duration limit) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(host(host), port), (int) limit.toMillis());
            return true;
        }
    }

    private static String host(@Nullable String host) {
        return host == null || host.isEmpty() ? PodStatuses.HOST : host;
    }

    /** The port's number; {@code port} may be the name of one of the container's ports. */
    private int port(IntOrString port) throws IOException {
        if (port.getIntVal() != null) {
            return port.getIntVal();
        }
        return container.getPorts().stream()
                .filter(p -> port.getStrVal().equals(p.getName()))
                .map(ContainerPort::getContainerPort)
                .findFirst()
                .orElseThrow(() -> new IOException("the container has no port named " + port.getStrVal()));
    }

    private static int or(@Nullable Integer value, int otherwise) {
        return value == null ? otherwise : value;
    }
}
