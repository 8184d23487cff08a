package io.swav.trainer;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.swav.membership.ConfigMapWorldSource;
import io.swav.membership.FileWorldSource;
import io.swav.membership.SingleProcessWorldSource;
import io.swav.membership.WorldSource;
import java.nio.file.Path;
import java.util.Optional;

/** Where this trainer reads its world and sends its reports: a cluster, files, or nowhere. */
record ControlPlane(WorldSource worlds, ReportSink sink, Runnable closing) implements AutoCloseable {
    private static final int CONNECT_MILLIS = 3000;
    private static final int REQUEST_MILLIS = 5000;
    /** The client doubles this interval five times while the server is away. */
    private static final int WATCH_RECONNECT_MILLIS = 100;
    /** A watch whose server has not answered a ping by the next one has ended, whatever the connection says. */
    private static final long WATCH_PING_MILLIS = 10_000;

    /** Connects to the API server: with the pod's own account, or outside a pod as KUBECONFIG says. */
    static ControlPlane cluster(TrainerEnvironment env) {
        Config config = new ConfigBuilder(Config.autoConfigure(null))
                .withConnectionTimeout(CONNECT_MILLIS)
                .withRequestTimeout(REQUEST_MILLIS)
                .withRequestRetryBackoffLimit(0)
                .withWatchReconnectInterval(WATCH_RECONNECT_MILLIS)
                .withWebsocketPingInterval(WATCH_PING_MILLIS)
                .build();
        KubernetesClient client =
                new KubernetesClientBuilder().withConfig(config).build();
        return new ControlPlane(
                new ConfigMapWorldSource(client, env.namespace(), env.job(), env.jobUid()),
                ReportSink.configMap(client, env.namespace(), env.progress()),
                client::close);
    }

    static ControlPlane files(TrainerEnvironment env, Optional<Path> world, Optional<Path> report) {
        WorldSource worlds = world.<WorldSource>map(file -> new FileWorldSource(file, env.jobUid()))
                .orElseGet(() -> new SingleProcessWorldSource(env.pod(), env.podUid()));
        return new ControlPlane(worlds, report.map(ReportSink::file).orElseGet(ReportSink::none), () -> {});
    }

    @Override
    public void close() {
        worlds.close();
        closing.run();
    }
}
