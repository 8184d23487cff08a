package io.swav.local;

import io.fabric8.kubernetes.api.model.Pod;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The folder of a pod's files: {@code pods/<namespace>_<name>_<uid>/<container>/<run>.log}, as a kubelet keeps them, with
 * a folder of process files for each run beside its log.
 */
record PodFolder(Path path) {

    static PodFolder of(Path pods, Pod pod) {
        return new PodFolder(pods.resolve(pod.getMetadata().getNamespace() + "_"
                + pod.getMetadata().getName() + "_" + pod.getMetadata().getUid()));
    }

    /** The newest folder of a pod with this name; its logs stay after the pod is deleted. */
    static Optional<PodFolder> find(Path pods, String namespace, String name) {
        String prefix = namespace + "_" + name + "_";
        return children(pods).stream()
                .filter(p -> p.getFileName().toString().startsWith(prefix))
                .max(Comparator.comparing(p -> p.toFile().lastModified()))
                .map(PodFolder::new);
    }

    static List<Path> children(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> paths = Files.list(folder)) {
            return paths.toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    String name() {
        return String.valueOf(path.getFileName());
    }

    Path volumes() {
        return path.resolve("volumes");
    }

    Path container(String name) {
        return path.resolve(name);
    }

    Path run(String container, int run) {
        return container(container).resolve(Integer.toString(run));
    }

    Path log(String container, int run) {
        return container(container).resolve(run + ".log");
    }

    /** The number of runs of a container that have left files. */
    int runs(String container) {
        int runs = 0;
        while (Files.isDirectory(run(container, runs))) {
            runs++;
        }
        return runs;
    }

    /** The folders of all container processes that have left files here. */
    Stream<Path> processes() {
        return children(path).stream()
                .filter(Files::isDirectory)
                .flatMap(container -> children(container).stream())
                .filter(run -> Files.exists(run.resolve("shell")));
    }

    /** Deletes the volumes and the kubeconfig; keeps the logs. */
    void clear() {
        LocalControlPlane.deleteTree(volumes());
        try {
            Files.deleteIfExists(path.resolve("kubeconfig"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
