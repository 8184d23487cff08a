package io.swav.chaos;

import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.Planned;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** Injects what trainers meet outside themselves: damaged bytes, strangers, and newcomers that must be kept out. */
final class NetworkFaults {
    /** Far longer than a trainer gives a stranger. */
    private static final Duration STRANGER_LIMIT = Duration.ofMinutes(1);

    private final Optional<TrainerLines> lines;
    private final Optional<StormImages> images;
    private final TrainerReports reports;
    private final JournalTailer tailer;
    private final StatusLog status;
    private final FaultLog log;
    private final Map<Stranger, String> strangers = new LinkedHashMap<>();
    private int blocks;

    /**
     * @param lines present if the plan has faults that need them
     * @param images present if the plan has newcomers with other data
     */
    NetworkFaults(
            Optional<TrainerLines> lines,
            Optional<StormImages> images,
            TrainerReports reports,
            JournalTailer tailer,
            StatusLog status,
            FaultLog log) {
        this.lines = lines;
        this.images = images;
        this.reports = reports;
        this.tailer = tailer;
        this.status = status;
        this.log = log;
    }

    /** Orders damage to the bytes between these members of the world. */
    OpenFault damage(Planned planned, LineFault fault, List<String> members) {
        return DamagedLine.begin(planned, fault, lines.orElseThrow(), members, tailer);
    }

    /** Connects a stranger to the trainer's port; false if it is no longer there. */
    boolean stranger(Planned planned, String victim) {
        Integer port = reports.ports().get(victim);
        Stranger.Manner manner = inTurn(Stranger.Manner.values(), strangers.size());
        Optional<Stranger> stranger = port == null
                ? Optional.empty()
                : Stranger.call(port, manner, new Random(planned.pick()), STRANGER_LIMIT);
        stranger.ifPresent(connected -> {
            String way = "a stranger connects and " + manner.words;
            log.record(planned, way, List.of(victim));
            strangers.put(connected, way + ": " + victim);
        });
        return stranger.isPresent();
    }

    private static <T> T inTurn(T[] all, int number) {
        return all[number % all.length];
    }

    /**
     * Makes the next new trainer one that must be kept out.
     *
     * @param pods that exist
     * @return empty if one of the pods is starting, which would be taken for the newcomer
     */
    Optional<OpenFault> newcomer(Planned planned, List<String> pods, Runnable scaleUp, Runnable scaleBack) {
        if (!reports.ports().keySet().containsAll(pods)) {
            return Optional.empty();
        }
        UnwelcomeNewcomer.Trouble trouble = planned.kind() == Kind.UNREACHABLE ? blocked() : otherData();
        OpenFault open =
                new UnwelcomeNewcomer(planned, trouble, () -> reports.ports().keySet(), tailer, status, scaleBack);
        scaleUp.run();
        return Optional.of(open);
    }

    private UnwelcomeNewcomer.Trouble blocked() {
        TrainerLines all = lines.orElseThrow();
        TrainerLines.Block block = inTurn(TrainerLines.Block.values(), blocks++);
        all.blockNext(block);
        return new UnwelcomeNewcomer.Trouble(
                "a newcomer cannot be reached, " + block.words, all::blockNone, StatusLog::hasIncident);
    }

    private UnwelcomeNewcomer.Trouble otherData() {
        StormImages folder = images.orElseThrow();
        folder.add();
        return new UnwelcomeNewcomer.Trouble(
                "a newcomer sees more images than the job", folder::remove, StatusLog::isStalledOver);
    }

    /** Records the strangers that were not refused; called when the job has ended. */
    void finish() {
        strangers.forEach((stranger, what) -> {
            if (!stranger.awaitRefusal()) {
                log.unseen("not seen: " + what + ": the trainer did not end the connection within "
                        + STRANGER_LIMIT.toSeconds() + " s");
            }
        });
    }
}
