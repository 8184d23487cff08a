package io.swav.chaos;

import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.Planned;
import io.swav.local.LocalDeployment;
import java.util.List;
import java.util.Locale;

/** A time without the API server or without the operator. */
final class Outage implements OpenFault {
    private final LocalDeployment stack;
    private final Kind kind;
    private final String component;
    private final long at;
    private final long step;
    private final long ends;

    private Outage(LocalDeployment stack, Planned planned, long step) {
        this.stack = stack;
        this.kind = planned.kind();
        this.component = kind == Kind.API_AWAY ? "the API server" : "the operator";
        this.at = FaultLog.now();
        this.step = step;
        this.ends = at + (long) (planned.seconds() * 1e6);
    }

    /**
     * Stops the component.
     *
     * @param step number of steps applied so far
     */
    static Outage begin(LocalDeployment stack, Planned planned, long step, FaultLog log) {
        Outage outage = new Outage(stack, planned, step);
        log.say(String.format(Locale.ROOT, "%s stops for %.0f s", outage.component, planned.seconds()));
        if (outage.kind == Kind.API_AWAY) {
            stack.stopApiServer();
        } else {
            stack.stopOperator();
        }
        return outage;
    }

    @Override
    public boolean advance(FaultLog log) {
        boolean due = FaultLog.now() >= ends;
        if (due) {
            end(log);
        }
        return due;
    }

    /** Starts the component again. */
    private void end(FaultLog log) {
        long until = FaultLog.now(); // taken before the start: how long it stays away while it starts is unknown
        if (kind == Kind.API_AWAY) {
            stack.startApiServer();
        } else {
            stack.startOperator();
        }
        log.say(component + " is back");
        log.add(new InjectedFault(kind, way(), at, step, List.of(), 0, until));
    }

    @Override
    public String way() {
        return component + " was away";
    }

    @Override
    public boolean apiAnswers() {
        return kind != Kind.API_AWAY;
    }
}
