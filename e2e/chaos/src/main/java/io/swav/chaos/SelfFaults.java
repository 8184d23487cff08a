package io.swav.chaos;

import io.swav.api.TrainerEnv;
import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.FaultPlan;
import io.swav.chaos.StormScript.Planned;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The planned faults that trainers inject into themselves, and the variables by which they know of them. */
final class SelfFaults {
    /** No other fault is injected this many steps before and after one, so that a dropped step has one cause. */
    private static final int ALONE = 3;

    private final FaultPlan plan;
    private final String job;
    private final List<Planned> planned;

    /** @param script the whole script, of which this takes its part */
    SelfFaults(FaultPlan plan, List<Planned> script, String job) {
        this.plan = plan;
        this.job = job;
        this.planned = script.stream().filter(each -> each.kind().bySelf()).toList();
    }

    /** The variables of the storm's trainers. */
    Map<String, String> environment() {
        Map<String, String> variables = new LinkedHashMap<>();
        String nans = planned.stream()
                .filter(each -> each.kind() == Kind.NAN)
                .map(each -> "nan@" + each.step() + ":" + rank(each))
                .collect(Collectors.joining(","));
        if (!nans.isEmpty()) {
            variables.put(TrainerEnv.INJECT, nans);
        }
        planned.stream()
                .filter(each -> each.kind() == Kind.DRIFT)
                .forEach(each -> variables.put(TrainerEnv.FAULT_FLIP, pod(each) + "@" + each.step()));
        return variables;
    }

    List<Planned> planned() {
        return planned;
    }

    /** Whether another fault now could not be distinguished from one of these. */
    boolean isNear(long stepsDone) {
        return planned.stream().anyMatch(each -> Math.abs(each.step() - stepsDone) <= ALONE);
    }

    /** A record of the fault, once its step has been made. */
    InjectedFault record(Planned each) {
        boolean drift = each.kind() == Kind.DRIFT;
        String way = drift
                ? "one bit of the weights of " + pod(each) + " flipped before step " + each.step()
                : "NaN at rank " + rank(each) + " in step " + each.step();
        long now = FaultLog.now();
        return new InjectedFault(
                each.kind(),
                way,
                now,
                each.step(),
                Optional.of(pod(each)).filter(pod -> drift).stream().toList(),
                0,
                now);
    }

    /** A rank that every world has, unless faults have just hit more pods than the script's worlds can spare. */
    private int rank(Planned each) {
        return Math.floorMod(each.pick(), Math.max(1, plan.minReplicas()));
    }

    /** One of the first pods, but not the first: of two that differ and hold no checkpoint, rank 0 is believed. */
    private String pod(Planned each) {
        return job + "-" + (1 + Math.floorMod(each.pick(), Math.max(1, plan.replicas() - 1)));
    }
}
