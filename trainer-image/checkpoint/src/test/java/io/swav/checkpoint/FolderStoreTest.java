package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.swav.checkpoint.CheckpointCatalog.Owner;
import io.swav.s3.S3Service;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class FolderStoreTest extends CheckpointsContract {
    @TempDir
    Path folder;

    @Override
    Store store() {
        return FolderStore.open(folder);
    }

    @Override
    int flips() {
        return 500;
    }

    @Override
    void remove(String inFolder, String file) throws IOException {
        Files.delete(folder.resolve(inFolder).resolve(file));
    }

    @Test
    void namesAFolderThatCannotBeCreated() throws Exception {
        Path file = Files.createFile(folder.resolve("a-file"));
        Store below = StoreFactory.open(file.resolve("below").toUri().toString(), S3Service.AWS);
        assertThatThrownBy(below::prepare).isInstanceOf(IOException.class).hasMessageContaining("a-file");
        assertThatThrownBy(() -> StoreFactory.open("gs://bucket", S3Service.AWS))
                .hasMessage("\"gs://bucket\" is neither file:///folder nor s3://bucket/prefix");
        // not /checkpoints on this machine's own disk
        assertThatThrownBy(() -> StoreFactory.open("file://data/checkpoints", S3Service.AWS))
                .hasMessage("\"file://data/checkpoints\" is neither file:///folder nor s3://bucket/prefix");
    }

    /** A link may lead to another training's files, or anywhere; without its name, training would begin at zero. */
    @Test
    void linksAreNamedAndNotFollowed() throws Exception {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        new CheckpointCatalog(FolderStore.open(elsewhere), new Owner("job", "cfg"), 2).save(checkpoint(9, 1));
        Files.createSymbolicLink(folder.resolve("step-9"), elsewhere.resolve("step-9"));
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        assertThatThrownBy(() -> checkpoints.newest(false))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("step-9 is a link or leads out of the store, and is not followed");

        Path copy = Files.createDirectory(folder.resolve("step-8"));
        for (String file : new String[] {"MANIFEST.json", "model.safetensors", "optimizer.safetensors", "state.json"}) {
            Files.createSymbolicLink(
                    copy.resolve(file), elsewhere.resolve("step-9").resolve(file));
        }
        Files.createSymbolicLink(folder.resolve("step-7"), folder.resolve("step-7")); // to itself
        Files.createSymbolicLink(folder.resolve("step-6"), folder.resolve("nowhere"));
        Files.createSymbolicLink(folder.resolve("step-5"), folder); // contains itself
        assertThat(checkpoints.catalogue(true))
                .hasSize(5)
                .allMatch(entry -> entry.problem().orElse("").contains("is a link or leads out of the store"));
        checkpoints.save(checkpoint(7, 1));
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(7, 1));
        checkpoints.save(checkpoint(10, 1));
        checkpoints.save(checkpoint(11, 1));
        assertThat(elsewhere.resolve("step-9/MANIFEST.json")).exists();
        assertThat(elsewhere.resolve("step-9/model.safetensors")).exists();
    }

    /** Opening a pipe would wait for a writer. */
    @Test
    @Timeout(60)
    void pipesAndFoldersInThePlaceOfFilesAreNamed() throws Exception {
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 5);
        checkpoints.save(checkpoint(1, 1));
        assertThat(sh("mkdir " + folder + "/step-2 && mkfifo " + folder + "/step-2/MANIFEST.json"))
                .isTrue();
        checkpoints.save(checkpoint(3, 1));
        assertThat(sh("rm " + folder + "/step-3/state.json && mkfifo " + folder + "/step-3/state.json"))
                .isTrue();
        CheckpointCatalog reopened = new CheckpointCatalog(store(), new Owner("job", "cfg"), 5);
        assertThat(newest(reopened)).isEqualTo(checkpoint(1, 1));
        assertThat(reopened.catalogue(true).stream()
                        .map(entry -> entry.problem().orElse("")))
                .containsExactly("step-3/state.json is not a file", "step-2/MANIFEST.json is not a file", "");
    }

    /** Their targets would be truncated, and then written to. */
    @Test
    void linksInThePlaceOfDraftsAreReplaced() throws Exception {
        Path victim = Files.writeString(folder.resolve("victim"), "keep this");
        Files.createDirectory(folder.resolve("export"));
        String draft = ".writing-" + new DraftWriter("job", 1).prefix() + "-";
        Files.createSymbolicLink(folder.resolve("export").resolve(draft + "backbone.safetensors"), victim);
        Files.createSymbolicLink(folder.resolve(draft + "step-1"), folder.resolve("nowhere"));
        Files.createSymbolicLink(folder.resolve(".removed-step-1"), folder.resolve("nowhere"));
        Files.createDirectory(folder.resolve(".writing-99999999999999999999-step-1"));
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 5);
        checkpoints.save(checkpoint(1, 1));
        checkpoints.export(checkpoint(1, 1));
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(1, 1));
        assertThat(victim).hasContent("keep this");
        assertThat(folder.resolve("export/backbone.safetensors")).isRegularFile();
    }

    /** Such a folder is lost+found in the root of a volume, which only its owner may read. */
    @Test
    void ignoresFilesOfOthers() throws Exception {
        Path foreign = Files.createDirectory(folder.resolve("lost+found"));
        Files.createFile(foreign.resolve("a-file")); // root sees it, because root may read everything
        Files.setPosixFilePermissions(foreign, Set.of());
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
        assertThat(checkpoints.newest(false)).isEmpty();
        checkpoints.save(checkpoint(1, 1));
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(1, 1));
        assertThat(store().names()).hasSize(4).allMatch(name -> name.startsWith("step-1/"));
        Files.setPosixFilePermissions(foreign, PosixFilePermissions.fromString("rwx------"));
    }

    @Test
    void followsALinkToTheFolder() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Files.createDirectory(folder.resolve("target")));
        CheckpointCatalog checkpoints = new CheckpointCatalog(FolderStore.open(link), new Owner("job", "cfg"), 1);
        checkpoints.save(checkpoint(1, 1));
        assertThat(newest(checkpoints)).isEqualTo(checkpoint(1, 1));
        checkpoints.save(checkpoint(2, 1));
        assertThat(FolderStore.open(link).names()).hasSize(4).allMatch(name -> name.startsWith("step-2/"));
    }

    /** A real small disk: full, then read-only, then working again. */
    @Test
    void fullOrReadOnlyDiskKeepsCheckpointsAndSavingRecovers() throws Exception {
        assumeTrue(sh("mount -t tmpfs -o size=64k tmpfs " + folder), "needs the right to mount");
        try {
            CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("job", "cfg"), 2);
            checkpoints.save(checkpoint(1, 1));
            Path ballast = Files.write(folder.resolve("ballast"), new byte[32 << 10]);
            while (Files.getFileStore(folder).getUsableSpace() > 0) {
                Files.write(folder.resolve("more" + Files.getFileStore(folder).getUsableSpace()), new byte[1]);
            }
            assertThatThrownBy(() -> checkpoints.save(checkpoint(2, 1)))
                    .hasMessageContaining("No space left on device");
            assertThat(newest(checkpoints)).isEqualTo(checkpoint(1, 1));
            assertThat(store().names()).noneMatch(name -> name.contains("step-2"));
            Files.delete(ballast);
            checkpoints.save(checkpoint(2, 1));

            assertThat(sh("mount -o remount,ro " + folder)).isTrue();
            assertThatThrownBy(() -> checkpoints.save(checkpoint(3, 1))).hasMessageContaining("Read-only file system");
            assertThat(newest(checkpoints)).isEqualTo(checkpoint(2, 1));
            assertThat(sh("mount -o remount,rw " + folder)).isTrue();
            checkpoints.save(checkpoint(3, 1));
            assertThat(newest(checkpoints)).isEqualTo(checkpoint(3, 1));
        } finally {
            assertThat(sh("umount " + folder)).isTrue();
        }
    }

    private static boolean sh(String command) throws Exception {
        Process process = new ProcessBuilder("sh", "-c", command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0;
    }
}
