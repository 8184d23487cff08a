package io.swav.common;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;
import java.util.zip.CRC32C;
import java.util.zip.ZipFile;

/**
 * The identity of this program's code: its version, and a checksum over its classes, because a snapshot's version names
 * many builds. Two builds of the same sources have the same identity.
 */
public final class BuildIdentity {
    private BuildIdentity() {}

    /** Returns "0.1.0+9f3c52aa"; the version alone, or "unknown", if the classes are not in jars. */
    public static String current() {
        String version = Optional.ofNullable(BuildIdentity.class.getPackage().getImplementationVersion())
                .orElse("unknown");
        return of(version, System.getProperty("java.class.path", ""));
    }

    static String of(String version, String classPath) {
        CRC32C sum = new CRC32C();
        boolean found = false;
        for (String entry : classPath.split(File.pathSeparator, -1)) {
            Path path = Path.of(entry);
            String name = String.valueOf(path.getFileName());
            if (name.startsWith("swav") && name.endsWith(".jar")) {
                found |= add(sum, path);
            }
        }
        return found ? version + "+" + HexFormat.of().toHexDigits((int) sum.getValue()) : version;
    }

    /** Adds the names and checksums of a jar's classes of ours; a jar that cannot be read adds nothing. */
    private static boolean add(CRC32C sum, Path jar) {
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            zip.stream()
                    .filter(entry -> entry.getName().startsWith("io/swav/")
                            && entry.getName().endsWith(".class"))
                    .map(entry -> entry.getName() + " " + entry.getCrc() + "\n")
                    .sorted()
                    .forEach(line -> sum.update(line.getBytes(StandardCharsets.UTF_8)));
            return true;
        } catch (IOException e) {
            return false;
        }
    }
}
