package io.swav.trainer;

import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Lets trainer processes start in half the CPU time: their classes come from an archive (JEP 350), which Java accepts only
 * for a class path of jars. Both are made once for all test JVMs, and again if a class has changed.
 */
final class ClassArchive {
    private static final Path FOLDER = Path.of("target", "class-archive").toAbsolutePath();
    private static final Path ARCHIVE = FOLDER.resolve("trainer.jsa");

    private static final class Made {
        static final List<String> OPTIONS = make();
    }

    private ClassArchive() {}

    /** Returns the options of a JVM that set its class path, and the archive if it could be made. */
    static List<String> options() {
        return Made.OPTIONS;
    }

    private static List<String> make() {
        String given = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        try {
            Files.createDirectories(FOLDER);
            try (FileChannel file =
                    FileChannel.open(FOLDER.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                file.lock(); // until the file is closed
                return options(Stream.of(given.split(File.pathSeparator, -1))
                        .filter(entry -> Files.exists(Path.of(entry)))
                        .toList());
            }
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException("cannot archive the trainer's classes in " + FOLDER, e);
        }
    }

    private static List<String> options(List<String> given) throws IOException, InterruptedException {
        List<String> jars = new ArrayList<>();
        for (String entry : given) {
            jars.add(
                    Files.isDirectory(Path.of(entry))
                            ? FOLDER.resolve(jars.size() + ".jar").toString()
                            : entry);
        }
        String path = String.join(File.pathSeparator, jars);
        Path stamp = FOLDER.resolve("stamp");
        String now = content(given);
        if (!Files.exists(stamp) || !Files.readString(stamp).equals(now)) {
            Files.deleteIfExists(stamp);
            for (int i = 0; i < jars.size(); i++) {
                if (!jars.get(i).equals(given.get(i))) {
                    run("jar", "--create", "--no-compress", "--file", jars.get(i), "-C", given.get(i), ".");
                }
            }
            trainAndArchive(path);
            Files.writeString(stamp, now);
        }
        return List.of("-XX:SharedArchiveFile=" + ARCHIVE, "-Xlog:cds=off", "-cp", path);
    }

    private static void trainAndArchive(String path) throws IOException, InterruptedException {
        Files.deleteIfExists(ARCHIVE);
        run(
                "java",
                "-XX:+UseSerialGC",
                "-Xlog:cds=off",
                "-XX:ArchiveClassesAtExit=" + ARCHIVE,
                "-cp",
                path,
                ToyTrainingFactory.class.getName(),
                "--config",
                Files.writeString(FOLDER.resolve("job.json"), Trainers.spec(2, 15))
                        .toString(),
                "--out",
                Files.createTempDirectory("class-archive").toString());
    }

    private static void run(String tool, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", tool).toString());
        command.addAll(List.of(arguments));
        Path log = FOLDER.resolve(tool + ".log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " failed:\n" + Files.readString(log));
        }
    }

    /** Lists the files of the class path with their sizes and times. */
    private static String content(List<String> path) throws IOException {
        StringBuilder all = new StringBuilder();
        for (String entry : path) {
            try (Stream<Path> files = Files.walk(Path.of(entry))) {
                for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
                    all.append(file)
                            .append(' ')
                            .append(Files.size(file))
                            .append(' ')
                            .append(Files.getLastModifiedTime(file))
                            .append('\n');
                }
            }
        }
        return all.toString();
    }
}
