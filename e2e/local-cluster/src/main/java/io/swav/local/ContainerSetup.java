package io.swav.local;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one run of a container needs on this machine. Command, environment and working folder contain folders of this
 * machine in place of the paths of the container's mounts.
 *
 * @param mounts folders of this machine by mount path
 */
record ContainerSetup(List<String> command, Map<String, String> env, Map<String, String> mounts, Path workingDir) {
    /** The variables that a container inherits from the machine's environment. */
    private static final List<String> INHERITED =
            List.of("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "XDG_CACHE_HOME");

    /**
     * @param commandLine of the image or the container, in which variables and mount paths are replaced
     * @throws PodConfigException naming an object, key or field that the environment refers to and that is missing
     */
    static ContainerSetup of(
            KubernetesClient client,
            Pod pod,
            Container container,
            List<String> commandLine,
            PodFolder folder,
            Map<String, String> mounts)
            throws IOException {
        Map<String, String> declared = PodEnvironment.of(client, pod, container);
        Map<String, String> env = new LinkedHashMap<>();
        for (String name : INHERITED) {
            String value = System.getenv(name);
            if (value != null) {
                env.put(name, value);
            }
        }
        if (ServiceAccounts.mounted(pod)) {
            env.put("KUBECONFIG", kubeconfig(client, pod, folder).toString());
        }
        declared.forEach((name, value) -> env.put(name, VariableExpansion.paths(value, mounts)));
        List<String> command = commandLine.stream()
                .map(word -> VariableExpansion.paths(VariableExpansion.variables(word, declared), mounts))
                .toList();
        Path workingDir = container.getWorkingDir() == null
                ? folder.path()
                : Path.of(VariableExpansion.paths(container.getWorkingDir(), mounts));
        return new ContainerSetup(command, env, mounts, workingDir);
    }

    private static Path kubeconfig(KubernetesClient client, Pod pod, PodFolder folder) throws IOException {
        Path kubeconfig = folder.path().resolve("kubeconfig");
        if (!Files.exists(kubeconfig)) {
            PrivateFiles.write(kubeconfig, ServiceAccounts.kubeconfig(client, pod));
        }
        return kubeconfig;
    }
}
