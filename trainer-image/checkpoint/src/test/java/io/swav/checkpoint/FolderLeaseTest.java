package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.checkpoint.CheckpointCatalog.Owner;
import io.swav.checkpoint.StoreLease.Claim;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderLeaseTest extends LeaseContract {
    private static final long SEED = 73;
    private static final int ROUNDS = 500;

    @TempDir
    Path folder;

    @Override
    Store store() {
        return FolderStore.open(folder);
    }

    @Override
    void put(String name, byte[] content) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.write(file, content);
    }

    /** Two commands on one machine: the second one need not wait for anything. */
    @Test
    void aProcessOfThisMachineIsRefusedWhileTheOwnerRunsAndNotLonger() throws Exception {
        Process owner = Claimer.start(folder.toString(), 0, "");
        try (BufferedReader said =
                new BufferedReader(new InputStreamReader(owner.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(said.readLine()).isEqualTo("true");
            assertThat(lease(Training.ofThisProcess("swav train")).claim())
                    .isInstanceOfSatisfying(
                            Claim.Refused.class,
                            refused -> assertThat(refused.why())
                                    .contains("belongs to the claimer (process " + owner.pid() + ")"));
            owner.destroyForcibly();
            assertThat(owner.waitFor(1, TimeUnit.MINUTES)).isTrue();
            assertThat(lease(Training.ofThisProcess("swav train")).claim()).isEqualTo(new Claim.Held());
        } finally {
            owner.destroyForcibly();
        }
    }

    @Test
    void aProcessIsKnownByItsStartInTicksOrAsEarlierTrainersWroteIt() {
        LocalProcess own = LocalProcess.current().orElseThrow();
        String time =
                ProcessHandle.current().info().startInstant().orElseThrow().toString();
        assertThat(own.runs()).contains(true);
        assertThat(new LocalProcess(own.machine(), own.pid(), time).runs()).contains(true);
        assertThat(new LocalProcess(own.machine(), own.pid(), "1").runs()).contains(false);
    }

    /** In another container the number of a process means nothing. */
    @Test
    void aProcessOfAnotherMachineIsJudgedByItsSigns() throws Exception {
        Training elsewhere = new Training(
                "process 1",
                "swav train (process 1)",
                Optional.of(new LocalProcess("another", 1, "2026-01-01T00:00:00Z")));
        lease(elsewhere).claim();
        StoreLease here = lease(Training.ofThisProcess("swav train"));
        assertThat(here.claim()).isInstanceOf(Claim.Waiting.class);
        watch(here, 60);
        assertThat(here.claim()).isEqualTo(new Claim.Held());
    }

    @Test
    void linksInThePlaceOfTheOwnerAreNotFollowed() throws Exception {
        Path victim = Files.createDirectory(folder.resolve("victim"));
        Files.writeString(victim.resolve("OWNER.json"), "keep this");
        Files.createSymbolicLink(folder.resolve("owner-1"), victim);
        StoreLease lease = lease(job("a", "demo"));
        assertThat(lease.claim()).isInstanceOf(Claim.Waiting.class);
        watch(lease, 60);
        assertThat(lease.claim()).isEqualTo(new Claim.Held());
        lease.refresh();
        assertThat(victim.resolve("OWNER.json")).hasContent("keep this");
    }

    /** It is not removed either: whoever made it may need it. */
    @Test
    void aFileInThePlaceOfTheOwnersFolderIsNamed() throws Exception {
        Files.writeString(folder.resolve("owner-1"), "keep this");
        assertThatThrownBy(() -> lease(job("a", "demo")).claim())
                .isInstanceOf(IOException.class)
                .hasMessageContaining(folder.resolve("owner-1").toString())
                .hasMessageContaining("Not a directory");
        assertThat(folder.resolve("owner-1")).hasContent("keep this");
    }

    @Test
    void anyBytesInThePlaceOfTheOwnerAreJudged() throws Exception {
        SplittableRandom random = new SplittableRandom(SEED);
        lease(job("a", "demo")).claim();
        Path file = folder.resolve("owner-1/OWNER.json");
        byte[] whole = Files.readAllBytes(file);
        for (int round = 0; round < ROUNDS; round++) {
            byte[] mutated = whole.clone();
            for (int i = 0; i < 4; i++) {
                mutated[random.nextInt(mutated.length)] = (byte) random.nextInt();
            }
            Files.write(file, random.nextBoolean() ? mutated : Arrays.copyOf(mutated, random.nextInt(whole.length)));
            Claim claim = lease(job("b", "demo")).claim();
            assertThat(claim).as("seed %d, round %d", SEED, round).isInstanceOf(Claim.Waiting.class);
        }
        for (String json :
                new String[] {"[".repeat(60_000), "{\"a\":".repeat(10_000), "null", "\u0000", "[]", "1e999"}) {
            Files.writeString(file, json);
            assertThat(lease(job("b", "demo")).claim()).isInstanceOf(Claim.Waiting.class);
        }
    }

    /** It would be written to, whatever it leads to. */
    @Test
    void anExportFolderThatIsALinkIsNamedAndNotFollowed() throws Exception {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Files.createSymbolicLink(folder.resolve("export"), elsewhere);
        CheckpointCatalog checkpoints = new CheckpointCatalog(store(), new Owner("a", "cfg"), 1);
        assertThatThrownBy(() -> checkpoints.export(checkpoint("a", 1)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(folder.resolve("export") + " is a link, and is not followed");
        checkpoints.save(checkpoint("a", 1));
        assertThat(elsewhere).isEmptyDirectory();
    }
}
