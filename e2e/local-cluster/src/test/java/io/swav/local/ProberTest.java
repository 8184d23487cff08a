package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.ProbeBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tests probes against servers that answer, refuse and start late. */
class ProberTest {
    private static final String HOST = "127.0.0.1";

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final BlockingQueue<Prober.Finding> findings = new LinkedBlockingQueue<>();

    @AfterEach
    void endTimer() {
        timer.shutdownNow();
    }

    @Test
    void httpGetIsReadyByTheStatusCodeOfTheResponse() throws Exception {
        AtomicInteger code = new AtomicInteger(503);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/ready", exchange -> {
            boolean asked = "yes".equals(exchange.getRequestHeaders().getFirst("X-Probe"));
            exchange.sendResponseHeaders(asked ? code.get() : 400, -1);
            exchange.close();
        });
        server.start();
        Container container = new ContainerBuilder()
                .withName("main")
                .addNewPort()
                .withName("web")
                .withContainerPort(server.getAddress().getPort())
                .endPort()
                .withReadinessProbe(probe(1).withNewHttpGet()
                        .withPath("/ready")
                        .withPort(new IntOrString("web"))
                        .addNewHttpHeader("X-Probe", "yes")
                        .endHttpGet()
                        .build())
                .build();
        try (Prober prober = start(container)) {
            assertThat(next()).isInstanceOf(Prober.Started.class);
            assertThat(next()).isInstanceOf(Prober.NotReady.class);
            code.set(204);
            assertThat(next()).isInstanceOf(Prober.Ready.class);
            code.set(500);
            assertThat(next()).isInstanceOf(Prober.NotReady.class);
            assertThat(prober).isNotNull();
        } finally {
            server.stop(0);
        }
    }

    @Test
    void tcpSocketIsAliveWhileAServerListens() throws Exception {
        ServerSocket listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
        Container container = new ContainerBuilder()
                .withName("main")
                .withLivenessProbe(tcp(listener.getLocalPort(), 2))
                .build();
        try (listener;
                Prober prober = start(container)) {
            assertThat(next()).isInstanceOf(Prober.Started.class);
            assertThat(next()).as("no readiness probe").isInstanceOf(Prober.Ready.class);
            assertThat(findings.poll(1500, TimeUnit.MILLISECONDS)).isNull();
            listener.close();
            assertThat(next()).as("by %s", prober).isEqualTo(new Prober.Unhealthy("liveness probe failed"));
        }
    }

    @Test
    void nothingElseIsProbedBeforeTheStartupProbeHasPassed() throws Exception {
        int port = LocalControlPlane.freePorts(1).get(0);
        Container container = new ContainerBuilder()
                .withName("main")
                .withStartupProbe(tcp(port, 120))
                .withReadinessProbe(tcp(port, 1))
                .build();
        try (Prober prober = start(container)) {
            assertThat(findings.poll(1500, TimeUnit.MILLISECONDS))
                    .as("by %s", prober)
                    .isNull();
            try (ServerSocket listener = new ServerSocket(port, 8, InetAddress.getLoopbackAddress())) {
                assertThat(next()).isInstanceOf(Prober.Started.class);
                assertThat(next()).isInstanceOf(Prober.Ready.class);
                assertThat(listener.isBound()).isTrue();
            }
        }
    }

    @Test
    void aStartupProbeThatNeverPassesMakesTheContainerUnhealthy() throws Exception {
        Container container = new ContainerBuilder()
                .withName("main")
                .withStartupProbe(tcp(LocalControlPlane.freePorts(1).get(0), 2))
                .build();
        try (Prober prober = start(container)) {
            assertThat(next()).as("by %s", prober).isEqualTo(new Prober.Unhealthy("startup probe failed"));
        }
    }

    private Prober start(Container container) {
        Prober prober = new Prober(timer, container, Map.of(), Map.of(), Path.of("."), findings::add);
        prober.start();
        return prober;
    }

    private Prober.Finding next() throws InterruptedException {
        Prober.Finding finding = findings.poll(30, TimeUnit.SECONDS);
        assertThat(finding).as("a finding within 30 s").isNotNull();
        return finding;
    }

    private static Probe tcp(int port, int failures) {
        return probe(failures)
                .withNewTcpSocket()
                .withHost(HOST)
                .withPort(new IntOrString(port))
                .endTcpSocket()
                .build();
    }

    private static ProbeBuilder probe(int failures) {
        return new ProbeBuilder()
                .withPeriodSeconds(1)
                .withTimeoutSeconds(5)
                .withSuccessThreshold(1)
                .withFailureThreshold(failures);
    }
}
