package io.swav.chaos;

import java.util.List;

/**
 * A fault that the storm injected.
 *
 * @param way a description, e.g. {@code pod evicted}
 * @param at start, epoch microseconds, taken before the first signal or request
 * @param step number of steps that the journals had recorded as applied by then
 * @param pods the pods it hit; empty for a resize
 * @param replicas desired replicas at this point of the script; 0 for kills by the clock and for outages
 * @param until end of an outage, epoch microseconds; otherwise {@code at}
 */
record InjectedFault(Kind kind, String way, long at, long step, List<String> pods, int replicas, long until) {
    enum Kind {
        /** SIGKILL to one trainer. */
        KILL(false),
        /** One pod, or all pods of one node, get a termination notice. */
        NOTICE(true),
        /** SIGSTOP to one trainer, without a later SIGCONT. */
        HANG(false),
        RESIZE(true),
        /** A node and all its processes end, without notice to the API server. */
        NODE(false),
        KILL_ALL_BUT_ONE(false),
        /** SIGKILL to all trainers: no process holds the state, so training resumes from the newest checkpoint. */
        KILL_ALL(false),
        API_AWAY(true),
        OPERATOR_AWAY(true);

        private final boolean notice;

        Kind(boolean notice) {
            this.notice = notice;
        }

        /** Whether the fault gives notice, so that it must not cost any step. */
        boolean withNotice() {
            return notice;
        }
    }

    InjectedFault {
        pods = List.copyOf(pods);
    }
}
