package io.swav.chaos;

import io.swav.chaos.StormScript.Planned;
import java.time.Duration;
import java.util.List;
import java.util.Random;

/** Follows damaged bytes between two trainers, from the order until the trainers have noticed. */
final class DamagedLine implements OpenFault {
    /** How long a delay lasts: shorter than any trainer's patience. */
    static final Duration DELAY = Duration.ofSeconds(2);
    /** Longer than any step, and than the time in which trainers notice that bytes are missing. */
    private static final long LIMIT_NANOS = Duration.ofMinutes(2).toNanos();

    private final Planned planned;
    private final LineDamage damage;
    private final JournalTailer tailer;
    private final long end = System.nanoTime() + LIMIT_NANOS;
    private boolean recorded;
    private long at;

    private DamagedLine(Planned planned, LineDamage damage, JournalTailer tailer) {
        this.planned = planned;
        this.damage = damage;
        this.tailer = tailer;
    }

    /** Orders the damage: the first bytes that pass between these pods are hit. */
    static DamagedLine begin(
            Planned planned, LineFault fault, TrainerLines lines, List<String> members, JournalTailer tailer) {
        LineDamage damage = new LineDamage(fault, new Random(planned.pick()), DELAY);
        lines.damage(members, damage);
        return new DamagedLine(planned, damage, tailer);
    }

    @Override
    public boolean advance(FaultLog log) {
        recordIfDone(log);
        if (recorded && (planned.kind().dropsAStep() ? tailer.brokeAfter(at) : FaultLog.now() > until())) {
            return true;
        }
        boolean late = System.nanoTime() > end;
        return late && (recorded || withdraw(log)); // a trace that is missing is the judge's matter
    }

    private void recordIfDone(FaultLog log) {
        damage.done().filter(done -> !recorded).ifPresent(done -> record(done, log));
    }

    /** Withdraws the order; false if a proxy is just carrying it out. */
    private boolean withdraw(FaultLog log) {
        boolean withdrawn = damage.take();
        if (withdrawn) {
            log.unseen("not injected: " + damage.fault().words + ", planned at step " + planned.step()
                    + ": no bytes passed over TCP between trainers from then on. Bytes over NCCL do not pass the"
                    + " storm's proxies");
        }
        return withdrawn;
    }

    private void record(LineDamage.Done done, FaultLog log) {
        recorded = true;
        at = done.at();
        String way = damage.fault().words + " on a connection of " + done.pod();
        log.say(way);
        log.add(new InjectedFault(planned.kind(), way, at, tailer.stepsDone(), List.of(done.pod()), 0, until()));
    }

    private long until() {
        return planned.kind().dropsAStep() ? at : at + DELAY.toNanos() / 1000;
    }

    @Override
    public String way() {
        return "waiting for the effect of: " + damage.fault().words;
    }

    @Override
    public void abandon(FaultLog log) {
        recordIfDone(log);
        if (!recorded) {
            withdraw(log);
        }
    }
}
