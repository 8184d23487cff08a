package io.swav.chaos;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.chaos.StormScript.Planned;
import io.swav.local.LocalClusterException;
import io.swav.local.StatusLine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;

/** The faults injected so far, in a file as lines of JSON and on the terminal. */
final class FaultLog {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Path file;
    private final StatusLine line;
    private final LongSupplier stepsDone;
    private final List<InjectedFault> faults = new ArrayList<>();
    private final Set<String> hit = new HashSet<>();
    private final List<String> unseen = new ArrayList<>();

    FaultLog(Path file, StatusLine line, LongSupplier stepsDone) {
        this.file = file;
        this.line = line;
        this.stepsDone = stepsDone;
    }

    /** Records a fault of this moment; called before its first signal or request. */
    void record(Planned planned, String way, List<String> pods) {
        long at = now();
        say(way + (pods.isEmpty() ? "" : ": " + String.join(", ", pods)));
        add(new InjectedFault(planned.kind(), way, at, stepsDone.getAsLong(), pods, planned.replicas(), at));
    }

    /** Records a fault that has begun before this moment. */
    void add(InjectedFault fault) {
        faults.add(fault);
        if (fault.kind().endsPods()) {
            hit.addAll(fault.pods());
        }
        try {
            Files.writeString(
                    file, JSON.writeValueAsString(fault) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new LocalClusterException("cannot write " + file, e);
        }
    }

    /** Prints what happens, with the current step. */
    void say(String what) {
        line.say("step " + stepsDone.getAsLong() + ": " + what);
    }

    List<InjectedFault> faults() {
        return faults;
    }

    /** Records that a fault has had no effect, although it should have one. */
    void unseen(String what) {
        say(what);
        unseen.add(what);
    }

    /** Descriptions of the faults that had no effect. */
    List<String> unseen() {
        return unseen;
    }

    /** Whether a fault that ends pods has hit the pod. */
    boolean hit(String pod) {
        return hit.contains(pod);
    }

    /** Epoch microseconds, as in the trainers' journals. */
    static long now() {
        return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
    }
}
