package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrivateFilesTest {
    @TempDir
    Path dir;

    static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    @Test
    void createsFoldersAndFilesForTheirOwnerAlone() throws IOException {
        Path folder = PrivateFiles.folder(dir.resolve("a/b/c"));
        PrivateFiles.write(folder.resolve("key"), "secret");
        PrivateFiles.create(folder.resolve("log"));
        assertThat(List.of(mode(dir.resolve("a")), mode(dir.resolve("a/b")), mode(folder)))
                .containsOnly("rwx------");
        assertThat(List.of(mode(folder.resolve("key")), mode(folder.resolve("log"))))
                .containsOnly("rw-------");
    }

    /** A reader that watches from before the file exists never sees one that others can read, or half of one. */
    @Test
    void aFileIsPrivateFromTheMomentItExists() throws Exception {
        Path file = dir.resolve("key");
        Set<String> seen = new TreeSet<>();
        AtomicBoolean done = new AtomicBoolean();
        Thread watcher = new Thread(() -> {
            while (!done.get()) {
                try (Stream<Path> there = Files.list(dir)) {
                    for (Path each : there.toList()) {
                        seen.add(mode(each));
                    }
                } catch (IOException gone) {
                    // it was replaced between listing and looking
                }
            }
        });
        watcher.start();
        for (int i = 0; i < 200; i++) {
            Files.deleteIfExists(file);
            PrivateFiles.write(file, "secret");
        }
        done.set(true);
        watcher.join();
        assertThat(seen).isSubsetOf("rw-------");
    }

    @Test
    void replacesAFileThatOthersCouldRead() throws IOException {
        Path file = Files.writeString(dir.resolve("key"), "old");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
        PrivateFiles.write(file, "new");
        assertThat(file).hasContent("new");
        assertThat(mode(file)).isEqualTo("rw-------");
    }

    @Test
    void takesOverAnEarlierVersionsTree() throws IOException {
        Path home = Files.createDirectories(dir.resolve("cluster/pods/p"))
                .resolveSibling("..")
                .normalize();
        Path elsewhere = Files.createFile(dir.resolve("elsewhere"));
        Files.createSymbolicLink(home.resolve("link"), elsewhere);
        for (Path file : List.of(home.resolve("kubeconfig"), home.resolve("pods/p/kubeconfig"), elsewhere)) {
            Files.writeString(file, "");
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr--"));
        }
        PrivateFiles.takeOverTree(home);
        assertThat(List.of(mode(home.resolve("kubeconfig")), mode(home.resolve("pods/p/kubeconfig"))))
                .containsOnly("rwx------");
        assertThat(List.of(mode(home), mode(home.resolve("pods/p")))).containsOnly("rwx------");
        assertThat(mode(elsewhere)).as("links are not followed").isEqualTo("rwxr-xr--");
    }

    @Test
    void leavesAFolderOfOtherFilesAsItIs() throws IOException {
        Path home = Files.createDirectory(dir.resolve("home"));
        Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.createFile(home.resolve("letter"));
        assertThatThrownBy(() -> PrivateFiles.clusterFolder(home))
                .isInstanceOf(LocalClusterException.class)
                .hasMessageContaining("contains other files")
                .hasMessageContaining("choose an empty or a new folder");
        assertThat(mode(home)).isEqualTo("rwxr-xr-x");
        Files.createFile(home.resolve("ports.json"));
        PrivateFiles.clusterFolder(home);
        assertThat(mode(home)).isEqualTo("rwx------");
    }
}
