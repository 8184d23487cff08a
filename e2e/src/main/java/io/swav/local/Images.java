package io.swav.local;

import io.fabric8.kubernetes.api.model.Container;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Which command of this machine stands for an image. An image without one runs the container's own command. */
final class Images {
    /** As in an image: {@code command} replaces both, {@code args} replaces {@code arguments} alone. */
    record Image(List<String> entrypoint, List<String> arguments) {}

    private final Map<String, Image> byNamePart;

    Images(Map<String, Image> byNamePart) {
        this.byNamePart = new LinkedHashMap<>(byNamePart);
    }

    /** Images whose name holds {@code swav-trainer} are the trainer of this very build. */
    static Images trainer() {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> entrypoint = new ArrayList<>(List.of(java));
        entrypoint.addAll(io.swav.train.Main.JVM_OPTIONS);
        entrypoint.addAll(List.of("-Xshare:auto", "-cp", classPath(), io.swav.train.Main.class.getName()));
        return new Images(Map.of("swav-trainer", new Image(entrypoint, List.of("train"))));
    }

    /** This process's class path, its entries absolute: a container has a working folder of its own. */
    static String classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                .map(entry -> Path.of(entry).toAbsolutePath().toString())
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** The command line before any expansion; empty when neither image nor container says what to run. */
    Optional<List<String>> commandLine(Container container) {
        List<String> line = new ArrayList<>();
        Optional<Image> image = byNamePart.entrySet().stream()
                .filter(e ->
                        container.getImage() != null && container.getImage().contains(e.getKey()))
                .map(Map.Entry::getValue)
                .findFirst();
        if (!container.getCommand().isEmpty()) {
            line.addAll(container.getCommand());
            line.addAll(container.getArgs());
        } else if (image.isPresent()) {
            line.addAll(image.get().entrypoint());
            line.addAll(container.getArgs().isEmpty() ? image.get().arguments() : container.getArgs());
        }
        return line.isEmpty() ? Optional.empty() : Optional.of(line);
    }
}
