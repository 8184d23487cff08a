package io.swav.charts;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Compares generated files with their committed versions. */
public final class ProjectFiles {
    /** The project's folder; tests run in the folder of their module. */
    public static final Path PROJECT = Path.of("../..").toAbsolutePath().normalize();

    private ProjectFiles() {}

    /** Fails if the content of {@code file} is not {@code made}; with {@code -Dswav.golden=write} writes it first. */
    static void check(String file, String made) throws IOException {
        Path path = PROJECT.resolve(file);
        if ("write".equals(System.getProperty("swav.golden"))) {
            Files.createDirectories(path.getParent());
            Files.writeString(path, made);
        }
        assertThat(path)
                .as(
                        "run: mvn -pl e2e/tests -am test -Dtest='io.swav.charts.*Test' -Dsurefire.failIfNoSpecifiedTests=false"
                                + " -Dswav.golden=write, and commit the changes")
                .hasContent(made);
    }

    public static String read(String file) throws IOException {
        return Files.readString(PROJECT.resolve(file));
    }
}
