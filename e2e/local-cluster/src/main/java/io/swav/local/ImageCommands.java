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
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** Maps images to commands of this machine. An image without an entry runs the container's own command. */
final class ImageCommands {
    /** As in an image: a container's {@code command} replaces both, its {@code args} only {@code arguments}. */
    record Image(List<String> entrypoint, List<String> arguments) {}

    /** System property with the jar of this build, for a process that runs from class folders. */
    private static final String JAR = "swav.jar";

    private final Map<String, Image> byNamePart;

    ImageCommands(Map<String, Image> byNamePart) {
        this.byNamePart = new LinkedHashMap<>(byNamePart);
    }

    /** Maps the images that are on the class path, see {@link LocalImage}. */
    static ImageCommands onClassPath() {
        Map<String, Image> images = new LinkedHashMap<>();
        for (LocalImage image : ServiceLoader.load(LocalImage.class)) {
            images.put(image.namePart(), new Image(java(image.jvmOptions(), image.mainClass()), image.arguments()));
        }
        return new ImageCommands(images);
    }

    /**
     * The command of a JVM that runs a class of this build. The JVM loads classes from the archive that the build created
     * from a trainer's classes (JEP 310, JEP 350) if it matches the class path; otherwise the JVM ignores the archive.
     */
    static List<String> java(List<String> options, String main) {
        String classPath = classPath();
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.add("-Xshare:auto");
        if (!classPath.contains(File.pathSeparator)) {
            command.add("-XX:SharedArchiveFile=" + Path.of(classPath).resolveSibling("swav.jsa"));
        }
        command.addAll(List.of("-cp", classPath, main));
        return command;
    }

    /** The class path of this build with absolute paths, because a container has a working folder of its own. */
    private static String classPath() {
        String path = System.getProperty(JAR, System.getProperty("java.class.path"));
        return Arrays.stream(path.split(File.pathSeparator, -1))
                .map(entry -> Path.of(entry).toAbsolutePath().toString())
                .collect(Collectors.joining(File.pathSeparator));
    }

    /** The command line before any expansion; empty if neither the image nor the container specifies a command. */
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
