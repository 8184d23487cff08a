package io.swav.e2e;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.SwavJobSpecs;
import io.swav.local.KubeSetup;
import io.swav.local.LocalCluster;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** One API server for all test classes of a run, started when the first asks for it, ended after the last. */
public final class TestCluster implements BeforeAllCallback, ParameterResolver {
    private record Shared(LocalCluster cluster, KubernetesClient client) implements AutoCloseable {
        @Override
        public void close() {
            client.close();
            cluster.close();
        }

        static Shared start() {
            try {
                Path dir = Files.createTempDirectory("swav-e2e");
                LocalCluster cluster = LocalCluster.start(
                        dir, new KubeSetup(System.getenv(), System.err::println).find(), List.of(SwavJobSpecs.crd()));
                return new Shared(cluster, cluster.client());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        shared(context);
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        Class<?> type = parameter.getParameter().getType();
        return type == LocalCluster.class || type == KubernetesClient.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        Shared shared = shared(context);
        return parameter.getParameter().getType() == LocalCluster.class ? shared.cluster() : shared.client();
    }

    private static Shared shared(ExtensionContext context) {
        return context.getRoot()
                .getStore(ExtensionContext.Namespace.create(TestCluster.class))
                .getOrComputeIfAbsent("cluster", key -> Shared.start(), Shared.class);
    }
}
