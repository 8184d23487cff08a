package io.swav.e2e;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.local.ControlPlaneInstaller;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Provides one API server for all test classes of a JVM; starts it with the first and ends it with the JVM. JUnit's store of
 * the root context would end it after each class, because Surefire runs each class by itself if it has several JVMs.
 */
public final class TestCluster implements BeforeAllCallback, AfterAllCallback, ParameterResolver {
    private static @Nullable Shared shared;

    private record Shared(LocalControlPlane cluster, KubernetesClient client) {
        private void close() {
            client.close();
            cluster.close();
        }

        private static Shared start() {
            try {
                Path dir = Files.createTempDirectory("swav-e2e");
                LocalControlPlane cluster = LocalControlPlane.start(
                        dir,
                        new ControlPlaneInstaller(System.getenv(), System.err::println).find(),
                        List.of(SpecLoader.crd()));
                Shared started = new Shared(cluster, cluster.client());
                Runtime.getRuntime().addShutdownHook(new Thread(started::close, "test-cluster"));
                return started;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        shared();
    }

    /** Deletes jobs and pods, which a node of the next class would take for its own. */
    @Override
    public void afterAll(ExtensionContext context) {
        shared().client().resources(SwavJob.class).inAnyNamespace().delete();
        shared().client().pods().inAnyNamespace().withGracePeriod(0).delete();
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        Class<?> type = parameter.getParameter().getType();
        return type == LocalControlPlane.class || type == KubernetesClient.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == LocalControlPlane.class ? shared().cluster() : shared().client();
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

    private static synchronized Shared shared() {
        if (shared == null) {
            shared = Shared.start();
        }
        return shared;
    }
}
