package io.swav.e2e;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.SpecLoader;
import io.swav.local.ControlPlaneInstaller;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** Provides one API server for all test classes of a run; starts it with the first and ends it after the last. */
public final class TestCluster implements BeforeAllCallback, ParameterResolver {
    private record Shared(LocalControlPlane cluster, KubernetesClient client) implements AutoCloseable {
        @Override
        public void close() {
            client.close();
            cluster.close();
        }

        static Shared start() {
            try {
                Path dir = Files.createTempDirectory("swav-e2e");
                LocalControlPlane cluster = LocalControlPlane.start(
                        dir,
                        new ControlPlaneInstaller(System.getenv(), System.err::println).find(),
                        List.of(SpecLoader.crd()));
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
        return type == LocalControlPlane.class || type == KubernetesClient.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        Shared shared = shared(context);
        return parameter.getParameter().getType() == LocalControlPlane.class ? shared.cluster() : shared.client();
    }

    /** Returns N of Kubernetes 1.N, the version of the API server. */
    static int minorVersion(KubernetesClient client) {
        // a provider's may read "27+"
        return Integer.parseInt(client.getKubernetesVersion().getMinor().replaceAll("\\D", ""));
    }

    /** Whether the API server itself rejects a spec that breaks a CEL rule of the CRD. */
    static boolean enforcesRules(KubernetesClient client) {
        return minorVersion(client) >= 25;
    }

    private static Shared shared(ExtensionContext context) {
        return context.getRoot()
                .getStore(ExtensionContext.Namespace.create(TestCluster.class))
                .getOrComputeIfAbsent("cluster", key -> Shared.start(), Shared.class);
    }
}
