package io.swav.charts;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Committed files that are made from something else. */
public final class Golden {
    /** The project's folder; tests run in that of their module. */
    public static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();

    private Golden() {}

    /** Fails when {@code file} is not {@code made}; {@code -Dswav.golden=write} writes it instead. */
    static void check(String file, String made) throws IOException {
        Path path = PROJECT.resolve(file);
        if ("write".equals(System.getProperty("swav.golden"))) {
            Files.createDirectories(path.getParent());
            Files.writeString(path, made);
        }
        assertThat(path)
                .as("run: mvn -pl e2e -am test -Dtest='io.swav.charts.*Test' -Dsurefire.failIfNoSpecifiedTests=false"
                        + " -Dswav.golden=write, and commit what changed")
                .hasContent(made);
    }

    public static String read(String file) throws IOException {
        return Files.readString(PROJECT.resolve(file));
    }
}
