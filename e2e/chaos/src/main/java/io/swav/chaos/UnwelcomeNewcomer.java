package io.swav.chaos;

import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.Planned;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import java.util.function.Supplier;

/**
 * A newcomer that must not enter the world, from the request for one more trainer until the job's status has named the
 * newcomer. Then the number of trainers is as before.
 */
final class UnwelcomeNewcomer implements OpenFault {
    /** How long a trainer may take to start, and the job to name it: on a slow machine, both take a minute. */
    private static final Duration LIMIT = Duration.ofMinutes(3);

    /**
     * What makes a newcomer unwelcome.
     *
     * @param words a description
     * @param end undoes it for the newcomers after this one
     * @param named whether the job's status has named the newcomer
     */
    record Trouble(String words, Runnable end, BiPredicate<StatusLog, String> named) {}

    private final Planned planned;
    private final Trouble trouble;
    private final Supplier<Set<String>> listening;
    private final JournalTailer tailer;
    private final StatusLog status;
    private final Runnable scaleBack;
    private final Set<String> before;
    private Optional<String> newcomer = Optional.empty();
    private long end = System.nanoTime() + LIMIT.toNanos();

    /**
     * @param listening the pods of the trainers that listen for their peers
     * @param scaleBack requests as many trainers as before
     */
    UnwelcomeNewcomer(
            Planned planned,
            Trouble trouble,
            Supplier<Set<String>> listening,
            JournalTailer tailer,
            StatusLog status,
            Runnable scaleBack) {
        this.planned = planned;
        this.trouble = trouble;
        this.listening = listening;
        this.tailer = tailer;
        this.status = status;
        this.scaleBack = scaleBack;
        this.before = new TreeSet<>(listening.get());
    }

    @Override
    public boolean advance(FaultLog log) {
        if (newcomer.isEmpty()) {
            newcomer = listening.get().stream()
                    .filter(pod -> !before.contains(pod))
                    .findFirst();
            newcomer.ifPresent(pod -> {
                log.record(planned, trouble.words(), List.of(pod));
                end = System.nanoTime() + LIMIT.toNanos();
            });
        }
        boolean named = isNamed();
        boolean entered = newcomer.filter(tailer::hasFormed).isPresent(); // the judge finds that
        boolean late = System.nanoTime() > end;
        if (late && !named) {
            reportUnseen(log, LIMIT.toSeconds() + " s");
        }
        boolean over = named || entered || late;
        if (over) {
            trouble.end().run();
            scaleBack.run();
        }
        return over;
    }

    private boolean isNamed() {
        return newcomer.filter(pod -> trouble.named().test(status, pod)).isPresent();
    }

    private void reportUnseen(FaultLog log, String within) {
        log.unseen(newcomer.map(pod ->
                        "not seen: " + trouble.words() + ": the job's status did not name " + pod + " within " + within)
                .orElse("not injected: " + trouble.words() + ", planned at step " + planned.step()
                        + ": no new trainer listened within " + within));
    }

    @Override
    public String way() {
        return newcomer.map(pod -> pod + " must be kept out, because it has trouble: ")
                        .orElse("waiting for a newcomer with trouble: ")
                + (planned.kind() == Kind.UNREACHABLE ? "unreachable" : "other data");
    }

    @Override
    public void abandon(FaultLog log) {
        if (!isNamed()) {
            reportUnseen(log, "the time that the job had left");
        }
        trouble.end().run();
    }
}
