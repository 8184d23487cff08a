package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.SwavJobStatus;
import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.Notice;
import io.swav.chaos.StormScript.Planned;
import io.swav.local.StatusLine;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Faults that are over when the trainers' journals, or the job's status, show their effect. */
@Timeout(120)
class OpenFaultsTest {
    @TempDir
    Path dir;

    private JournalTailer tailer;
    private FaultLog log;
    private final StatusLog status = new StatusLog();
    private final Set<String> listening = new TreeSet<>(Set.of("storm-0", "storm-1"));
    private final List<String> calls = new ArrayList<>();

    @BeforeEach
    void open() {
        tailer = new JournalTailer(dir.resolve("journal"));
        log = new FaultLog(dir.resolve("happenings.jsonl"), StatusLine.standard(), tailer::stepsDone);
    }

    @AfterEach
    void close() {
        tailer.close();
    }

    private static Planned planned(Kind kind) {
        return new Planned(kind, 5, 0, Notice.DELETE, 2, 0, 7);
    }

    private void journal(String pod, String event, long at) throws IOException {
        String line =
                "{\"event\": \"%s\", \"at\": %d, \"generation\": 1, \"step\": 5, \"pid\": 1}\n".formatted(event, at);
        Files.writeString(
                dir.resolve("journal/" + pod + ".jsonl"), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        tailer.await(Duration.ZERO);
    }

    /** Passes bytes between a trainer and its peer: the handshake, and those that may be damaged. */
    private static void pass(ServerSocket trainer) throws IOException {
        try (Socket peer = new Socket()) {
            peer.connect(
                    new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 2}), trainer.getLocalPort()));
            try (Socket accepted = trainer.accept()) {
                peer.getOutputStream().write(new byte[LineProxy.UNTOUCHED_BYTES]);
                accepted.getInputStream().readNBytes(LineProxy.UNTOUCHED_BYTES);
                peer.getOutputStream().write(new byte[100]);
                peer.shutdownOutput();
                accepted.getInputStream().readAllBytes();
            }
        }
    }

    private OpenFault damage(TrainerLines lines, Kind kind) {
        return DamagedLine.begin(
                planned(kind), kind.lineFault().orElseThrow(), lines, List.of("storm-0", "storm-1"), tailer);
    }

    @Test
    void aDamagedLineIsOverWhenATrainerHasDroppedItsStep() throws Exception {
        try (TrainerLines lines = new TrainerLines();
                ServerSocket trainer = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            lines.serve(Map.of("storm-1", trainer.getLocalPort()));
            OpenFault fault = damage(lines, Kind.FLIP);
            journal("storm-0", "dropped", FaultLog.now());
            assertThat(fault.advance(log)).as("no bytes have passed").isFalse();
            assertThat(log.faults()).isEmpty();

            long before = FaultLog.now();
            pass(trainer);
            assertThat(fault.advance(log)).as("damaged, and not noticed").isFalse();
            assertThat(log.faults()).singleElement().satisfies(flip -> {
                assertThat(flip.way()).isEqualTo("one bit flipped on a connection of storm-1");
                assertThat(flip.at()).isBetween(before, FaultLog.now());
            });
            journal("storm-0", "dropped", FaultLog.now());
            assertThat(fault.advance(log)).isTrue();
            fault.abandon(log);
            assertThat(log.faults()).hasSize(1);
            assertThat(log.unseen()).isEmpty();
            assertThat(log.hit("storm-1")).as("it lives").isFalse();
        }
    }

    @Test
    void aDelayIsOverWhenTheBytesHaveArrived() throws Exception {
        try (TrainerLines lines = new TrainerLines();
                ServerSocket trainer = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            lines.serve(Map.of("storm-1", trainer.getLocalPort()));
            OpenFault fault = damage(lines, Kind.DELAY);
            pass(trainer);
            Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> fault.advance(log));
            InjectedFault delay = log.faults().get(0);
            assertThat(delay.until() - delay.at()).isEqualTo(DamagedLine.DELAY.toNanos() / 1000);
            assertThat(FaultLog.now()).isGreaterThan(delay.until());
        }
    }

    @Test
    void damageThatFoundNoBytesIsReported() {
        try (TrainerLines lines = new TrainerLines()) {
            OpenFault fault = damage(lines, Kind.CUT);
            fault.abandon(log);
            assertThat(log.unseen())
                    .singleElement()
                    .asString()
                    .startsWith("not injected: connection cut, planned at step 5");
        }
    }

    private OpenFault newcomer() {
        return new UnwelcomeNewcomer(
                planned(Kind.OTHER_DATA),
                new UnwelcomeNewcomer.Trouble("it is bad", () -> calls.add("end"), StatusLog::isStalledOver),
                () -> listening,
                tailer,
                status,
                () -> calls.add("scale back"));
    }

    private void stalled(String message) {
        SwavJobStatus.JobCondition condition =
                new SwavJobStatus.JobCondition("Stalled", "True", "Any", message, "2026-11-30T00:00:00Z", null);
        status.add(new SwavJobStatus(null, null, null, null, null, null, null, null, null, List.of(condition)));
    }

    @Test
    void aNewcomerIsOverWhenTheStatusHasNamedIt() {
        OpenFault fault = newcomer();
        stalled("storm-1 is in the way");
        assertThat(fault.advance(log)).as("no pod has come").isFalse();
        listening.add("storm-2");
        assertThat(fault.advance(log)).as("not named").isFalse();
        assertThat(log.faults()).singleElement().returns(List.of("storm-2"), InjectedFault::pods);
        assertThat(calls).isEmpty();
        stalled("storm-2 sees other images");
        assertThat(fault.advance(log)).isTrue();
        assertThat(calls).containsExactly("end", "scale back");
        assertThat(log.unseen()).isEmpty();
    }

    @Test
    void aNewcomerThatEntersTheWorldEndsTheWait() throws Exception {
        OpenFault fault = newcomer();
        listening.add("storm-2");
        assertThat(fault.advance(log)).isFalse();
        journal("storm-2", "formed", FaultLog.now());
        assertThat(fault.advance(log)).isTrue();
        assertThat(calls).containsExactly("end", "scale back");
    }

    @Test
    void aNewcomerThatWasNotNamedIsReported() {
        OpenFault none = newcomer();
        none.abandon(log);
        OpenFault unnamed = newcomer();
        listening.add("storm-2");
        assertThat(unnamed.advance(log)).isFalse();
        unnamed.abandon(log);
        assertThat(log.unseen())
                .satisfiesExactly(
                        first -> assertThat(first).startsWith("not injected: it is bad, planned at step 5"),
                        second -> assertThat(second)
                                .startsWith("not seen: it is bad: the job's status did not name storm-2"));
        assertThat(calls).containsExactly("end", "end");
    }
}
