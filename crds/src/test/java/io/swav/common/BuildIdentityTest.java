package io.swav.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuildIdentityTest {
    @TempDir
    Path folder;

    @Test
    void differsIfAClassDoesAndNotIfOnlyTheTimeDoes() throws IOException {
        String one = identity(jar("a", "code", 1_000_000_000_000L));
        assertThat(one).matches("0\\.1\\.0\\+[0-9a-f]{8}");
        assertThat(identity(jar("b", "code", 1_600_000_000_000L))).isEqualTo(one);
        assertThat(identity(jar("c", "other code", 1_000_000_000_000L))).isNotEqualTo(one);
    }

    @Test
    void isTheVersionIfTheClassesAreNotInJars() {
        assertThat(BuildIdentity.of("0.1.0", "target/classes" + File.pathSeparator + "lib/netty.jar"))
                .isEqualTo("0.1.0");
    }

    private static String identity(Path jar) {
        return BuildIdentity.of("0.1.0", "other.jar" + File.pathSeparator + jar);
    }

    private Path jar(String name, String content, long time) throws IOException {
        Path file = Files.createDirectory(folder.resolve(name)).resolve("swav-trainer-0.1.0.jar");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            ZipEntry entry = new ZipEntry("io/swav/trainer/Main.class");
            entry.setTime(time);
            zip.putNextEntry(entry);
            zip.write(content.getBytes(StandardCharsets.UTF_8));
            zip.closeEntry();
        }
        return file;
    }
}
