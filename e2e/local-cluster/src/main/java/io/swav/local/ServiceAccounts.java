package io.swav.local;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.authentication.TokenRequest;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;

/** Provides the credentials of a pod's service account. */
final class ServiceAccounts {
    /** Longer than a job on a laptop; the token becomes invalid with its pod anyway. */
    private static final Duration LIFETIME = Duration.ofDays(30);

    private ServiceAccounts() {}

    /** A fresh token of the pod's service account, bound to the pod. */
    static String token(KubernetesClient client, Pod pod) {
        TokenRequest request = new TokenRequestBuilder()
                .withNewSpec()
                .withExpirationSeconds(LIFETIME.toSeconds())
                .withNewBoundObjectRef()
                .withApiVersion("v1")
                .withKind("Pod")
                .withName(pod.getMetadata().getName())
                .withUid(pod.getMetadata().getUid())
                .endBoundObjectRef()
                .endSpec()
                .build();
        return client.serviceAccounts()
                .inNamespace(pod.getMetadata().getNamespace())
                .withName(name(pod))
                .tokenRequest(request)
                .getStatus()
                .getToken();
    }

    /** A kubeconfig with such a token; it stands in for the in-cluster configuration of a real pod. */
    static String kubeconfig(KubernetesClient client, Pod pod) {
        Config own = client.getConfiguration();
        String authority = own.getCaCertData() == null
                ? ""
                : new String(Base64.getDecoder().decode(own.getCaCertData()), StandardCharsets.UTF_8);
        return ClusterCertificates.kubeconfig(
                own.getMasterUrl(),
                authority,
                name(pod),
                token(client, pod),
                pod.getMetadata().getNamespace());
    }

    static String name(Pod pod) {
        String name = pod.getSpec().getServiceAccountName();
        return name == null || name.isEmpty() ? "default" : name;
    }

    static boolean mounted(Pod pod) {
        return !Boolean.FALSE.equals(pod.getSpec().getAutomountServiceAccountToken());
    }
}
