package io.swav.operatorbench;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.local.BackgroundProcess;
import io.swav.local.LocalClusterException;
import io.swav.local.PrivateFiles;
import io.swav.local.ProcessUtils;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The operator as the chart would run it: a process of its own, with the container's environment and memory limit, and
 * with a token of its ServiceAccount as its only credential. It listens at 127.0.0.1.
 */
final class MeasuredOperator {
    private static final String NAME = "operator";
    private static final Pattern PAGE = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/");
    private static final Pattern HEALTH = Pattern.compile("health(?: and metrics)? on (http://127\\.0\\.0\\.1:\\d+/)");
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final Duration GRACE = Duration.ofSeconds(10);
    private static final HttpClient HTTP =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    /**
     * One scrape of the metrics.
     *
     * @param seconds until all of it was received
     */
    record Scrape(String text, double seconds) {}

    private final Path dir;
    private final InstalledChart chart;
    private final Path kubeconfig;

    private MeasuredOperator(Path dir, InstalledChart chart, Path kubeconfig) {
        this.dir = dir;
        this.chart = chart;
        this.kubeconfig = kubeconfig;
    }

    /**
     * Prepares the operator; {@link #start} starts it.
     *
     * @param admin kubeconfig of the cluster's administrator
     * @param proxy a plain HTTP proxy in front of the API server; empty for none
     */
    static MeasuredOperator of(
            Path dir, InstalledChart chart, KubernetesClient client, Path admin, Optional<Integer> proxy) {
        try {
            String config = Files.readString(admin).replaceAll("token: .*", "token: " + chart.token(client));
            if (proxy.isPresent()) {
                config = config.replaceAll("server: .*", "server: http://127.0.0.1:" + proxy.get())
                        .replaceAll("\\s+certificate-authority-data: .*", "");
            }
            Path kubeconfig = PrivateFiles.folder(dir).resolve("kubeconfig");
            PrivateFiles.write(kubeconfig, config);
            return new MeasuredOperator(dir, chart, kubeconfig);
        } catch (IOException e) {
            throw new LocalClusterException("cannot prepare the operator in " + dir + ": " + e, e);
        }
    }

    /**
     * Starts the process and waits until it is healthy. One that ends before, because the API server refuses to let it watch,
     * is started again, as its Deployment would do.
     */
    void start() {
        Instant deadline = Instant.now().plus(LIMIT);
        launch();
        while (!isHealthy()) {
            if (Instant.now().isAfter(deadline)) {
                throw new LocalClusterException(
                        "the operator was not healthy within " + LIMIT.toSeconds() + " s: its log ends\n" + log());
            }
            if (!isRunning()) {
                launch();
            }
            ProcessUtils.pause(Duration.ofMillis(50));
        }
    }

    private void launch() {
        Map<String, String> env = new TreeMap<>(chart.environment());
        env.put("KUBECONFIG", kubeconfig.toString());
        env.put("SWAV_HEALTH_PORT", "0");
        BackgroundProcess.start(
                dir,
                NAME,
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        // what the JVM takes for the machine's memory in a container of this limit
                        "-XX:MaxRAM=" + chart.memoryLimitBytes(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.swav.operator.Main",
                        "--address=127.0.0.1",
                        "--port=0"),
                env);
    }

    void stop() {
        stop(dir);
    }

    /** Kills the process, which can do nothing more. */
    void kill() {
        process().stop(Duration.ZERO);
    }

    /** Ends the operator that was started in {@code dir}, if it runs. */
    static void stop(Path dir) {
        BackgroundProcess.find(dir, NAME).ifPresent(process -> process.stop(GRACE));
    }

    private BackgroundProcess process() {
        return BackgroundProcess.find(dir, NAME)
                .orElseThrow(() -> new LocalClusterException("the operator ended; the last lines of its log are\n"
                        + log().lines()
                                .skip(Math.max(0, log().lines().count() - 15))
                                .toList()));
    }

    /** @throws LocalClusterException if it has ended */
    long pid() {
        return process().pid();
    }

    boolean isRunning() {
        return BackgroundProcess.find(dir, NAME).isPresent();
    }

    String log() {
        try {
            Path log = BackgroundProcess.logFile(dir, NAME);
            return Files.exists(log) ? Files.readString(log) : "";
        } catch (IOException e) {
            throw new LocalClusterException("cannot read the operator's log: " + e, e);
        }
    }

    private boolean isHealthy() {
        Matcher health = HEALTH.matcher(log());
        try {
            return health.find() && get(URI.create(health.group(1) + "healthz")).statusCode() == 200;
        } catch (IOException e) {
            return false; // it does not listen yet
        }
    }

    /** Scrapes the metrics once. */
    Scrape scrape() {
        Matcher page = PAGE.matcher(log());
        if (!page.find()) {
            throw new LocalClusterException(
                    "the operator's log does not name its page: " + process().log());
        }
        try {
            long start = System.nanoTime();
            HttpResponse<String> response = get(URI.create(page.group() + "metrics"));
            double seconds = (System.nanoTime() - start) / 1e9;
            if (response.statusCode() != 200) {
                throw new LocalClusterException("/metrics responded with " + response.statusCode());
            }
            return new Scrape(response.body(), seconds);
        } catch (IOException e) {
            throw new LocalClusterException("/metrics did not respond: " + e, e);
        }
    }

    private static HttpResponse<String> get(URI address) throws IOException {
        try {
            return HTTP.send(
                    HttpRequest.newBuilder(address)
                            .timeout(Duration.ofMinutes(1))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LocalClusterException("interrupted", e);
        }
    }
}
